"""Directories of runs and studies, made by hand: small ones, huge ones, odd ones."""

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

SECOND = 1_000_000_000
WORDS = DataType.dictionary(DataType.int32(), DataType.utf8())
INT, FLAG = DataType.int64(), DataType.bool()

SCHEMAS: Mapping[str, Mapping[str, DataType]] = {
    "events": {"time_ns": INT, "kind": WORDS, "host": WORDS, "other": WORDS, "zone": WORDS},
    "traffic": {
        "start_ns": INT,
        "end_ns": INT,
        "from_zone": WORDS,
        "to_zone": WORDS,
        "kind": WORDS,
        **dict.fromkeys(("sent", "delivered", "dropped", "sent_bytes", "delivered_bytes", "dropped_bytes"), INT),
    },
    "bindings": {
        "start_ns": INT,
        "end_ns": INT,
        "zone": WORDS,
        **dict.fromkeys(("opened", "hit", "evicted", "closed", "refused", "active", "collector_active"), INT),
        "busy_ns": INT,
    },
    "hosts": {
        "host": WORDS,
        "zone": WORDS,
        "host_id": DataType.uint64(),
        "version": INT,
        "preference": INT,
        "session_only": FLAG,
        "power": WORDS,
        "role": WORDS,
        "master": WORDS,
    },
    "messages": {"time_ns": INT, "source": WORDS, "target": WORDS, "kind": WORDS, "bytes": INT},
}
MESSAGE_KINDS = {
    "ELECT_MASTER": 18,
    "ELECT_MASTER_ACK": 18,
    "DECLARE_MASTER": 20,
    "HEARTBEAT": 18,
    "SERVER_UPDATE": 4_060,
}
BETWEEN = {"PEER_PING": 22, "GATEWAY_UPDATE": 2_243, "LOAD_UPDATE": 21}


def write_table(path: Path, schema: Mapping[str, DataType], rows: Sequence[Sequence[Any]]) -> None:
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [[] for _ in schema]
    made: dict[str, Any] = {}
    for (name, type_), values in zip(schema.items(), columns, strict=True):
        if type_ == WORDS:
            made[name] = Array(list(values), DataType.utf8()).cast(WORDS)
        else:
            made[name] = Array(list(values), type_)
    write_parquet(Table.from_pydict(made), path)


@dataclass
class MadeRun:
    """A run that never was: as its files would have it."""

    hosts: int = 200
    zones: int = 1
    seed: int = 1
    seconds: int = 120
    bin_seconds: float = 1.0
    election: bool = True
    """Whether the first zone loses its collector."""
    tapped: bool = True
    limit: int = 512
    name: Callable[[int], str] = "H{}".format
    zone_name: Callable[[int], str] = "Z{}".format
    scenario: str = "master-failover"
    detail: str = "H1 at 60.000 s"
    passed: bool = True
    busy: bool = False
    without: Sequence[str] = ()
    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    def write(self, directory: Path) -> Path:
        """Makes all files of it."""
        directory.mkdir(parents=True, exist_ok=True)
        dice = random.Random(self.seed)
        zone_of = [number * self.zones // self.hosts for number in range(self.hosts)]
        names = [self.name(number + 1) for number in range(self.hosts)]
        zones = [self.zone_name(number + 1) for number in range(self.zones)]
        elections = self._events(dice, names, zones, zone_of)
        totals = self._traffic(dice, zones, zone_of)
        self._bindings(dice, zones, zone_of)
        self.tables["hosts"] = [
            (name, zones[zone_of[n]], n + 1, 8, 4 if n else 1, False, "up", "member", names[-1])
            for n, name in enumerate(names)
        ]
        files = []
        for table, rows in self.tables.items():
            if table not in self.without:
                write_table(directory / f"{table}.parquet", SCHEMAS[table], rows)
                files.append(f"{table}.parquet")
        (directory / "run.json").write_text(json.dumps(self._document(elections, totals, zones, files)), "utf-8")
        return directory

    def _events(
        self, dice: random.Random, names: list[str], zones: list[str], zone_of: list[int]
    ) -> list[dict[str, Any]]:
        events: list[tuple[Any, ...]] = [
            (int(dice.random() * 30 * SECOND), "HOST_UP", name, None, zones[zone_of[n]]) for n, name in enumerate(names)
        ]
        self.tables["events"] = events
        if not self.election:
            return []
        members = [n for n in range(self.hosts) if zone_of[n] == 0][1:]
        if not members:
            return []
        began = int(0.55 * self.seconds * SECOND)
        spread = 2_000_000 + 400 * len(members) ** 1.5
        stood: dict[int, int] = {}
        acked = []
        told = []
        for n in members:
            if dice.random() < 0.04:
                continue
            stood[n] = began + int(dice.random() ** 2 * spread)
        stood[members[0]] = began
        for n, ns in stood.items():
            if n == members[0] or dice.random() < 0.3:
                events.append((ns, "MASTER_UNREACHABLE", names[n], names[0], zones[0]))
            events.append((ns + 40_000, "ELECTION_STARTED", names[n], None, zones[0]))
            if n != members[-1]:
                acked.append((ns + 600_000 + int(dice.random() * spread / 3), n))
                events.append((acked[-1][0], "ELECTION_ACKNOWLEDGED", names[n], names[members[-1]], zones[0]))
        declared = max([stood.get(members[-1], began), *(ns for ns, _ in acked)]) + SECOND
        events.append((declared, "MASTER_DECLARED", names[members[-1]], None, zones[0]))
        for n in members:
            told.append(declared + (0 if n == members[-1] else 800_000 + int(dice.random() * spread)))
            events.append((told[-1], "MASTER_ACCEPTED", names[n], names[members[-1]], zones[0]))
        agreed = max(told)
        events.append((agreed, "ZONE_AGREED", names[members[-1]], None, zones[0]))
        if self.tapped:
            seen = sorted({*members[-12:], *members[:: max(1, len(members) // 12)]})[:24]
            self.tables["messages"] = sorted(
                row
                for low in seen
                for high in seen
                if low < high and low in stood
                for at in [stood[low] + 200_000 + int(dice.random() * spread / 2)]
                for row in [
                    (at, names[low], names[high], "ELECT_MASTER", 18),
                    (at + 300_000 + int(dice.random() * 400_000), names[high], names[low], "ELECT_MASTER_ACK", 18),
                ]
            )
        events.sort(key=lambda row: row[0])
        first = min(ns for ns, _ in acked) if acked else None
        return [
            {
                "zone": zones[0],
                "doubted_seconds": began / SECOND,
                "doubted_by": names[members[0]],
                "started_seconds": (began + 40_000) / SECOND,
                "started_by": names[members[0]],
                "first_ack_seconds": None if first is None else first / SECOND,
                "declared_seconds": declared / SECOND,
                "master": names[members[-1]],
                "converged_seconds": agreed / SECOND,
                "candidates": len(stood),
            }
        ]

    def _traffic(self, dice: random.Random, zones: list[str], zone_of: list[int]) -> dict[str, list[int]]:
        rows: list[tuple[Any, ...]] = []
        totals: dict[str, list[int]] = {}
        width = int(self.bin_seconds * SECOND)
        storm = int(0.55 * self.seconds / self.bin_seconds)
        crowd = self.hosts / self.zones

        def add(place: int, source: str, target: str, kind: str, count: int, each: int) -> None:
            if count:
                start = place * width
                rows.append((start, start + width, source, target, kind, count, count, 0, *[count * each] * 2, 0))
                totals.setdefault(kind, [0, 0])
                totals[kind][0] += count
                totals[kind][1] += count * each

        for place in range(int(self.seconds / self.bin_seconds)):
            for number, zone in enumerate(zones):
                for kind, each in MESSAGE_KINDS.items():
                    stormy = number == 0 and self.election and place in (storm, storm + 1)
                    calm = crowd / 60 * self.bin_seconds * (0.3 if kind == "SERVER_UPDATE" else 1)
                    if kind in ("HEARTBEAT", "SERVER_UPDATE"):
                        add(place, zone, zone, kind, int(calm + dice.random()), each)
                    elif stormy:
                        add(place, zone, zone, kind, int(crowd if kind[0] == "D" else crowd**2 / 4), each)
                if place % 5 == 0:
                    for other in range(self.zones):
                        if other != number:
                            for kind, each in BETWEEN.items():
                                share = 1 + 3 * (other == 0) + dice.randrange(3)
                                add(place, zone, zones[other], kind, share, each)
        self.tables["traffic"] = rows
        return totals

    def _bindings(self, dice: random.Random, zones: list[str], zone_of: list[int]) -> None:
        rows: list[tuple[Any, ...]] = []
        width = int(self.bin_seconds * SECOND)
        crowd = max(1, self.hosts // self.zones)
        count = int(self.seconds / self.bin_seconds)
        for place in range(count):
            for number, zone in enumerate(zones):
                share = min(1.0, place / (0.3 * count))
                storm = self.election and number == 0 and abs(place - 0.55 * count) < 1.5
                held = min(int(crowd * share) + dice.randrange(3), self.limit)
                evicted = max(0, crowd - self.limit) // 20 + (crowd * 5 if storm and crowd > self.limit else 0)
                rows.append(
                    (
                        place * width,
                        (place + 1) * width,
                        zone,
                        evicted + 2,
                        crowd // 60,
                        evicted,
                        evicted,
                        0,
                        held * (crowd if self.election and place > 0.55 * count else 2),
                        held if place > 2 else None,
                        int(width * dice.random()) if self.busy else 0,
                    )
                )
        self.tables["bindings"] = rows

    def _document(
        self, elections: list[dict[str, Any]], totals: dict[str, list[int]], zones: list[str], files: list[str]
    ) -> dict[str, Any]:
        took = None
        moments = []
        if elections:
            one = elections[0]
            took = one["converged_seconds"] - one["doubted_seconds"]
            moments = [
                {"seconds": one["doubted_seconds"] - 5.1, "what": f"{self.name(1)} crashes"},
                {"seconds": one["doubted_seconds"], "what": f"{one['doubted_by']} cannot reach it"},
                {"seconds": one["declared_seconds"], "what": f"{one['master']} sends DECLARE_MASTER"},
                {"seconds": one["converged_seconds"], "what": "all running hosts agree"},
            ]
        messages = {
            kind: {"sent": sent, "delivered": sent, "dropped": 0, "in_flight": 0, "bytes": size}
            for kind, (sent, size) in totals.items()
        }
        bindings = self.tables["bindings"]
        changed = {} if self.limit == 512 else {"MaxHostAddressCacheEntries": self.limit}
        return {
            "format": "imafarm run 1",
            "version": "0.1.0",
            "asked": {
                "scenario": self.scenario,
                "hosts": self.hosts,
                "zones": self.zones,
                "seed": self.seed,
                "product": None,
                "settings": changed,
                "farm": None,
                "store": None,
                "bound": False,
            },
            "verdict": {
                "scenario": self.scenario,
                "seed": self.seed,
                "product": "PS45",
                "hosts": self.hosts,
                "zones": self.zones,
                "settings": {"MaxHostAddressCacheEntries": self.limit, "KeepAliveInterval": 60_000},
                "verdict": "passed" if self.passed else "failed",
                "checks": [
                    {"name": "every zone agrees on a collector", "passed": True, "detail": self.detail},
                    {"name": "it stays", "passed": self.passed, "detail": "1 of 1 after 60 s"},
                ],
                "virtual_seconds": float(self.seconds),
                "wall_seconds": 3.25,
                "events": 1_234_567,
                "digest": hashlib.blake2b(repr(sorted(totals.items())).encode(), digest_size=16).hexdigest(),
                "masters": {zone: self.name(self.hosts) for zone in zones},
                "messages": messages,
                "bindings": {
                    "opened": sum(row[3] for row in bindings),
                    "hit": sum(row[4] for row in bindings),
                    "evicted": sum(row[5] for row in bindings),
                    "closed": 0,
                    "refused": 0,
                    "active": bindings[-1][8] if bindings else 0,
                },
                "elections": {"started": len(elections), "won": len(elections), "converged_seconds": took},
                "users": {"arrived": 0, "logged_on": 0, "refused": 0, "lost": 0, "sessions": 0},
                "counters": {},
            },
            "moments": moments,
            "figures": {"candidates": elections[0]["candidates"]} if elections else {},
            "elections": elections,
            "files": files,
        }


@dataclass
class MadeStudy:
    """A study that never was."""

    vary: Sequence[Mapping[str, Any]] = (
        {"name": "MaxHostAddressCacheEntries", "values": [256, 384, 512, 768, 1_024, 1_536, 2_048, 4_096], "log": True},
    )
    hosts: int = 1_000
    repeat: int = 5
    knee: bool = True
    complete: bool = True
    factor: float = 1.0

    def write(self, directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        dice = random.Random(7)
        points: list[dict[str, Any]] = [{}]
        for varied in self.vary:
            points = [{**point, varied["name"]: value} for point in points for value in varied["values"]]
        rows = []
        for point in points:
            for seed in range(self.repeat):
                entries = point.get("MaxHostAddressCacheEntries", 512)
                load = sum(value for value in point.values() if isinstance(value, int | float)) / 1_000
                torn = max(0.0, self.hosts - entries) * (0.9 + 0.2 * dice.random()) * self.factor
                rows.append(
                    {
                        "vary": point,
                        "seed": seed,
                        "verdict": "failed" if entries < 300 and seed == 0 else "passed",
                        "measures": {
                            "rebinds": torn,
                            "converged": None if entries < 300 and seed == 0 else 1.0 + torn / 400 + dice.random() / 9,
                            "messages": 490_000 + load * 1_000 + torn * 40 + dice.random() * 9_000,
                            "memory": 30.0 + load * 4,
                        },
                        "digest": hashlib.blake2b(f"{point}{seed}{self.factor}".encode(), digest_size=16).hexdigest(),
                    }
                )
        document: dict[str, Any] = {
            "format": "imafarm study 1",
            "version": "0.1.0",
            "asked": {
                "scenario": "cache-thrash",
                "hosts": self.hosts,
                "zones": 1,
                "seed": 0,
                "product": None,
                "settings": {},
                "farm": None,
                "vary": list(self.vary),
                "measures": ["rebinds", "converged", "messages", "memory"],
                "repeat": self.repeat,
            },
            "measures": {
                "rebinds": {"title": "bindings torn down in a minute", "unit": "1/min", "better": "less"},
                "converged": {"title": "from doubt to agreement", "unit": "s", "better": "less"},
                "messages": {"title": "messages sent", "unit": "", "better": "less"},
                "memory": {"title": "memory of the collector", "unit": "MiB", "better": None},
            },
            "rows": rows,
            "knee": {
                "vary": "MaxHostAddressCacheEntries",
                "value": 1_024,
                "below": 768,
                "theory": 1_000,
                "measure": "rebinds",
                "hosts": "the data collector, and whoever may become it",
            }
            if self.knee
            else None,
            "recommendation": "Set MaxHostAddressCacheEntries to 1,024 on the data collector and on every host that "
            "may become it: below that it tears bindings down to make room, above it nothing is gained."
            if self.knee
            else None,
            "complete": self.complete,
        }
        (directory / "study.json").write_text(json.dumps(document), "utf-8")
        return directory


@pytest.fixture(scope="session")
def made_run() -> type[MadeRun]:
    return MadeRun


@pytest.fixture(scope="session")
def made_study() -> type[MadeStudy]:
    return MadeStudy


@pytest.fixture(scope="session", name="write_table")
def written() -> Callable[..., None]:
    """Writes a table of these rows; `without` leaves columns out."""

    def write(directory: Path, table: str, rows: Sequence[Sequence[Any]], without: Sequence[str] = ()) -> None:
        schema = {name: type_ for name, type_ in SCHEMAS[table].items() if name not in without}
        write_table(directory / f"{table}.parquet", schema, rows)

    return write
