"""The tables of a farm file: which keys there are, of which type, and within which bounds.

The JSON schema of the file is made from these, so every key has its description here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from imafarm.topology._checks import YEAR_SECONDS, Quantity, name_mistake
from imafarm.topology._link import LINK_KEYS, Link
from imafarm.topology._live_plan import DEFAULT_NETWORK, LivePlan, address_mistake, network_mistake
from imafarm.topology._shape import MOST_POINTS, Shape, order_mistakes
from imafarm.topology._store_plan import STORE_KEYS, StorePlan
from imafarm.topology._topology import DEFAULT_MAGIC, LARGEST_FARM, LARGEST_MAGIC, Product
from imafarm.topology._workload import WORKLOAD_KEYS, Workload, rate_mistake

LARGEST_HOST_ID = 2**48 - 1
MINUTE_SECONDS, HOUR_SECONDS = 60.0, 3_600.0
YEAR_MINUTES = YEAR_SECONDS / MINUTE_SECONDS
SETTINGS_TITLE = "Settings"
"""By which the JSON schema knows a table of settings."""

COUNTED = re.compile(r"\{n(?::0([1-9]))?\}")
"""Where the number of a host stands in the name of many: `{n}`, or `{n:03}` with zeros before it."""


def valid_name(name: str) -> str:
    """A name of a host, a zone or an application."""
    if said := name_mistake(name):
        raise ValueError(said)
    return name


def valid_subnet(text: str) -> str:
    """A network (`10.22.44.0/24`) or its address alone."""
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 or IPv6 network") from None
    if interface.ip != interface.network.network_address:
        raise ValueError(f"{text} is a host; its network is {interface.network}")
    return text


def valid_network(text: str) -> str:
    """A network that a live farm's hosts can be in."""
    if said := network_mistake(text):
        raise ValueError(said)
    return text


def valid_address(text: str) -> str:
    """An address that a live farm's host can have."""
    if said := address_mistake(text):
        raise ValueError(said)
    return text


def subnet_address(text: str) -> str:
    """The address of a subnet, which is the default name of its zone."""
    return str(ipaddress.ip_interface(text).ip)


def _each_once(names: list[str]) -> list[str]:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(f"{name!r} stands there twice")
    return names


def _bounds(quantity: Quantity) -> Any:
    return Field(ge=quantity.least, le=quantity.most)


Name = Annotated[str, AfterValidator(valid_name), Field(json_schema_extra={"minLength": 1})]
Names = Annotated[list[Name], Field(min_length=1), AfterValidator(_each_once)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Magic = Annotated[int, Field(ge=0, le=LARGEST_MAGIC)]
Settings = Annotated[dict[str, object], Field(title=SETTINGS_TITLE)]
Minutes = Annotated[float, Field(ge=0.001, le=YEAR_MINUTES)]
MinutesOrNone = Annotated[float, Field(ge=0, le=YEAR_MINUTES)]
Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=0, le=1_000)]


class Table(BaseModel):
    """What all tables have in common: no key but the known ones, and no value taken for another type's."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


class LinkTable(Table):
    """What links have that is not the default."""

    latency_seconds: Annotated[float, _bounds(LINK_KEYS["latency_seconds"])] | None = None
    """The least time a message takes."""
    jitter_seconds: Annotated[float, _bounds(LINK_KEYS["jitter_seconds"])] | None = None
    """What comes on top at most, drawn for each message."""
    bandwidth_bits_per_second: Annotated[float, _bounds(LINK_KEYS["bandwidth_bits_per_second"])] | None = None
    """0: without limit."""
    loss: Annotated[float, _bounds(LINK_KEYS["loss"])] | None = None
    """The share of messages that get lost on their way."""

    def link(self) -> Link:
        """The links of this table."""
        return Link(**self.model_dump())


class LinksTable(Table):
    """The links of all zones."""

    inside: LinkTable = LinkTable()
    """The links inside a zone."""
    between: LinkTable = LinkTable()
    """The links between zones; two zones may have another in `zones.links`."""


class StoreTable(Table):
    """The data store as a place in the emulated network."""

    round_trip_seconds: Annotated[float, _bounds(STORE_KEYS["round_trip_seconds"])] | None = None
    """From a host to the store and back."""
    bandwidth_bits_per_second: Annotated[float, _bounds(STORE_KEYS["bandwidth_bits_per_second"])] | None = None
    """Of the pipe that all hosts without a replica share; 0: without limit."""
    replicas: Annotated[list[Name], AfterValidator(_each_once)] = []
    """The zones whose hosts read from a replica next to them."""

    def plan(self) -> StorePlan:
        """The place of the data store."""
        return StorePlan(self.round_trip_seconds, self.bandwidth_bits_per_second, tuple(self.replicas))


class LiveTable(Table):
    """Where the hosts listen when the farm is live. Each host's ports are its own, `ima_port` and `admin_port`."""

    network: Annotated[str, AfterValidator(valid_network)] = DEFAULT_NETWORK
    """An IPv4 network; the first host has its first address, the second its second, and so on."""
    addresses: dict[Name, Annotated[str, AfterValidator(valid_address)]] = {}
    """By the name of a host: the IPv4 address of one that has another."""

    def plan(self) -> LivePlan:
        """The addresses of the hosts."""
        return LivePlan(self.network, dict(self.addresses))


class ZoneTable(Table):
    """A zone."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["name"]}, {"required": ["subnet"]}]})

    name: Name | None = None
    """Its name; by default the address of its subnet."""
    subnet: Annotated[str, AfterValidator(valid_subnet)] | None = None
    """An IPv4 or IPv6 network, `10.22.44.0/24`, or its address alone. Gives the zone its default name."""
    hosts: Annotated[int, Field(ge=0, le=LARGEST_FARM)] = 0
    """How many hosts to generate in it, after those listed."""
    links: dict[Name, LinkTable] = {}
    """By the name of another zone: the links between the two, once for each pair; the rest is as in `links.between`."""

    @model_validator(mode="after")
    def _has_a_name(self) -> ZoneTable:
        if self.name is None and self.subnet is None:
            raise ValueError("a zone has a name or a subnet, and this one neither")
        return self

    @property
    def called(self) -> str:
        """The zone's name."""
        return self.name if self.name is not None else subnet_address(self.subnet or "")


class HostTable(Table):
    """A host, or with `count` many alike."""

    name: Name
    """Its name; with `count` one that holds {n}, or {n:02} for two digits at least."""
    zone: Name
    """The name of its zone."""
    count: Annotated[int, Field(ge=1, le=LARGEST_FARM)] | None = Field(default=None, validate_default=True)
    """How many hosts this table stands for; {n} in their names goes from 1 to it."""
    host_id: Annotated[int, Field(ge=1, le=LARGEST_HOST_ID)] | None = None
    """The number that names it, by default its place among the hosts; with `count` the number of the first."""
    ima_port: Port = 2512
    """The port between servers."""
    admin_port: Port | None = None
    """The Management Console's port (2513)."""
    version: Annotated[int, Field(ge=0, le=255)] = 1
    """What an election compares first."""
    preference: Annotated[int, Field(ge=1, le=4)] | None = None
    """What it compares second: 1 Most Preferred to 4 Not Preferred; by default 1 for a zone's first host, else 3."""
    mode: Literal["controller", "session-host"] = "controller"
    """A session-host only runs sessions: it never stands in an election, and has no admin port."""
    magic: Magic | None = None
    """A magic number that is not the farm's: the host takes itself for a farm of its own."""
    settings: Settings = {}
    """What it has that other hosts do not, under the registry's value names."""

    @field_validator("count")
    @classmethod
    def _numbers_its_names(cls, count: int | None, known: ValidationInfo) -> int | None:
        name = known.data.get("name")
        if name is not None and count is not None:
            valid_name(numbered(name, count)[-1])
        if name is not None and (count is None) == bool(COUNTED.search(name)):
            raise ValueError(f"missing; {name!r} numbers many hosts" if count is None else f"{name!r} holds no {{n}}")
        return count

    @field_validator("mode")
    @classmethod
    def _session_hosts_have_less(cls, mode: str, known: ValidationInfo) -> str:
        extra = [key for key in ("preference", "admin_port") if known.data.get(key) is not None]
        if mode == "session-host" and extra:
            raise ValueError(f"a session-host has no {' and no '.join(extra)}")
        return mode


class ApplicationTable(Table):
    """A published application."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["servers", "zones"]}})

    name: Name
    """Its name."""
    servers: Names | None = None
    """The hosts it is published on, by name; the name of many ("CTX{n}") stands for all of them; by default all."""
    zones: Names | None = None
    """The zones on whose hosts it is published, instead of `servers`."""

    @field_validator("zones")
    @classmethod
    def _stand_for_servers(cls, zones: list[str] | None, known: ValidationInfo) -> list[str] | None:
        if zones is not None and known.data.get("servers") is not None:
            raise ValueError("say servers or zones, not both")
        return zones


class RampTable(Table):
    """From nothing to the whole rate."""

    ramp_minutes: MinutesOrNone
    """How long the rise takes."""

    def shape(self) -> Shape:
        """The shape of this table."""
        return Shape.ramp(self.ramp_minutes * MINUTE_SECONDS)


class StepTable(Table):
    """The rate itself, and from a moment on a multiple of it."""

    step_at_minutes: MinutesOrNone
    """When."""
    factor: Factor
    """How many times the rate from then on."""

    def shape(self) -> Shape:
        """The shape of this table."""
        return Shape.step(self.step_at_minutes * MINUTE_SECONDS, self.factor)


class DayTable(Table):
    """A working day, on another clock."""

    day_shift_hours: Annotated[float, Field(ge=-24, le=24)]
    """By how much the zone's day comes later; negative: earlier."""

    def shape(self) -> Shape:
        """The shape of this table."""
        return Shape.day(self.day_shift_hours * HOUR_SECONDS)


class PointsTable(Table):
    """Straight lines between points."""

    points: Annotated[
        list[Annotated[list[float], Field(min_length=2, max_length=2)]], Field(min_length=1, max_length=MOST_POINTS)
    ]
    """[minutes, factor] each, in order of time; two at one moment make a jump."""
    period_minutes: MinutesOrNone = 0
    """After so long it begins again; 0: it never does."""

    @field_validator("points")
    @classmethod
    def _are_in_order(cls, points: list[list[float]]) -> list[list[float]]:
        ranges = [
            f"[{position}]: {value} is out of range, 0 to {most}"
            for position, point in enumerate(points)
            for value, most in zip(point, (YEAR_MINUTES, 1_000), strict=True)
            if not 0 <= value <= most
        ]
        if mistakes := ranges or list(order_mistakes([at for at, _ in points])):
            raise ValueError("; ".join(mistakes))
        return points

    @field_validator("period_minutes")
    @classmethod
    def _ends_after_the_points(cls, period: float, known: ValidationInfo) -> float:
        points = known.data.get("points")
        if 0 < period < 1 or (points and 0 < period < points[-1][0]):
            raise ValueError(f"{period} is less than a minute, or ends before the last point")
        return period

    def shape(self) -> Shape:
        """The shape of this table."""
        points = tuple((at * MINUTE_SECONDS, factor) for at, factor in self.points)
        return Shape(points, self.period_minutes * MINUTE_SECONDS)


SHAPE_NAME = "(name)"
SHAPES: dict[str, str] = {
    "ramp_minutes": "(ramp)",
    "step_at_minutes": "(step)",
    "day_shift_hours": "(day)",
    "points": "(points)",
}
"""By the key that a table of a shape has: its tag, which is unlike any key of the file."""


def _shape_tag(raw: object) -> str | None:
    if isinstance(raw, str):
        return SHAPE_NAME
    if isinstance(raw, RampTable | StepTable | DayTable | PointsTable):
        raw = type(raw).model_fields
    return next((tag for key, tag in SHAPES.items() if key in raw), None) if isinstance(raw, dict) else None


ShapeTable = Annotated[
    Annotated[Literal["constant", "day"], Tag(SHAPE_NAME)]
    | Annotated[RampTable, Tag("(ramp)")]
    | Annotated[StepTable, Tag("(step)")]
    | Annotated[DayTable, Tag("(day)")]
    | Annotated[PointsTable, Tag("(points)")],
    Discriminator(
        _shape_tag,
        custom_error_type="shape",
        custom_error_message=f"it should be 'constant', 'day' or a table with {', '.join(SHAPES)}",
    ),
]


class WorkloadTable(Table):
    """What the users of one or more zones do. A zone has one at most."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["logons_per_hour"]}, {"required": ["logons_per_day"]}]}
    )

    zones: Names | None = None
    """The zones whose users do this, each by itself. By default all."""
    applications: Annotated[list[Name], Field(json_schema_extra={"minItems": 1})]
    """What they log on to, each as often as the others."""
    logons_per_hour: Annotated[float, _bounds(WORKLOAD_KEYS["logons_per_hour"])] | None = None
    """In each of the zones, where the shape's factor is 1. Or `logons_per_day`."""
    logons_per_day: Annotated[float, Field(ge=0, le=24 * WORKLOAD_KEYS["logons_per_hour"].most)] | None = None
    """In each of the zones, where the shape's factor is 1, rounded to whole ones. Or `logons_per_hour`."""
    session_minutes: Minutes = 30
    """How long a session is connected, on average."""
    session_least_minutes: MinutesOrNone = 0
    """How long it is connected at least."""
    disconnect_share: Share = 0.1
    """The share of sessions that are disconnected, instead of logged off, when their time is over."""
    reconnect_share: Share = 0.5
    """The share of disconnected sessions whose user comes back; the others are logged off."""
    disconnected_minutes: Minutes = 10
    """How long a session stays disconnected until either, on average."""
    shape: ShapeTable = "constant"
    """How the rate goes on over farm time: "constant", "day" (a working day from midnight), or a table."""

    @field_validator("applications")
    @classmethod
    def _has_applications(cls, names: list[str]) -> list[str]:
        if not names:
            raise ValueError("the workload has none; a logon is to one of them")
        return _each_once(names)

    @field_validator("logons_per_hour", "logons_per_day")
    @classmethod
    def _is_none_or_one_a_day(cls, rate: float | None, known: ValidationInfo) -> float | None:
        per_day = 24 if known.field_name == "logons_per_hour" else 1
        if rate is not None and (said := rate_mistake(rate, rate * per_day)):
            raise ValueError(said)
        return rate

    @field_validator("session_least_minutes")
    @classmethod
    def _is_within_the_average(cls, least: float, known: ValidationInfo) -> float:
        mean = known.data.get("session_minutes")
        if mean is not None and least > mean:
            raise ValueError(f"{least} is more than the average, {mean}")
        return least

    @model_validator(mode="after")
    def _has_one_rate(self) -> WorkloadTable:
        if (self.logons_per_hour is None) == (self.logons_per_day is None):
            raise ValueError("say logons_per_hour or logons_per_day, one of them")
        return self

    def workload(self) -> Workload:
        """The workload of each of the zones."""
        shapes = {"constant": Shape.constant, "day": Shape.day}
        return Workload(
            logons_per_hour=(self.logons_per_day or 0) / 24 if self.logons_per_hour is None else self.logons_per_hour,
            applications=tuple(self.applications),
            session_seconds=self.session_minutes * MINUTE_SECONDS,
            session_least_seconds=self.session_least_minutes * MINUTE_SECONDS,
            disconnect_share=self.disconnect_share,
            reconnect_share=self.reconnect_share,
            disconnected_seconds=self.disconnected_minutes * MINUTE_SECONDS,
            shape=shapes[self.shape]() if isinstance(self.shape, str) else self.shape.shape(),
        )


class FarmTable(Table):
    """A farm of imafarm."""

    product: Annotated[Product, Field(strict=False)] = Product.PS45
    """Whose figures the farm goes by."""
    magic: Magic = DEFAULT_MAGIC
    """The farm's magic number."""
    settings: Settings = {}
    """What every host has that is not the default, under the registry's value names."""
    links: LinksTable = LinksTable()
    """The links between hosts."""
    store: StoreTable | None = None
    """The data store as a place in the emulated network. Left out: the farm has none to talk to."""
    live: LiveTable = LiveTable()
    """Where the hosts listen when the farm is live."""
    zones: list[ZoneTable] = []
    """The zones. Left out: those that the hosts name."""
    hosts: list[HostTable] = []
    """The hosts, before those that zones generate."""
    applications: list[ApplicationTable] = []
    """What is published."""
    workloads: list[WorkloadTable] = []
    """What users do."""


def numbered(name: str, count: int | None) -> Sequence[str]:
    """The names of the hosts that one table stands for."""
    found = COUNTED.search(name)
    if count is None or found is None:
        return (name,)
    before, after, digits = name[: found.start()], name[found.end() :], int(found[1] or 0)
    return [f"{before}{number:0{digits}}{after}" for number in range(1, count + 1)]
