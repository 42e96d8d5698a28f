"""The notebook in `examples`: it is committed as it is before it has run, and it runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples/cache_tuning.ipynb"


def test_it_is_clean() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec == {"display_name": "Python 3", "language": "python", "name": "python3"}
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    # As Jupyter writes it, so that whoever saves it sees only what has changed.
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def outputs(notebook: Any, cell: str) -> Iterator[dict[str, Any]]:
    """What a cell shows, by the type of content; what it prints as `stdout`."""
    (found,) = [each for each in notebook.cells if each.id == cell]
    for output in found.outputs:
        assert output.output_type != "error" and output.get("name") != "stderr", output
        yield {output.name: output.text} if output.output_type == "stream" else dict(output.data)


@pytest.mark.usefixtures("jupyter_of_our_own")
def test_it_runs_and_finds_the_answer(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = {cell.id: list(outputs(notebook, cell.id)) for cell in notebook.cells if cell.cell_type == "code"}
    assert shown["one"][0]["stdout"].startswith("H1 collects, after ")
    assert "text/html" in shown["one"][1]
    assert "│ 10     ┆ 598    ┆ 299  ┆ 299     ┆ 968    ┆ 256 " in shown["evictions"][0]["text/plain"]
    assert "BIND_REQUEST" in shown["kinds"][0]["text/plain"]
    assert shown["chart"][0]["image/svg+xml"].startswith("<svg")
    assert shown["answer"] == [{"stdout": "300 hosts: 299 entries are enough, one for each other host of the zone\n"}]
    assert list(tmp_path.iterdir()) == []
