"""A farm whose hosts live in a compiled engine. Farm time and real time drive such engines; all else is here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import trio

from imafarm import _imafarm
from imafarm.farm import (
    Bindings,
    Election,
    EventKind,
    FarmEvent,
    FarmStatistics,
    HostState,
    ServerRow,
    SessionRow,
    Traffic,
    Users,
    Work,
)
from imafarm.farm._engine_events import E
from imafarm.farm._engine_verbs import CommandedFarm
from imafarm.farm._recording import TableName, not_recorded
from imafarm.tables import Table
from imafarm.topology._checks import NANOSECONDS

COUNTERS = MappingProxyType(
    {
        ("elections", "started"): "ZoneElections",
        ("elections", "won"): "ZoneElectionsWon",
        ("work", "ready"): "WorkItemQueueReadyCount",
        ("work", "pending"): "WorkItemQueuePendingCount",
        ("work", "executing"): "WorkItemQueueExecutingCount",
    }
)
"""What the engine counts of a zone, and the performance counters of the product that they are."""


class EngineFarm(CommandedFarm[E]):
    """What farms of all worlds have in common: names for numbers, verbs, questions and events of one engine.

    A world adds who drives its engine: how a verb is done (`_do`, `_start`), what it does to hosts, links and the
    data store in its own way (`restart`, `partition`, `heal`, `store_down`, `store_up`), and when hosts have started
    (`wait_started`). It calls `deliver_events` whenever something may have happened.
    """

    # -- hosts

    def setting(self, host: str, name: str) -> int:
        return self._engine.setting(self._index(host), name)

    def magic(self, host: str) -> int:
        return self._engine.magic(self._index(host))

    def host_state(self, host: str) -> HostState:
        state = self._engine.host_state(self._index(host))
        return HostState(
            power=state["power"],
            role=state["role"],
            master=self._name(state["master"]),
            bindings=_bindings(state["bindings"]),
            work=self._work(state["work"], 1),
        )

    def change_of(self, host: str) -> int:
        return self._engine.change_of(self._index(host))

    def event_log(self) -> list[FarmEvent]:
        return [
            FarmEvent(
                seconds=self._seconds(time_ns),
                kind=EventKind(bit),
                host=self._hosts[host],
                other=None,
                zone=self._zone_names[self._zone_of[host]],
            )
            for time_ns, bit, host in self._engine.event_log()
        ]

    # -- zones

    @property
    def masters(self) -> Mapping[str, str | None]:
        return self._by_zone(map(self._name, self._engine.masters()))

    def elections(self) -> list[Election]:
        return [
            Election(
                zone=self._zone_names[raw["zone"]],
                doubted_seconds=self._seconds_if(raw["doubted_ns"]),
                doubted_by=self._name(raw["doubted_by"]),
                started_seconds=self._seconds_if(raw["started_ns"]),
                started_by=self._name(raw["started_by"]),
                first_ack_seconds=self._seconds_if(raw["first_ack_ns"]),
                declared_seconds=self._seconds_if(raw["declared_ns"]),
                master=self._name(raw["master"]),
                converged_seconds=self._seconds_if(raw["converged_ns"]),
                candidates=raw["candidates"] or 0,
            )
            for raw in cast(list[dict[str, Any]], self._engine.elections())
        ]

    def sessions(self, zone: str | None = None, *, at: str | None = None) -> list[SessionRow]:
        rows = []
        for number, holder in self._holders(zone, at):
            for host, session, user, app, active in self._engine.sessions(holder, number) or ():
                rows.append(SessionRow(self._hosts[host], session, user, self._app_name(app), active))
        return rows

    def server_states(self, zone: str, *, at: str | None = None) -> list[ServerRow]:
        return [
            ServerRow(self._hosts[host], up, None if load < 0 else load, sessions)
            for number, holder in self._holders(zone, at)
            for host, up, load, sessions in self._engine.server_states(holder, number) or ()
        ]

    def subscriptions(self, zone: str, *, at: str | None = None) -> list[tuple[str, str]]:
        return [
            (self._hosts[host], table)
            for _, holder in self._holders(zone, at)
            for host, table in self._engine.subscribers(holder)
        ]

    def peers(self, host: str) -> tuple[str, ...]:
        return tuple(self._hosts[peer] for peer in self._engine.peers(self._index(host)))

    def _holders(self, zone: str | None, at: str | None) -> list[tuple[int, int]]:
        """The numbers of these zones, and of whose knowledge of them is asked for; none where nobody collects."""
        numbers = [self._zone_number(name) for name in (self._zones if zone is None else (zone,))]
        if at is not None:
            return [(number, self._index(at)) for number in numbers]
        masters = self._engine.masters()
        return [(number, masters[number]) for number in numbers if masters[number] >= 0]

    # -- tables

    def events(self) -> Table:
        return self._table("events", self._engine.events_table())

    def hosts(self) -> Table:
        return Table(self._engine.hosts_table())

    def _table(self, name: TableName, written: _imafarm.ArrowTable | None) -> Table:
        """A table of what was written down. `ConfigurationError` if it was not to be."""
        if written is None:
            raise not_recorded(name)
        return Table(written)

    # -- figures

    def statistics(self) -> FarmStatistics:
        raw = self._engine.statistics()
        by_zone = self._by_zone(raw["by_zone"])
        return FarmStatistics(
            seconds=trio.current_time(),
            events=raw["events"],
            messages={
                kind: Traffic(
                    sent=traffic["sent"],
                    delivered=traffic["delivered"],
                    dropped=traffic["dropped"],
                    in_flight=traffic["in_flight"],
                    bytes=traffic["sent_bytes"],
                )
                for kind, traffic in raw["messages"].items()
            },
            bindings=_bindings(raw["bindings"]),
            elections_started=raw["elections"]["started"],
            elections_won=raw["elections"]["won"],
            counters={
                zone: {name: figures[room][key] for (room, key), name in COUNTERS.items()} | figures["counters"]
                for zone, figures in by_zone.items()
            },
            work={zone: self._work(figures["work"], figures["hosts"]) for zone, figures in by_zone.items()},
            users=Users(**raw["users"]),
            zone_sent={zone: figures["sent"] for zone, figures in by_zone.items()},
            zone_bindings={zone: _bindings(figures["bindings"]) for zone, figures in by_zone.items()},
        )

    def links(self) -> Mapping[tuple[str, str], Mapping[str, Traffic]]:
        links: dict[tuple[str, str], dict[str, Traffic]] = {}
        for source, target, kind, sent, delivered, dropped, sent_bytes in self._engine.traffic():
            link = links.setdefault((self._zone_names[source], self._zone_names[target]), {})
            link[kind] = Traffic(
                sent=sent,
                delivered=delivered,
                dropped=dropped,
                in_flight=sent - delivered - dropped,
                bytes=sent_bytes,
            )
        return links

    def check_stores(self) -> list[str]:
        return self._engine.check_stores()

    def check_caches(self) -> list[str]:
        return self._engine.check_caches()

    def check_conservation(self) -> list[str]:
        return self._engine.check_conservation()

    def digest(self) -> str:
        return self._engine.digest()

    def _work(self, raw: Mapping[str, int], hosts: int) -> Work:
        """What the engine tells of so many hosts' work since the farm was opened."""
        busy, seconds = raw["busy_ns"] / NANOSECONDS, self._engine.now_ns / NANOSECONDS
        so_far = Work(hosts, raw["ready"], raw["pending"], raw["executing"], busy_seconds=busy)
        return so_far.since(Work(), seconds)

    def _seconds_if(self, time_ns: int | None) -> float | None:
        return None if time_ns is None else self._seconds(time_ns)


def _bindings(raw: Mapping[str, int]) -> Bindings:
    return Bindings(
        opened=raw["opened"],
        hit=raw["hit"],
        evicted=raw["evicted"],
        closed=raw["closed"],
        refused=raw["refused"],
        active=raw["active"],
    )
