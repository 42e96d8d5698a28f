"""`run.json` and `study.json`, as far as a report goes by them. What is wrong is told by file and key."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from imafarm.errors import ConfigurationError

RUN, STUDY = "run.json", "study.json"
RUN_FORMAT, STUDY_FORMAT = "imafarm run 1", "imafarm study 1"


def _finite(value: object) -> object:
    """Numbers that are none, as some writers of JSON have them, are as good as missing."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
Scalar = int | float | str | bool | None


class Part(BaseModel):
    """A part of a document. Keys that a report does not need may be there."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Asked(Part):
    """What a run was asked for."""

    scenario: str
    hosts: int | None = None
    zones: int | None = None
    seed: int
    product: str | None = None
    settings: dict[str, int] = {}
    farm: str | None = None
    store: str | None = None
    bound: bool = False


class Check(Part):
    """One thing that a scenario holds a farm to."""

    name: str
    passed: bool
    detail: str


class Messages(Part):
    """Messages of one kind."""

    sent: int
    delivered: int
    dropped: int
    in_flight: int
    bytes: int


class Bindings(Part):
    """What became of bindings."""

    opened: int
    hit: int
    evicted: int
    closed: int
    refused: int
    active: int


class Elections(Part):
    """How many elections there were."""

    started: int
    won: int
    converged_seconds: Number = None


class Verdict(Part):
    """What came of a run."""

    scenario: str
    seed: int
    product: str
    hosts: int
    zones: int
    settings: dict[str, int]
    verdict: Literal["passed", "failed"]
    checks: list[Check]
    virtual_seconds: float
    wall_seconds: Number = None
    events: int
    digest: str
    masters: dict[str, str | None] = {}
    messages: dict[str, Messages]
    bindings: Bindings
    elections: Elections

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.verdict == "passed"


class Moment(Part):
    """Something worth telling."""

    seconds: float
    what: str


class Election(Part):
    """One election of a zone."""

    zone: str
    doubted_seconds: Number = None
    doubted_by: str | None = None
    started_seconds: Number = None
    started_by: str | None = None
    first_ack_seconds: Number = None
    declared_seconds: Number = None
    master: str | None = None
    converged_seconds: Number = None
    candidates: int = 0

    @property
    def began_seconds(self) -> float | None:
        """The first doubt, or else the first ELECT_MASTER, or else the declaration."""
        for known in (self.doubted_seconds, self.started_seconds, self.declared_seconds):
            if known is not None:
                return known
        return None

    @property
    def took_seconds(self) -> float | None:
        """From its beginning to agreement."""
        began = self.began_seconds
        return None if began is None or self.converged_seconds is None else self.converged_seconds - began


class RunDocument(Part):
    """`run.json`."""

    format: Literal["imafarm run 1"]
    version: str
    asked: Asked
    verdict: Verdict
    moments: list[Moment] = []
    figures: dict[str, Scalar] = {}
    elections: list[Election] = []
    files: list[str] = []


class Varied(Part):
    """A name that a study varies."""

    name: str
    values: list[Scalar]
    log: bool = False


class StudyAsked(Asked):
    """What a study was asked for."""

    vary: list[Varied]
    measures: list[str] = []
    repeat: int = 1


class Measure(Part):
    """What a study measures at each point."""

    title: str
    unit: str = ""
    better: Literal["less", "more"] | None = None
    meaning: str = ""

    @property
    def headed(self) -> str:
        """The title with its unit, unless it says it already, as the head of a picture."""
        said = not self.unit or self.unit.lower() in self.title.lower()
        return self.title[:1].upper() + self.title[1:] + ("" if said else f", {self.unit}")


class Point(Part):
    """One run of a study."""

    vary: dict[str, Scalar]
    seed: int
    verdict: str
    measures: dict[str, Number]
    digest: str = ""


class Knee(Part):
    """The value from which on a measure is no longer bad."""

    vary: str
    value: float
    below: float | None = None
    theory: float | None = None
    measure: str
    hosts: str | None = None


class StudyDocument(Part):
    """`study.json`."""

    format: Literal["imafarm study 1"]
    version: str
    asked: StudyAsked
    measures: dict[str, Measure]
    rows: list[Point] = Field(default=[])
    knee: Knee | None = None
    recommendation: str | None = None
    cost: str | None = None
    """What it costs to be below the knee, in a line."""
    complete: bool = True

    def values(self, name: str) -> list[Scalar]:
        """Every value of a varied name: those that were asked for, and those that the study came to try, in order."""
        asked = next(varied.values for varied in self.asked.vary if varied.name == name)
        tried = [point.vary[name] for point in self.rows if name in point.vary]
        found = dict.fromkeys([*asked, *tried])
        if all(isinstance(value, int | float) for value in found):
            return sorted(found, key=lambda value: value if isinstance(value, int | float) else 0)
        return list(found)

    def known(self, measure: str) -> bool:
        """Whether any run says anything of a measure."""
        return any(point.measures.get(measure) is not None for point in self.rows)


def kind_of(directory: Path, argument: str = "DIRECTORY") -> Literal["run", "study"]:
    """Whether a directory is a run's or a study's.

    Raises `ConfigurationError` if it is neither; `argument` is what the directory is called in the error.
    """
    if not directory.is_dir():
        raise ConfigurationError([f"{argument}: there is no directory {directory}"])
    if (directory / RUN).is_file():
        return "run"
    if (directory / STUDY).is_file():
        return "study"
    raise ConfigurationError(
        [
            f"{argument}: {directory} holds neither {RUN} nor {STUDY}, which `imafarm run --out` or "
            "`imafarm study --out` leaves"
        ]
    )


def read_run(directory: Path) -> RunDocument:
    """`run.json`. Raises `ConfigurationError` that names the file and every key that is wrong."""
    return _read(directory / RUN, RunDocument, RUN_FORMAT)


def read_study(directory: Path) -> StudyDocument:
    """`study.json`. Raises `ConfigurationError` that names the file and every key that is wrong."""
    return _read(directory / STUDY, StudyDocument, STUDY_FORMAT)


Document = TypeVar("Document", bound=BaseModel)


def _read(path: Path, model: type[Document], format_: str) -> Document:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError([f"cannot be read: {error.strerror}"], source=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError([f"is no JSON: {error}"], source=str(path)) from None
    if isinstance(found, dict) and found.get("format", format_) != format_:
        raise ConfigurationError([f"format: {found['format']!r} is not {format_!r}"], source=str(path))
    try:
        return model.model_validate(found)
    except ValidationError as error:
        mistakes = [f"{_key(each['loc'])}: {each['msg']}" for each in error.errors(include_url=False)]
        raise ConfigurationError(mistakes, source=str(path)) from None


def _key(place: tuple[int | str, ...]) -> str:
    said = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return said.lstrip(".") or "the document"
