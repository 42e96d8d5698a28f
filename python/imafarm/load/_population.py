"""The phases of a population: it connects, does what it does, and waits for the last answers."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from imafarm.errors import ConfigurationError
from imafarm.farm import EventKind, Farm, FarmEvent, FarmStatistics, Traffic
from imafarm.load._figures import UPDATES, LoadFigures
from imafarm.load._plan import LoadPlan
from imafarm.load._users import Users

FIRST_SECONDS = 8.0
"""How long the first member may take to be taken in, before the collector is given up. Our guess."""
ASK_SECONDS = 1.0
"""After which time the first member asks anew: a collector that has just come up is not one yet, and whoever asked it
would ask again much later."""
LATE_SECONDS = 60.0
"""How long the last members may take once all have started. Our guess."""
LOOK_SECONDS = 0.1
"""How often is looked whether all is answered."""
ANSWERED = {"SERVER_UPDATE": "SERVER_UPDATE_ACK", "SESSION_UPDATE": "SESSION_UPDATE_ACK", "HEARTBEAT": "HEARTBEAT_ACK"}


class Phase(enum.StrEnum):
    """How far a population is."""

    CONNECT = "connect"
    STEADY = "steady"
    END = "end"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class _Counts:
    """What has been counted at the members up to one moment."""

    seconds: float
    messages: FarmStatistics
    opened: int
    closed: int
    unreachable: int
    logons: int
    logoffs: int


class Population:
    """Servers of a farm, none of which runs yet, and the collector that they belong to, which does."""

    def __init__(
        self,
        farm: Farm,
        plan: LoadPlan,
        *,
        collector: str,
        members: Sequence[str],
        told: Callable[[Phase], object] = lambda _: None,
    ) -> None:
        """A population of at least one member.

        told: called at the beginning of each phase.
        """
        self.members = members
        self.collector = collector
        self.connected: set[str] = set()
        """The members that have the collector for theirs."""
        self.unreachable = 0
        """How often a member found that the collector did not answer."""
        self.users = Users(farm, plan, members)
        self.phase = Phase.CONNECT
        self._farm = farm
        self._plan = plan
        self._told = told
        self._anybody = trio.Event()
        self._first = trio.CancelScope()
        self._ended = trio.Event()
        self._ended_by: str | None = None

    def end(self, why: str) -> None:
        """Ends the steady phase before its time, or before it begins; what was counted so far is told."""
        if self._ended_by is None:
            self._ended_by = why
        self._ended.set()
        self._first.cancel()

    async def run(self) -> LoadFigures:
        """Goes through all phases; what was counted in the steady one.

        Errors: `ConfigurationError` if the collector takes nobody in.
        """
        figures: list[LoadFigures] = []
        wrong: ConfigurationError | None = None
        async with self._farm.watch(_WATCHED) as events, trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, events)
            try:
                figures.append(await self._go_through())
            except ConfigurationError as error:
                wrong = error
            nursery.cancel_scope.cancel()
        if wrong is not None:
            raise wrong
        self._become(Phase.OVER)
        return figures[0]

    async def _go_through(self) -> LoadFigures:
        began = trio.current_time()
        self._become(Phase.CONNECT)
        await self._connect()
        before = self._count()
        connected = len(self.connected)
        self._become(Phase.STEADY)
        await self._be_steady()
        after = self._count()
        still_connected = len(self.connected)
        self._become(Phase.END)
        await self._wait_answers()
        later = self._count()
        steady = after.messages.since(before.messages).messages
        return LoadFigures(
            members=len(self.members),
            connected=connected,
            still_connected=still_connected,
            connect_seconds=before.seconds - began,
            seconds=after.seconds - before.seconds,
            updates={kind: _of(steady, kind).sent for kind in UPDATES},
            logons=after.logons - before.logons,
            logoffs=after.logoffs - before.logoffs,
            rebinds=after.opened - before.opened,
            closed=after.closed - before.closed,
            unanswered=self._unanswered(before, later),
            asked_again=_of(later.messages.since(before.messages).messages, "FULL_UPDATE_REQUEST").delivered,
            ended_by=self._ended_by,
        )

    def _become(self, phase: Phase) -> None:
        self.phase = phase
        self._told(phase)

    # -- connect

    async def _connect(self) -> None:
        """One comes first: if the collector does not take it in, thousands would ask in vain."""
        first, *others = self.members
        self._first.deadline = trio.current_time() + FIRST_SECONDS
        with self._first:
            await self._farm.start(first)
            while not self._anybody.is_set():
                with trio.move_on_after(ASK_SECONDS):
                    await self._anybody.wait()
                    break
                await self._farm.restart(first)
        if self._ended_by is not None:
            raise ConfigurationError([f"--collector: {self._ended_by}"])
        if not self._anybody.is_set():
            said = f"{self.collector} has not taken {first} in within {FIRST_SECONDS:g} s"
            raise ConfigurationError([f"--collector: {said}: it may be of another farm, or have another key"])
        span = self._plan.connect_within(len(self.members))
        if others:
            await self._farm.start(others, spread_seconds=span)
        with trio.move_on_after(span + LATE_SECONDS):
            while not self._ended.is_set():
                if len(self.connected) == len(self.members) and not self._waiting_registrations():
                    return
                await trio.sleep(LOOK_SECONDS)

    def _waiting_registrations(self) -> int:
        """Full updates that were sent and are not answered."""
        messages = self._farm.statistics().messages
        return _of(messages, "SERVER_UPDATE").sent - _of(messages, "SERVER_UPDATE_ACK").delivered

    # -- steady

    async def _be_steady(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.users.come_and_go)
            with trio.move_on_after(self._plan.seconds):
                await self._ended.wait()
            nursery.cancel_scope.cancel()

    # -- end

    async def _wait_answers(self) -> None:
        """Waits until there is nothing that is not answered. At the longest until each member knows that its last
        heartbeat was not: members go on with theirs, so there may always be one under way."""
        timeout_seconds = self._farm.setting(self.members[0], "KeepAliveTimeout") / 1_000
        with trio.move_on_after(timeout_seconds + LOOK_SECONDS):
            waiting = self._waiting()
            while waiting:
                await trio.sleep(LOOK_SECONDS)
                waiting = self._waiting()

    def _waiting(self) -> int:
        messages = self._farm.statistics().messages
        return sum(_of(messages, kind).sent - _of(messages, answer).delivered for kind, answer in ANSWERED.items())

    def _unanswered(self, before: _Counts, later: _Counts) -> dict[str, int]:
        """Updates without an answer. Of heartbeats each member keeps account itself, since the next is always near."""
        since = later.messages.since(before.messages).messages
        found = {
            kind: _of(since, kind).sent - _of(since, answer).delivered
            for kind, answer in ANSWERED.items()
            if kind != "HEARTBEAT"
        }
        found["HEARTBEAT"] = later.unreachable - before.unreachable
        return {kind: count for kind, count in found.items() if count > 0}

    # -- what is counted

    def _count(self) -> _Counts:
        bindings = [self._farm.host_state(member).bindings for member in self.members]
        return _Counts(
            seconds=trio.current_time(),
            messages=self._farm.statistics(),
            opened=sum(own.opened for own in bindings),
            closed=sum(own.closed for own in bindings),
            unreachable=self.unreachable,
            logons=self.users.logons,
            logoffs=self.users.logoffs,
        )

    async def _watch(self, events: trio.MemoryReceiveChannel[FarmEvent]) -> None:
        members = set(self.members)
        with suppress(trio.EndOfChannel):
            while True:
                event = await events.receive()
                if event.host not in members:
                    continue
                if event.kind is EventKind.MASTER_ACCEPTED and event.other == self.collector:
                    self.connected.add(event.host)
                    self._anybody.set()
                    continue
                self.connected.discard(event.host)
                if event.kind is EventKind.MASTER_UNREACHABLE:
                    self.unreachable += 1
                if self.phase is Phase.STEADY and not self.connected:
                    self.end(f"no member is connected to {self.collector} any more")


_WATCHED = EventKind.MASTER_ACCEPTED | EventKind.MASTER_UNREACHABLE | EventKind.HOST_DOWN


def _of(messages: Mapping[str, Traffic], kind: str) -> Traffic:
    return messages.get(kind, Traffic())
