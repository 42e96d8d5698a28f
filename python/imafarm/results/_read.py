"""Reading a run's directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from imafarm.errors import ConfigurationError
from imafarm.results._directory import DOCUMENT, FORMAT
from imafarm.tables import Damaged, Table, read_parquet

PARTS: Mapping[str, type] = {
    "version": str,
    "asked": dict,
    "verdict": dict,
    "moments": list,
    "figures": dict,
    "elections": list,
    "files": list,
}
"""What a document has to have besides its format."""


@dataclass(frozen=True)
class RunResults:
    """What a run has left. Tables are read when they are first asked for."""

    directory: Path
    document: Mapping[str, Any]
    """All of `run.json`."""

    @property
    def version(self) -> str:
        """The version of imafarm that wrote it."""
        return cast(str, self.document["version"])

    @property
    def asked(self) -> Mapping[str, Any]:
        """What the run was asked for: scenario, hosts, zones, seed, product, the settings that were changed, ..."""
        return cast(Mapping[str, Any], self.document["asked"])

    @property
    def verdict(self) -> Mapping[str, Any]:
        """The object that `imafarm run --json` prints."""
        return cast(Mapping[str, Any], self.document["verdict"])

    @property
    def moments(self) -> Sequence[Mapping[str, Any]]:
        """What was worth telling: `seconds` and `what`."""
        return cast(Sequence[Mapping[str, Any]], self.document["moments"])

    @property
    def figures(self) -> Mapping[str, int | float | str]:
        """The numbers that the scenario is about."""
        return cast(Mapping[str, int | float | str], self.document["figures"])

    @property
    def elections(self) -> Sequence[Mapping[str, Any]]:
        """The elections, as `Farm.elections` tells of them."""
        return cast(Sequence[Mapping[str, Any]], self.document["elections"])

    @property
    def files(self) -> Sequence[str]:
        """The names of the tables' files."""
        return cast(Sequence[str], self.document["files"])

    @cached_property
    def events(self) -> Table:
        """Every event, one by one."""
        return self.table("events")

    @cached_property
    def traffic(self) -> Table:
        """What became of messages, by bins of farm time."""
        return self.table("traffic")

    @cached_property
    def bindings(self) -> Table:
        """What hosts did with their bindings, by bins of farm time."""
        return self.table("bindings")

    @cached_property
    def hosts(self) -> Table:
        """Every host as it was at the end."""
        return self.table("hosts")

    @cached_property
    def messages(self) -> Table | None:
        """Some of an election's messages, one by one, if there are any."""
        return self.table("messages") if "messages.parquet" in self.files else None

    def table(self, name: str) -> Table:
        """The table of this name.

        Errors: `ConfigurationError`, naming the file that is missing or no table.
        """
        path = self.directory / f"{name}.parquet"
        if path.name not in self.files:
            raise ConfigurationError([f"{path}: this run has no such table"])
        return read_table(path)


def read_table(path: Path) -> Table:
    """The table of a Parquet file.

    Errors: `ConfigurationError`, naming the file, if it is missing, or no Parquet file.
    """
    try:
        return Table(read_parquet(path))
    except OSError as error:
        raise ConfigurationError([f"{path}: {error.strerror or error}"]) from None
    except Damaged as error:
        raise ConfigurationError([f"{path}: is damaged: {error}"]) from None


def read_run(directory: Path | str) -> RunResults:
    """What a run has left in its directory.

    Errors: `ConfigurationError`, naming the file, and what is wrong with it.
    """
    directory = Path(directory)
    path = directory / DOCUMENT
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            [f"{path}: is not there; `imafarm run SCENARIO --out {directory}` writes it"]
        ) from None
    except OSError as error:
        raise ConfigurationError([f"{path}: {error.strerror or error}"]) from None
    except ValueError as error:
        raise ConfigurationError([f"{path}: {error}"]) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else None
        raise ConfigurationError([f"{path}: format: {FORMAT!r} is wanted, {found!r} is there"])
    mistakes = [
        f"{path}: {key}: {'is missing' if key not in document else 'is no ' + wanted.__name__}"
        for key, wanted in PARTS.items()
        if not isinstance(document.get(key), wanted)
    ]
    if mistakes:
        raise ConfigurationError(mistakes)
    return RunResults(directory, document)
