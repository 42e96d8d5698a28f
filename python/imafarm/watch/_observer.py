"""Looks at a farm, on the farm's own thread, at moments when it stands still."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

import trio

from imafarm.emulated import EmulatedFarm
from imafarm.farm import Election, EventKind, FarmEvent, FarmStatistics
from imafarm.scenario import Journal
from imafarm.watch._census import KINDS, Census
from imafarm.watch._log import SAYINGS, Log
from imafarm.watch._pace import Pace
from imafarm.watch._rates import Rates
from imafarm.watch._snapshot import HostView, KindView, Snapshot, Stage, Wanted, ZoneDetail, ZoneView

LOOK_SECONDS = 1 / 15
"""Real seconds between two looks, at least."""
HISTORY_SECONDS = 1 / 8
"""The same between two looks that are kept for the history of messages."""
COST_SHARE = 10
"""And so many times what the last look took."""
HISTORY_LOOKS = 121
"""How many looks are kept for sparklines."""
HISTORY_ZONES = 6_000
"""And how many counts of zones they hold together, at most."""

_NOTABLE = EventKind(0)
for _kind, _saying in SAYINGS.items():
    if _saying.notable:
        _NOTABLE |= _kind
_HEARD = KINDS
for _kind in SAYINGS:
    _HEARD |= _kind


class Observer:
    """The pacer of a watched farm: it hears what happens, takes snapshots, and leaves the speed to a `Pace`."""

    def __init__(self, pace: Pace, *, clock: Callable[[], float] = monotonic) -> None:
        """Nothing to look at yet."""
        self._pace = pace
        self._clock = clock
        self._farm: EmulatedFarm | None = None
        self._wanted, self._looked_for = Wanted(), Wanted()
        self._latest: Snapshot | None = None
        self._next_look = 0.0
        self._went = pace.now

    # -- for other threads

    @property
    def latest(self) -> Snapshot | None:
        """The last snapshot; `None` before the first."""
        return self._latest

    def want(self, wanted: Wanted) -> None:
        """What the next snapshots shall show."""
        self._wanted = wanted
        self._pace.look()

    # -- for the farm's own

    def watch(self, farm: EmulatedFarm, journal: Journal, events: trio.MemoryReceiveChannel[FarmEvent]) -> None:
        """Looks at this farm from now on. `events` are those of `HEARD_KINDS`."""
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
        self._began = self._clock()
        self._waited_before = self._pace.waited_seconds
        self._moved_ns = -1

    def phase(self, name: str) -> None:
        """The scenario has come to this phase."""
        self._phase = name
        if self._farm is not None:
            self._hear(self._farm)
            self._log.phase(trio.current_time(), name)

    def limit_ns(self, now_ns: int, until_ns: int, news_ns: int | None) -> int:
        """How far farm time may go, as `emulated.Pacer` has it."""
        if (farm := self._farm) is not None:
            self._hear(farm)
            asked = self._wanted is not self._looked_for
            if asked or (now_ns != self._moved_ns and self._clock() >= self._next_look):
                self._moved_ns = now_ns
                self.look()
            farm.stop_at(_NOTABLE if self._pace.wants_events else EventKind(0))
        return self._pace.limit_ns(now_ns, until_ns, news_ns)

    def look(self) -> None:
        """Takes a snapshot now."""
        farm = self._farm
        assert farm is not None
        began = self._clock()
        self._hear(farm)
        wanted = self._looked_for = self._wanted
        if (went := self._pace.now) != self._went:
            self._went = went
            self._figures.begin_anew(began)
            self._messages.begin_anew(began)
        statistics = farm.statistics()
        figures = {zone: bindings.evicted for zone, bindings in statistics.zone_bindings.items()}
        self._figures.put(began, statistics.seconds, {**figures, "": statistics.events})
        if began >= self._next_count:
            self._next_count = began + HISTORY_SECONDS
            self._messages.put(began, statistics.seconds, _sent(statistics))
        elections = farm.elections()
        working = began - self._began - (self._pace.waited_seconds - self._waited_before)
        self._latest = Snapshot(
            seconds=statistics.seconds,
            wall_seconds=began - self._began,
            working_seconds=working,
            phase=self._phase,
            events=statistics.events,
            events_per_second=self._figures.per_real_second(""),
            speed=self._figures.speed(),
            zones=self._zones(farm, statistics, elections),
            detail=self._detail(farm, wanted, elections),
            log=self._log.last(wanted.lines),
        )
        done = self._clock()
        self._next_look = done + max(LOOK_SECONDS, COST_SHARE * (done - began))

    def _hear(self, farm: EmulatedFarm) -> None:
        """Takes in what has happened since it last heard."""
        shown = self._wanted.zone or farm.zones[0]
        moments = self._journal.moments
        while self._moments < len(moments):
            moment = moments[self._moments]
            self._moments += 1
            # What a scenario tells afterwards was told when it happened.
            if moment.seconds >= trio.current_time():
                self._log.moment(moment)
        with suppress(trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
            while True:
                event = self._events.receive_nowait()
                self._census.hear(event)
                notable, slow = self._log.hear(event)
                if notable or slow:
                    now_ns = round(trio.current_time() * 1e9)
                    self._pace.notice(now_ns, notable=notable, slow=slow and event.zone == shown)

    def _zones(self, farm: EmulatedFarm, statistics: FarmStatistics, elections: list[Election]) -> tuple[ZoneView, ...]:
        last = {election.zone: election for election in elections}
        masters, evicted = farm.masters, self._figures.per_farm_second()
        kinds: dict[str, dict[str, float]] = {}
        for (zone, kind), rate in self._messages.per_farm_second().items():
            kinds.setdefault(zone, {})[kind] = rate
        return tuple(
            self._zone(zone, masters[zone], last.get(zone), statistics, kinds.get(zone, {}), evicted.get(zone, 0.0))
            for zone in farm.zones
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

    def _detail(self, farm: EmulatedFarm, wanted: Wanted, elections: list[Election]) -> ZoneDetail:
        zone = wanted.zone or farm.zones[0]
        its = [election for election in elections if election.zone == zone]
        ranked = self._ranking(farm, zone)
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

    def _ranking(self, farm: EmulatedFarm, zone: str) -> tuple[str, ...]:
        """A zone's hosts, the highest rank first; those that never stand come last."""
        if zone not in self._ranked:
            records = [farm.record(host) for host in farm.hosts_of(zone)]
            records.sort(key=lambda record: (record.session_only, record.rank), reverse=False)
            standing = [record for record in reversed(records) if not record.session_only]
            others = [record for record in records if record.session_only]
            self._ranked[zone] = tuple(record.name for record in (*standing, *others))
        return self._ranked[zone]


HEARD_KINDS = _HEARD
"""The events that an observer has to be given."""


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
