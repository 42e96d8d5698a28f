"""A farm on real sockets: it boots, elects, fails over, stops, and nothing is left of it."""

import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trustme

from imafarm import ConfigurationError, EventKind, Recording
from imafarm.configuration import ConfigurationChange, OtherChange, Publish
from imafarm.errors import StoreDown
from imafarm.keys import FarmKeys
from imafarm.live import LiveFarm, LiveLimits
from imafarm.live._tls import TlsFiles

Play = Callable[..., None]
QUICK = {"KeepAliveInterval": 1_000, "KeepAliveTimeout": 500, "BindTimeout": 1_000}


async def until(holds: Callable[[], object]) -> None:
    """Waits for what no event tells of."""
    while not holds():  # noqa: ASYNC110
        await trio.sleep(0.01)


async def settled(farm: LiveFarm) -> None:
    """Waits until nothing is under way any more."""
    await until(lambda: not any(traffic.in_flight for traffic in farm.statistics().messages.values()))


def test_hosts_boot_and_agree_on_the_most_preferred(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        assert await farm.wait_master() == "H1"
        assert {farm.host_state(host).power for host in farm.host_names} == {"up"}
        await settled(farm)
        assert farm.check_conservation() == []

    play(story)


def test_zones_have_collectors_of_their_own_which_know_one_another(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        assert await farm.wait_converged() == {"Z1": "H1", "Z2": "H4"}
        sessions = [await farm.logon(host, user=number) for number, host in enumerate(farm.host_names)]
        await until(lambda: len(farm.sessions("Z2", at="H1")) == len(farm.sessions("Z1", at="H4")) == 3)
        await until(lambda: farm.check_stores() == [])
        assert await farm.logoff(sessions[0]) and not await farm.logoff(sessions[0])

    play(story, hosts=6, zones=2)


def test_a_crash_is_noticed_and_another_is_elected(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        old = await farm.wait_master()
        await farm.crash(old)
        assert farm.host_state(old).power == "crashed"
        assert await farm.wait_master(other_than=old) == "H5"
        assert farm.elections()[-1].master == "H5"
        await settled(farm)
        assert farm.check_conservation() == []

    play(story)


def test_events_are_recorded_and_what_has_no_bins_says_so(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        old = await farm.wait_master()
        await farm.crash(old)
        new = await farm.wait_master(other_than=old)
        events = farm.events()
        kinds = events.column("kind")
        assert kinds.count("HOST_UP") == len(farm.host_names) and set(kinds) <= {"HOST_UP", "HOST_DOWN", "ZONE_AGREED"}
        agreed = [row for row in events.rows() if row["kind"] == "ZONE_AGREED"]
        assert [row["host"] for row in agreed][-1] == new
        assert [row["time_ns"] for row in agreed] == sorted(row["time_ns"] for row in agreed)
        hosts = {row["host"]: row for row in farm.hosts().rows()}
        assert (hosts[old]["power"], hosts[new]["role"]) == ("crashed", "master")
        for table in (farm.traffic, farm.bindings):
            with pytest.raises(ConfigurationError, match="a farm on real sockets records events alone"):
                table()

    play(story, record=Recording(kinds=EventKind.HOST_UP | EventKind.HOST_DOWN | EventKind.ZONE_AGREED))


def test_nothing_is_recorded_unless_asked_for(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        with pytest.raises(ConfigurationError, match="events: this farm records none; open it with record=True"):
            farm.events()
        assert len(farm.hosts()) == len(farm.host_names)

    play(story)


def test_a_crashed_collector_comes_back_as_a_member(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        await farm.wait_master()
        await farm.crash("H1")
        new = await farm.wait_master(other_than="H1")
        await farm.start("H1")
        await farm.wait_started()
        assert farm.host_state("H1").power == "up"
        await until(lambda: farm.host_state("H1").master)
        assert farm.host_state("H1").master in {new, "H1"}

    play(story)


def test_a_collector_that_stops_hands_over_before_it_goes(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        await farm.wait_master()
        # For so long after an election nobody takes another one up.
        await trio.sleep(farm.setting("H1", "ElectMasterTimeout") / 1_000)
        async with farm.watch(EventKind.MASTER_UNREACHABLE) as doubts:
            await farm.stop("H1")
            await farm.wait_stopped("H1")
            assert farm.host_state("H1").power == "off"
            assert await farm.wait_master(other_than="H1") == "H5"
            assert doubts.statistics().current_buffer_used == 0

    play(story, settings={"ElectMasterTimeout": 200})


def test_a_restarted_host_has_forgotten_and_learns_again(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        await farm.wait_master()
        async with farm.watch(EventKind.HOST_UP | EventKind.MASTER_ACCEPTED) as events:
            await farm.restart("H3")
            await farm.wait_started()
            async for event in events:
                if event.host == "H3" and event.kind is EventKind.MASTER_ACCEPTED:
                    assert event.other == "H1"
                    break

    play(story)


def test_who_is_cut_off_elects_its_own_and_comes_back_when_healed(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        await farm.wait_master()
        cut = await farm.partition(["H1", "H2"])
        await farm.elect("H5")
        await until(lambda: {farm.host_state(host).master for host in ("H3", "H4", "H5")} == {"H5"})
        assert farm.host_state("H1").role == "master"
        assert farm.masters == {"Z1": None}
        await farm.heal(cut)
        await farm.elect("H5")
        await farm.wait_master()

    play(story, settings=QUICK, limits=LiveLimits(give_up_seconds=1.0))


def test_a_cut_is_healed_once(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        cut = await farm.partition("H1")
        await farm.heal(cut)
        with pytest.raises(ValueError, match="no cut has the number"):
            await farm.heal(cut)

    play(story)


def test_a_paused_collector_is_succeeded(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        await farm.wait_master()
        await farm.pause("H1")
        assert farm.host_state("H1").power == "paused"
        await until(lambda: not {farm.host_state(host).master for host in farm.host_names[1:]} & {"H1", None})
        await farm.resume("H1")
        await farm.wait_master()

    play(story, settings=QUICK)


def test_an_application_is_published_and_a_session_resolved(play: Play) -> None:
    changes: list[ConfigurationChange] = []

    class Log:
        def record(self, change: ConfigurationChange) -> None:
            changes.append(change)

    async def story(farm: LiveFarm) -> None:
        await farm.wait_master()
        number = await farm.publish("Word", ["H2", "H3"])
        await farm.wait_change(number)
        await until(lambda: len(farm.server_states("Z1")) == len(farm.host_names))
        found = await farm.resolve("Word")
        assert found is not None and found.host in {"H2", "H3"}
        assert await farm.change_configuration(100) == number + 1
        assert changes == [Publish("Word", ["H2", "H3"]), OtherChange(100)]

    play(story, log=Log())


def test_while_the_store_is_down_nothing_is_changed(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        await farm.wait_master()
        await farm.store_down()
        with pytest.raises(StoreDown):
            await farm.publish("Word")
        await farm.store_up()
        assert await farm.publish("Word") == 1

    play(story)


def test_a_farm_of_which_a_part_lives_here_has_verbs_for_its_own(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        assert farm.local_hosts == ("H2", "H3")
        assert await farm.wait_master() in farm.local_hosts
        assert farm.host_state("H1").power == "off"
        for verb in (farm.start, farm.stop, farm.crash, farm.pause, farm.restart):
            with pytest.raises(ConfigurationError, match="H1 does not live in this process"):
                await verb("H1")

    play(story, local=["H2", "H3"])


def test_what_is_left_of_a_closed_farm_are_its_figures(play: Play) -> None:
    kept: list[LiveFarm] = []

    async def story(farm: LiveFarm) -> None:
        kept.append(farm)
        await farm.wait_master()

    play(story)
    (farm,) = kept

    async def after() -> None:
        assert farm.statistics().elections_won >= 1
        with pytest.raises(trio.ClosedResourceError):
            await farm.crash("H1")

    trio.run(after)


@pytest.mark.parametrize("keyed", [False, True], ids=["open", "keyed"])
def test_twenty_hosts_at_their_defaults_lose_their_collector(play: Play, keyed: bool) -> None:
    async def story(farm: LiveFarm) -> None:
        old = await farm.wait_master()
        await farm.crash(old)
        assert await farm.wait_master(other_than=old) == "H20"
        await settled(farm)
        assert farm.check_conservation() == []

    play(story, hosts=20, keys=FarmKeys([b"k" * 32]) if keyed else None)


def test_hosts_speak_tls(play: Play, tmp_path: Path) -> None:
    authority = trustme.CA()
    its = authority.issue_cert("h1.farm")
    files = TlsFiles(tmp_path / "farm.pem", tmp_path / "farm.key", tmp_path / "ca.pem")
    its.cert_chain_pems[0].write_to_path(files.certificate)
    its.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    authority.cert_pem.write_to_path(files.authority)

    async def story(farm: LiveFarm) -> None:
        old = await farm.wait_master()
        # Who speaks none is let go, and the host is none the worse for it.
        async with await trio.open_tcp_stream(*farm.address(old)) as stranger:
            await stranger.send_all(b"no TLS at all")
            with suppress(trio.BrokenResourceError):
                assert b"IMAF" not in b"".join([part async for part in stranger])
        await trio.sleep(farm.setting(old, "ElectMasterTimeout") / 1_000)
        await farm.stop(old)
        await farm.wait_stopped(old)
        assert await farm.wait_master(other_than=old) == "H5"
        await settled(farm)
        assert farm.check_conservation() == []

    play(story, tls=files, settings={"ElectMasterTimeout": 200})


def test_elections_go_on_while_there_are_no_descriptors(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        old = await farm.wait_master()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 10, hard))
        try:
            await farm.crash(old)
            assert await farm.wait_master(other_than=old) == "H12"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await settled(farm)
        assert farm.check_conservation() == []

    play(story, hosts=12)


def test_what_the_callers_own_code_raises_comes_out_as_it_is(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        await farm.wait_started()
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        play(story)
