"""What is to be seen of a farm while it stands still."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import trio

from imafarm.emulated import EmulatedFarm
from imafarm.farm import Election, FarmEvent, FarmStatistics
from imafarm.scenario import Journal
from imafarm.watch._census import Census
from imafarm.watch._log import Log
from imafarm.watch._rates import Rates
from imafarm.watch._snapshot import HostView, KindView, Snapshot, Stage, Wanted, ZoneDetail, ZoneView

HISTORY_SECONDS = 1 / 8
"""Real seconds between two looks that are kept for the history of messages."""
HISTORY_LOOKS = 121
"""How many of them are kept."""
HISTORY_ZONES = 6_000
"""And how many counts of zones they hold together, at most."""


class Sight:
    """A farm, what has happened in it so far, and what it came to at the last few looks."""

    def __init__(self, farm: EmulatedFarm, journal: Journal, events: trio.MemoryReceiveChannel[FarmEvent]) -> None:
        """A farm that has just been opened, what its scenario writes down, and what happens in it."""
        zones = farm.zones
        self._farm, self._journal, self._events = farm, journal, events
        self._census, self._log = Census(zones), Log()
        self._phase, self._moments = "", 0
        looks = min(HISTORY_LOOKS, HISTORY_ZONES // len(zones))
        self._figures: Rates[str] = Rates(looks)
        self._messages: Rates[tuple[str, str]] = Rates(looks)
        self._next_count = 0.0
        self._ranked: dict[str, tuple[str, ...]] = {}
        self._hosts = dict.fromkeys(zones, 0)
        for host in farm.host_names:
            self._hosts[farm.record(host).zone] += 1
        self._led = frozenset(farm.led_zones)

    def hear(self, wanted: Wanted) -> tuple[bool, bool]:
        """Takes in what has happened meanwhile: whether any of it is notable, and whether the zone that is wanted has
        an election that is worth slow motion."""
        shown, moments = wanted.zone or self._farm.zones[0], self._journal.moments
        for moment in moments[self._moments :]:
            # What a scenario tells afterwards was told when it happened.
            if moment.seconds >= trio.current_time():
                self._log.moment(moment)
        self._moments = len(moments)
        any_notable = any_slow = False
        with suppress(trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
            while True:
                event = self._events.receive_nowait()
                self._census.hear(event)
                notable, slow = self._log.hear(event)
                any_notable |= notable
                any_slow |= slow and event.zone == shown
        return any_notable, any_slow

    def phase(self, name: str) -> None:
        """The scenario has come to this phase."""
        self._phase = name
        self._log.phase(trio.current_time(), name)

    def begin_anew(self, real: float) -> None:
        """Farm time goes at another speed from this real second on, so rates are taken from here."""
        self._figures.begin_anew(real)
        self._messages.begin_anew(real)

    def snapshot(self, real: float, wanted: Wanted, *, wall_seconds: float, working_seconds: float) -> Snapshot:
        """The farm now, at this real second."""
        statistics = self._farm.statistics()
        figures = {zone: bindings.evicted for zone, bindings in statistics.zone_bindings.items()}
        self._figures.put(real, statistics.seconds, {**figures, "": statistics.events})
        if real >= self._next_count:
            self._next_count = real + HISTORY_SECONDS
            self._messages.put(real, statistics.seconds, _sent(statistics))
        elections = self._farm.elections()
        return Snapshot(
            seconds=statistics.seconds,
            wall_seconds=wall_seconds,
            working_seconds=working_seconds,
            phase=self._phase,
            events=statistics.events,
            events_per_second=self._figures.per_real_second(""),
            speed=self._figures.speed(),
            zones=self._zones(statistics, elections),
            detail=self._detail(wanted, elections),
            log=self._log.last(wanted.lines),
        )

    def _zones(self, statistics: FarmStatistics, elections: list[Election]) -> tuple[ZoneView, ...]:
        last = {election.zone: election for election in elections}
        masters, evicted = self._farm.masters, self._figures.per_farm_second()
        kinds: dict[str, dict[str, float]] = {}
        for (zone, kind), rate in self._messages.per_farm_second().items():
            kinds.setdefault(zone, {})[kind] = rate
        return tuple(
            self._zone(zone, masters[zone], last.get(zone), statistics, kinds.get(zone, {}), evicted.get(zone, 0.0))
            for zone in self._farm.zones
        )

    def _zone(
        self,
        name: str,
        agreed: str | None,
        election: Election | None,
        statistics: FarmStatistics,
        kinds: Mapping[str, float],
        evicted: float,
    ) -> ZoneView:
        count = self._census.zones[name]
        leading = max(((votes, host) for host, votes in count.votes.items() if votes), default=(0, None))[1]
        stage = self._stage(name, agreed, leading, election)
        master = agreed or (election.master if stage == "declared" and election else None)
        if stage in ("joining", "lost"):
            master = leading
        return ZoneView(
            name=name,
            hosts=self._hosts[name],
            up=len(count.up),
            master=master,
            stage=stage,
            candidates=election.candidates if election and election.converged_seconds is None else 0,
            agreeing=count.votes[master] if master is not None else 0,
            messages_per_second=sum(kinds.values()),
            kinds_per_second=kinds,
            evicted_per_second=evicted,
            bindings=statistics.zone_bindings[name],
        )

    def _stage(self, zone: str, agreed: str | None, leading: str | None, election: Election | None) -> Stage:
        if zone not in self._led:
            return "unled"
        if not self._census.zones[zone].up:
            return "off"
        if agreed is not None:
            return "agreed"
        if election is None or election.converged_seconds is not None:
            return "joining" if leading is None or leading in self._census.zones[zone].up else "lost"
        if election.declared_seconds is not None:
            return "declared"
        return "in doubt" if election.started_seconds is None else "electing"

    def _detail(self, wanted: Wanted, elections: list[Election]) -> ZoneDetail:
        farm = self._farm
        zone = wanted.zone or farm.zones[0]
        its = [election for election in elections if election.zone == zone]
        ranked = self._ranking(zone)
        shown = list(enumerate(ranked[: wanted.hosts], start=1))
        master = farm.masters[zone] or (its[-1].master if its else None)
        if master is not None and shown and all(host != master for _, host in shown):
            shown[-1] = (ranked.index(master) + 1, master)
        sent = {kind: count for (its_zone, kind), count in self._messages.latest().items() if its_zone == zone}
        rates = self._messages.per_farm_second()
        chief = sorted(sent, key=lambda kind: (-sent[kind], kind))[: wanted.kinds]
        return ZoneDetail(
            zone=zone,
            hosts=tuple(_host(farm, rank, host) for rank, host in shown),
            kinds=tuple(
                KindView(kind, sent[kind], rates.get((zone, kind), 0.0), self._messages.history((zone, kind)))
                for kind in chief
                if sent[kind]
            ),
            elections=len(its),
            election=its[-1] if its else None,
        )

    def _ranking(self, zone: str) -> tuple[str, ...]:
        """A zone's hosts, the highest rank first; those that never stand come last."""
        if zone not in self._ranked:
            records = [self._farm.record(host) for host in self._farm.hosts_of(zone)]
            records.sort(key=lambda record: (not record.session_only, record.rank), reverse=True)
            self._ranked[zone] = tuple(record.name for record in records)
        return self._ranked[zone]


def _sent(statistics: FarmStatistics) -> dict[tuple[str, str], int]:
    """How many messages were sent, by zone and kind; those that set a binding up are one kind."""
    counts: dict[tuple[str, str], int] = {}
    for zone, sent in statistics.zone_sent.items():
        for kind, count in sent.items():
            key = zone, "BIND_*" if kind.startswith("BIND_") else kind
            counts[key] = counts.get(key, 0) + count
    return counts


def _host(farm: EmulatedFarm, rank: int, name: str) -> HostView:
    state = farm.host_state(name)
    return HostView(
        rank=rank,
        name=name,
        power=state.power,
        role=state.role,
        master=state.master,
        bindings=state.bindings.active,
        entries=farm.setting(name, "MaxHostAddressCacheEntries"),
    )
