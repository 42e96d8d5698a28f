"""Runs a population: on real sockets towards a real collector, and again in farm time if that is asked for."""

from __future__ import annotations

import logging
import os
import resource
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import trio
from rich.console import Console

from imafarm.cli._live_options import Access
from imafarm.cli._load_collector import CollectorProcess, collector_process, reach
from imafarm.cli._until_told import until_told
from imafarm.farm import EventKind
from imafarm.load import UPDATES, CollectorFigures, Costs, LoadFigures, LoadPlan, Phase, Population, Prediction
from imafarm.report.load import LoadLine, LoadReport, LoadStatus, load_line
from imafarm.topology import Topology
from imafarm.topology._checks import NANOSECONDS

if TYPE_CHECKING:
    from imafarm.keys import FarmKeys
    from imafarm.live import LiveFarm
    from imafarm.live._tls import TlsFiles

LOOK_SECONDS = 1.0
"""How often the line is brought up to date and descriptors are counted."""
LAG_SECONDS = 0.1
"""How late members are before they meet their deadlines, whatever has come meanwhile. They say nothing to one another,
so none waits for what another is late to say."""


@dataclass(frozen=True, slots=True)
class Target:
    """A collector, and who is aimed at it."""

    topology: Topology
    collector: str
    members: tuple[str, ...]
    farm_file: str | None
    """The farm, for the collector's own process; `None` if it runs already."""


def run_load(target: Target, plan: LoadPlan, access: Access, *, predicts: bool) -> LoadReport | None:
    """What came of it; `None` if it was interrupted twice.

    Errors: `ConfigurationError` if there is no such collector, or it takes nobody in.
    """
    from imafarm.settings import default_settings

    with _troubles_told(), load_line(Console(stderr=True)) as line:
        result = trio.run(until_told, partial(_on_sockets, target, plan, access, line))
        if result is None:
            return None
        figures, costs = result
        prediction = None
        if predicts:
            if line is not None:
                line.say("predict")
            prediction = Prediction(predict(target, plan, figures.seconds), figures)
    return LoadReport(
        collector=target.collector,
        product=target.topology.product,
        seed=plan.seed,
        settings={**default_settings(), **target.topology.settings},
        figures=figures,
        costs=costs,
        prediction=prediction,
    )


def predict(target: Target, plan: LoadPlan, seconds: float) -> LoadFigures:
    """What the same population comes to in so many seconds of farm time.

    Links are as the farm has them. Its users are the plan's, and its data store is beside every host, as on sockets.
    """
    from imafarm.emulated import run

    topology = replace(target.topology, workload={}, store=None)
    return run(_emulated, replace(target, topology=topology), replace(plan, seconds=seconds))


async def _emulated(target: Target, plan: LoadPlan) -> LoadFigures:
    from imafarm.emulated import open_emulated_farm

    async with open_emulated_farm(topology=target.topology, seed=plan.seed, boot_seconds=None) as farm:
        async with farm.watch(EventKind.MASTER_DECLARED) as declarations:
            await farm.start(target.collector)
            await declarations.receive()
        return await Population(farm, plan, collector=target.collector, members=target.members).run()


async def _on_sockets(
    target: Target, plan: LoadPlan, access: Access, line: LoadLine | None, stop: trio.Event
) -> tuple[LoadFigures, Costs]:
    from imafarm.live import LiveLimits, open_live_farm

    keys, tls = access.keys(), access.tls()
    async with _collector(target, access) as process:
        index = target.topology.resolver.by_name(target.collector)
        address = target.topology.live_addresses()[index], target.topology.resolver.record(index).ima_port
        await reach(target.collector, address, process)
        async with open_live_farm(
            topology=target.topology,
            local=target.members,
            seed=plan.seed,
            boot_seconds=None,
            limits=LiveLimits(lag_seconds=LAG_SECONDS),
            keys=keys,
            tls=tls,
            allow_open=access.without_key,
            shares_ports=shares_ports(target),
        ) as farm:
            meter = _Meter(farm, process, line)
            population = Population(
                farm, plan, collector=target.collector, members=target.members, told=meter.begin_phase
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(meter.keep, population)
                nursery.start_soon(_end_when_told, population, stop)
                if process is not None:
                    nursery.start_soon(_end_with, population, process)
                figures = await population.run()
                nursery.cancel_scope.cancel()
            return figures, replace(meter.costs, collector=await _ask(target, keys, tls))


async def _ask(target: Target, keys: FarmKeys | None, tls: TlsFiles | None) -> CollectorFigures | None:
    """What the collector says of itself; `None` if it cannot be asked."""
    from imafarm.errors import ManagementError
    from imafarm.live._tls import client_context
    from imafarm.management import connect_management

    index = target.topology.resolver.by_name(target.collector)
    record, address = target.topology.resolver.record(index), target.topology.live_addresses()[index]
    try:
        async with connect_management(
            address,
            record.admin_port,
            () if keys is None else keys.understood,
            None if tls is None else client_context(tls),
        ) as host:
            bindings, servers = (await host.state()).bindings, await host.servers(record.zone)
    except ManagementError:
        return None
    return CollectorFigures(
        servers=sum(row.up for row in servers),
        sessions=sum(row.sessions for row in servers),
        bindings=bindings.active,
        opened=bindings.opened,
        evicted=bindings.evicted,
        refused=bindings.refused,
    )


def shares_ports(target: Target) -> bool:
    """Whether members share a listener: if each with its own would need more descriptors than there can be.

    Where another host of the farm has their port, it may be on this machine, and they cannot.
    """
    from imafarm.live._descriptors import SPARE_DESCRIPTORS, raise_limit

    resolver, members = target.topology.resolver, set(target.members)
    needed = 2 * len(members) + SPARE_DESCRIPTORS
    if raise_limit(needed) >= needed:
        return False
    ports = {record.ima_port for record in resolver.records() if record.name in members}
    return not any(record.ima_port in ports for record in resolver.records() if record.name not in members)


@asynccontextmanager
async def _collector(target: Target, access: Access) -> AsyncIterator[CollectorProcess | None]:
    """The collector's process, if it does not run already."""
    if target.farm_file is None:
        yield None
        return
    async with collector_process(target.farm_file, target.collector, access.arguments()) as process:
        yield process


async def _end_when_told(population: Population, stop: trio.Event) -> None:
    await stop.wait()
    population.end("interrupted")


async def _end_with(population: Population, process: CollectorProcess) -> None:
    await process.ended.wait()
    population.end(process.last_words())


@contextmanager
def _troubles_told() -> Iterator[None]:
    """Has what goes wrong on live hosts written to standard error. That each of thousands has started is of no
    interest."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("imafarm.live")
    level, propagates = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


class _Meter:
    """Takes what a live farm alone can tell, and the machine."""

    def __init__(self, farm: LiveFarm, process: CollectorProcess | None, line: LoadLine | None) -> None:
        self.costs = Costs(0, 0.0, 0.0, 0.0, 0, 0, 0.0, None, 0, None)
        """Those of the steady phase, once it is over."""
        self._farm = farm
        self._process = process
        self._line = line
        self._cpu = (0.0, 0.0)
        self._endings: Mapping[str, int] = {}
        self._descriptors = [0, 0]

    def begin_phase(self, phase: Phase) -> None:
        """A phase begins, and the one before is over."""
        if phase is Phase.STEADY:
            self._farm.reset_delays()
            self._endings = Counter(self._farm.endings)
            self._cpu = self._cpu_now()
        elif phase is Phase.END:
            self._take()

    def _take(self) -> None:
        self._look()
        delays, endings, cpu = self._farm.delays(), self._farm.endings, self._cpu_now()
        self.costs = Costs(
            answers=delays["count"],
            p50_seconds=delays["p50_ns"] / NANOSECONDS,
            p99_seconds=delays["p99_ns"] / NANOSECONDS,
            max_seconds=delays["max_ns"] / NANOSECONDS,
            refused=endings.get("refused", 0) - self._endings.get("refused", 0),
            broken=endings.get("broken", 0) - self._endings.get("broken", 0),
            members_cpu_seconds=cpu[0] - self._cpu[0],
            collector_cpu_seconds=None if self._process is None else max(0.0, cpu[1] - self._cpu[1]),
            members_descriptors=self._descriptors[0],
            collector_descriptors=None if self._process is None else self._descriptors[1],
        )

    def _cpu_now(self) -> tuple[float, float]:
        """Processor time of this process and of the collector's."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        other = None if self._process is None else self._process.cpu_seconds()
        return own.ru_utime + own.ru_stime, self._cpu[1] if other is None else other

    def _look(self) -> None:
        now = [len(os.listdir("/proc/self/fd")), 0 if self._process is None else self._process.descriptors()]
        self._descriptors = [max(pair) for pair in zip(self._descriptors, now, strict=True)]

    async def keep(self, population: Population) -> None:
        """Looks, and brings the line up to date, until cancelled."""
        before, updates, opened = trio.current_time(), 0, 0
        while True:
            self._look()
            if self._line is not None:
                statistics, delays, now = self._farm.statistics(), self._farm.delays(), trio.current_time()
                sent = sum(statistics.messages[kind].sent for kind in UPDATES)
                seconds = max(now - before, LOOK_SECONDS)
                self._line.tell(
                    LoadStatus(
                        phase=population.phase,
                        connected=len(population.connected),
                        members=len(population.members),
                        bindings=statistics.bindings.active,
                        updates_per_second=(sent - updates) / seconds,
                        rebinds_per_second=(statistics.bindings.opened - opened) / seconds,
                        p50_seconds=delays["p50_ns"] / NANOSECONDS,
                        p99_seconds=delays["p99_ns"] / NANOSECONDS,
                        errors=population.unreachable + self._farm.endings.get("broken", 0),
                    )
                )
                before, updates, opened = now, sent, statistics.bindings.opened
            await trio.sleep(LOOK_SECONDS)
