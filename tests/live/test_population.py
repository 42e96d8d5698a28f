"""What a population does, in farm time, where each figure can be told to the last unit."""

import pytest
import trio

import imafarm
from imafarm.errors import ConfigurationError
from imafarm.farm import EventKind
from imafarm.load import (
    LoadFigures,
    LoadPlan,
    Phase,
    Population,
    Prediction,
    load_farm_file,
    load_topology,
    members_of,
)
from imafarm.topology import Topology
from imafarm.topology.farm_file import parse_topology

MEMBERS = 40
INTERVAL_SECONDS = 10
TOPOLOGY = load_topology(MEMBERS, {"KeepAliveInterval": INTERVAL_SECONDS * 1_000})


def play(
    plan: LoadPlan,
    *,
    topology: Topology = TOPOLOGY,
    collector: str = "H1",
    crashes_after: float | None = None,
    phases: list[Phase] | None = None,
) -> tuple[LoadFigures, str]:
    """A population in farm time: what was counted, and the farm's digest.

    crashes_after: the collector is gone so many seconds after the steady phase has begun.
    """

    async def main() -> tuple[LoadFigures, str]:
        async with (
            imafarm.open_emulated_farm(topology=topology, seed=plan.seed, boot_seconds=None) as farm,
            farm.watch(EventKind.MASTER_DECLARED) as declarations,
            trio.open_nursery() as nursery,
        ):
            await farm.start(collector)
            await declarations.receive()

            async def crash(seconds: float) -> None:
                await trio.sleep(seconds)
                await farm.crash(collector)

            def tell(phase: Phase) -> None:
                if phases is not None:
                    phases.append(phase)
                if phase is Phase.STEADY and crashes_after is not None:
                    nursery.start_soon(crash, crashes_after)

            members = members_of(topology, collector)
            figures = await Population(farm, plan, collector=collector, members=members, told=tell).run()
            return figures, farm.digest()

    return imafarm.run(main)


def test_every_member_sends_a_heartbeat_in_each_interval() -> None:
    phases: list[Phase] = []
    figures, _ = play(LoadPlan(seconds=6 * INTERVAL_SECONDS), phases=phases)
    assert phases == [Phase.CONNECT, Phase.STEADY, Phase.END, Phase.OVER]
    assert (figures.members, figures.connected, figures.still_connected) == (MEMBERS, MEMBERS, MEMBERS)
    assert figures.updates == {
        "HEARTBEAT": pytest.approx(6 * MEMBERS, abs=MEMBERS),
        "SERVER_UPDATE": 0,
        "SESSION_UPDATE": 0,
        "LOAD_UPDATE": 0,
    }
    assert (figures.rebinds, figures.closed, dict(figures.unanswered), figures.asked_again) == (0, 0, {}, 0)
    assert figures.seconds == pytest.approx(60)
    assert figures.passed


def test_with_a_small_cache_every_heartbeat_binds_anew() -> None:
    topology = load_topology(MEMBERS, {"KeepAliveInterval": 10_000, "MaxHostAddressCacheEntries": 8})
    figures, _ = play(LoadPlan(seconds=60), topology=topology)
    assert figures.rebinds == pytest.approx(figures.updates["HEARTBEAT"], rel=0.02)
    assert figures.closed == pytest.approx(figures.rebinds, abs=8)
    assert figures.passed


def test_users_come_at_the_rate_and_stay_as_long_as_was_said() -> None:
    plan = LoadPlan(seconds=1_000, logons_per_second=2, session_seconds=50)
    figures, _ = play(plan)
    # Four standard deviations of a Poisson process on either side.
    assert figures.logons == pytest.approx(2_000, abs=180)
    assert figures.logons - figures.logoffs == pytest.approx(100, abs=40)
    assert figures.updates["SESSION_UPDATE"] == figures.logons + figures.logoffs
    assert figures.passed


def test_equal_plans_make_equal_runs() -> None:
    plan = LoadPlan(seconds=100, logons_per_second=1, session_seconds=20, seed=7)
    assert play(plan) == play(plan)
    assert (
        play(plan)[0].logons != play(LoadPlan(seconds=100, logons_per_second=1, session_seconds=20, seed=8))[0].logons
    )


def test_a_collector_that_is_gone_leaves_heartbeats_unanswered() -> None:
    figures, _ = play(LoadPlan(seconds=3_600), crashes_after=20)
    assert figures.ended_by == "no member is connected to H1 any more"
    assert figures.seconds < 20 + 2 * INTERVAL_SECONDS
    assert (figures.connected, figures.still_connected) == (MEMBERS, 0)
    assert figures.unanswered["HEARTBEAT"] >= MEMBERS
    assert not figures.passed


def test_a_collector_of_another_farm_takes_nobody_in() -> None:
    text = load_farm_file(2, {}).replace('name = "H1"\n', 'name = "H1"\nmagic = 7\n')
    said = "--collector: H1 has not taken M1 in within 8 s"
    with pytest.RaisesGroup(pytest.RaisesExc(ConfigurationError, match=said)):
        play(LoadPlan(seconds=10), topology=parse_topology(text))


def test_a_members_zone_is_its_collectors() -> None:
    text = """
    [[hosts]]
    name = "A"
    zone = "East"
    [[hosts]]
    name = "B"
    zone = "East"
    [[hosts]]
    name = "E{n}"
    count = 2
    zone = "East"
    mode = "session-host"
    [[hosts]]
    name = "W"
    zone = "West"
    mode = "session-host"
    [[hosts]]
    name = "C"
    zone = "South"
    """
    topology = parse_topology(text)
    assert members_of(topology, "B") == ("E1", "E2")
    with pytest.raises(ConfigurationError, match="C has nobody to collect from"):
        members_of(topology, "C")


def figures_of(*, updates: int, rebinds: int, seconds: float = 60.0) -> LoadFigures:
    return LoadFigures(
        members=1,
        connected=1,
        still_connected=1,
        connect_seconds=1.0,
        seconds=seconds,
        updates={"HEARTBEAT": updates},
        logons=0,
        logoffs=0,
        rebinds=rebinds,
        closed=rebinds,
    )


def test_a_prediction_compares_rates_and_not_counts() -> None:
    prediction = Prediction(figures_of(updates=600, rebinds=60), figures_of(updates=330, rebinds=27, seconds=30))
    assert (prediction.updates_ratio, prediction.rebinds_ratio) == (1.1, 0.9)
    idle = Prediction(figures_of(updates=0, rebinds=0), figures_of(updates=1, rebinds=1))
    assert (idle.updates_ratio, idle.rebinds_ratio) == (None, None)
