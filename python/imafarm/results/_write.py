"""Writing a run's directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from imafarm.errors import ConfigurationError
from imafarm.results._directory import DOCUMENT, FORMAT, TABLES, check_directory, clear
from imafarm.scenario import Verdict
from imafarm.settings import default_settings
from imafarm.tables import Table, write_whole


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run was asked for, besides what its verdict repeats: whoever asks for the same gets the same."""

    farm: str | None = None
    """The name of the farm file, if there was one."""
    store: str | None = None
    """The data store, if the farm came from one."""
    bound: bool = False
    """Whether hosts began bound."""

    def as_json(self, verdict: Verdict) -> dict[str, Any]:
        """As `run.json` has it."""
        usual = default_settings()
        return {
            "scenario": verdict.scenario,
            "hosts": verdict.hosts,
            "zones": verdict.zones,
            "seed": verdict.seed,
            "product": verdict.product,
            "settings": {name: value for name, value in verdict.settings.items() if usual.get(name) != value},
            "farm": self.farm,
            "store": self.store,
            "bound": self.bound,
        }


def write_run(
    directory: Path,
    verdict: Verdict,
    *,
    asked: Asked,
    tables: Mapping[str, Table],
    text: str | None = None,
) -> None:
    """Writes what came of a run: `run.json`, `verdict.json`, and a Parquet file for each table.

    directory: made if it is not there. What an older run has left there is gone, all of it.
    tables: by name: events, traffic, bindings, hosts, messages; as many of them as there are.
    text: the verdict for a person, as `verdict.txt`.

    `run.json` comes last, so where it is, all is.

    Errors: `ConfigurationError` if the directory holds a study, or if a file cannot be written, which it names. Then
    none of these files is there.
    """
    unknown = set(tables) - set(TABLES)
    if unknown:
        raise ConfigurationError([f"tables: there is none called {name!r}" for name in sorted(unknown)])
    check_directory(directory)
    names = [f"{name}.parquet" for name in TABLES if name in tables]
    document = {
        "format": FORMAT,
        "version": version("imafarm"),
        "asked": asked.as_json(verdict),
        "verdict": verdict.as_json(),
        "moments": [asdict(moment) for moment in verdict.moments],
        "figures": dict(verdict.figures),
        "elections": [asdict(election) for election in verdict.elections],
        "files": names,
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError([f"--out: cannot write to {directory}: {error.strerror or error}"]) from None
    clear(directory)
    try:
        for name in TABLES:
            if name in tables:
                tables[name].write_parquet(directory / f"{name}.parquet")
        _write_json(directory / "verdict.json", verdict.as_json())
        if text is not None:
            _write_text(directory / "verdict.txt", text)
        _write_json(directory / DOCUMENT, document)
    except BaseException:
        with suppress(ConfigurationError):
            clear(directory)
        raise


def _write_json(path: Path, value: object) -> None:
    _write_text(path, json.dumps(value, indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    write_whole(path, lambda file: file.write(text.encode()))
