"""IMA Information, "What is a Zone Data Collector" and "Supporting data": what happens to sessions and servers is held
by the collector of their zone, and by all others."""

from __future__ import annotations

import pytest
import trio

import imafarm
from imafarm import EventKind

QUIET_SECONDS = 1.0
SHARED = {"ShareLoadInformation": 1}


def test_every_change_of_a_session_reaches_all_collectors_at_once() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=9, zones=3, seed=7) as farm:
            masters = await farm.wait_converged()
            await trio.sleep(60)
            host = next(host for host in farm.hosts_of("Z2") if host != masters["Z2"])
            session = await farm.logon(host, user=42)
            await trio.sleep(QUIET_SECONDS)
            for master in masters.values():
                (row,) = farm.sessions("Z2", at=master)
                assert (row.host, row.number, row.user, row.active) == (host, session.number, 42, True)
            assert await farm.disconnect(session)
            await trio.sleep(QUIET_SECONDS)
            assert [row.active for row in farm.sessions("Z2", at=masters["Z3"])] == [False]
            assert await farm.reconnect(session)
            assert not await farm.reconnect(session), "it is active already"
            await trio.sleep(QUIET_SECONDS)
            assert [row.active for row in farm.sessions("Z2", at=masters["Z3"])] == [True]
            assert await farm.logoff(session)
            await trio.sleep(QUIET_SECONDS)
            assert farm.sessions() == []
            assert farm.check_stores() == []

    imafarm.run(main)


@pytest.mark.parametrize("zones", [2, 3, 5])
def test_an_update_is_replicated_to_each_other_zone_once(zones: int) -> None:
    """CTX114843, "Initial Boot of a Presentation Server Farm": in a farm of Z zones, Z - 1 times."""

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=3 * zones, zones=zones, seed=3) as farm:
            masters = await farm.wait_converged()
            await trio.sleep(60)
            before = farm.statistics()
            await farm.logon(next(host for host in farm.hosts_of("Z1") if host != masters["Z1"]))
            await trio.sleep(QUIET_SECONDS)
            counted = farm.statistics().since(before)
            assert counted.messages["SESSION_UPDATE"].sent == 1 + (zones - 1)
            assert counted.messages["SESSION_UPDATE_ACK"].sent == 1 + (zones - 1)
            assert counted.counters["Z1"]["DynamicStoreGatewayUpdateCount"] == zones - 1
            assert counted.counters["Z2"]["DynamicStoreUpdatePacketsReceived"] == 1

    imafarm.run(main)


def test_the_counters_of_updates_tell_the_bytes_that_went_by() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=6, zones=2, seed=3) as farm:
            masters = await farm.wait_converged()
            await trio.sleep(60)
            before, links = farm.statistics(), farm.links()
            await farm.logon(next(host for host in farm.hosts_of("Z1") if host != masters["Z1"]))
            await trio.sleep(QUIET_SECONDS)
            counters, now = farm.statistics().since(before).counters, farm.links()

            def sent(source: str, target: str, kind: str) -> int:
                then = links[source, target].get(kind)
                return now[source, target][kind].bytes - (then.bytes if then else 0)

            there, back = sent("Z1", "Z2", "SESSION_UPDATE"), sent("Z2", "Z1", "SESSION_UPDATE_ACK")
            assert there > 0 and back > 0
            assert counters["Z1"]["DynamicStoreGatewayUpdateBytesSent"] == there
            assert counters["Z2"]["DynamicStoreUpdateBytesReceived"] == there
            assert counters["Z2"]["DynamicStoreUpdateResponseBytesSent"] == back
            own = sent("Z1", "Z1", "SESSION_UPDATE"), sent("Z1", "Z1", "SESSION_UPDATE_ACK")
            assert counters["Z1"]["DynamicStoreUpdateBytesReceived"] == own[0]
            assert counters["Z1"]["DynamicStoreUpdateResponseBytesSent"] == own[1]

    imafarm.run(main)


@pytest.mark.parametrize("shares", [0, 1])
def test_loads_leave_their_zone_only_if_they_are_shared(shares: int) -> None:
    """CTX114843, "Farm Communication": with "Load Share information across zones" off there is less to tell."""

    async def main() -> None:
        settings = {"ShareLoadInformation": shares}
        async with imafarm.open_emulated_farm(hosts=6, zones=2, seed=7, settings=settings) as farm:
            masters = await farm.wait_converged()
            await trio.sleep(60)
            host = farm.hosts_of("Z1")[-1]
            await farm.set_load(host, 4_711)
            await trio.sleep(QUIET_SECONDS)
            own = {row.host: row.load for row in farm.server_states("Z1")}
            others = {row.host: row.load for row in farm.server_states("Z1", at=masters["Z2"])}
            assert own[host] == 4_711
            assert others[host] == (4_711 if shares else None)
            assert farm.check_stores() == []

    imafarm.run(main)


def test_sessions_outlive_their_collector_and_members_tell_the_next_all() -> None:
    """IMA Information, "New Data Collector Election Process", 3 and 4: members send the new collector all they have,
    sessions on other servers are unaffected, and new ones go on during the election."""

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=12, zones=2, seed=7) as farm:
            masters = await farm.wait_converged()
            await trio.sleep(60)
            members = [host for host in farm.hosts_of("Z1") if host != masters["Z1"]]
            kept = [await farm.logon(host, user=user) for user, host in enumerate(members)]
            await farm.disconnect(kept[0])
            await farm.crash(masters["Z1"])
            during = await farm.logon(members[1], user=99)
            new = await farm.wait_master("Z1", other_than=masters["Z1"])
            await trio.sleep(90)
            held = {(row.host, row.number): row.active for row in farm.sessions("Z1")}
            assert held == {(s.host, s.number): s is not kept[0] for s in [*kept, during]}
            assert {row.host for row in farm.server_states("Z1") if row.up} == set(members)
            assert farm.masters["Z1"] == new
            assert farm.sessions("Z1", at=masters["Z2"]) == farm.sessions("Z1")
            assert farm.check_stores() == []

    imafarm.run(main)


def test_an_unchanged_collector_is_not_told_all_again() -> None:
    """IMA Information, "New Data Collector Election Process", 3: only a new collector is."""

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=8, seed=7) as farm:
            master = await farm.wait_master()
            await trio.sleep(60)
            before = farm.statistics()
            await farm.elect(next(host for host in farm.host_names if host != master))
            await trio.sleep(30)
            assert farm.masters["Z1"] == master
            counted = farm.statistics().since(before)
            assert counted.elections_started > 0
            assert counted.messages["SERVER_UPDATE"].sent == 0

    imafarm.run(main)


def test_a_member_silent_about_its_load_is_asked_for_it() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=4, seed=7) as farm:
            await farm.wait_master()
            await trio.sleep(60)
            before = farm.statistics()
            await trio.sleep(600)
            counted = farm.statistics().since(before).messages
            assert counted["LOAD_REQUEST"].sent == counted["LOAD_UPDATE"].sent
            assert 3 * 1 <= counted["LOAD_REQUEST"].sent <= 3 * 2, (
                "five minutes of silence, and on to the next heartbeat"
            )

    imafarm.run(main)


def test_a_lost_server_is_down_everywhere_and_takes_its_subscriptions_along() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=8, zones=2, seed=7) as farm:
            masters = await farm.wait_converged()
            await trio.sleep(60)
            owner, lost = [host for host in farm.hosts_of("Z1") if host != masters["Z1"]][:2]
            await farm.subscribe(owner, "Server_State")
            await farm.subscribe(lost, "Conn_Sessions")
            await trio.sleep(QUIET_SECONDS)
            assert sorted(farm.subscriptions("Z1")) == [(owner, "Server_State"), (lost, "Conn_Sessions")]
            async with farm.watch(EventKind.TABLE_CHANGED) as changes:
                await farm.crash(lost)
                assert (await changes.receive()).host == owner
            await trio.sleep(QUIET_SECONDS)
            assert farm.subscriptions("Z1") == [(owner, "Server_State")]
            for master in masters.values():
                assert not next(row.up for row in farm.server_states("Z1", at=master) if row.host == lost)

    imafarm.run(main)


def test_a_server_that_stops_in_good_order_says_so() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=4, seed=7) as farm:
            master = await farm.wait_master()
            await trio.sleep(60)
            leaving = next(host for host in farm.host_names if host != master)
            await farm.logon(leaving)
            await farm.stop(leaving)
            await trio.sleep(QUIET_SECONDS)
            assert not next(row.up for row in farm.server_states("Z1") if row.host == leaving)
            assert farm.sessions() == []

    imafarm.run(main)


def test_a_silent_peer_is_left_alone_for_the_validation_interval() -> None:
    """IMA Information, "How does the ZDC keep track of all of the hosts": a lost peer is not pinged again and again."""

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=2, zones=2, seed=7) as farm:
            await farm.wait_converged()
            await trio.sleep(120)
            before = farm.statistics()
            await farm.crash("H2")
            lost = await farm.wait_event(EventKind.PEER_LOST)
            assert (lost.host, lost.other) == ("H1", "H2")
            after = farm.statistics()
            assert after.since(before).messages["PEER_PING"].sent <= 2
            await trio.sleep(299)
            assert farm.statistics().since(after).messages["PEER_PING"].sent == 0
            await farm.start("H2")
            await trio.sleep(310)
            assert farm.check_stores() == []

    imafarm.run(main)


def test_nobody_logs_on_to_a_server_that_is_down() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=2, seed=7) as farm:
            await farm.wait_master()
            await trio.sleep(60)
            await farm.crash("H2")
            with pytest.raises(imafarm.ConfigurationError, match="host: H2 does not run, nobody can log on to it"):
                await farm.logon("H2")
            with pytest.raises(KeyError, match="application 'Winword'"):
                await farm.logon("H1", app="Winword")
            with pytest.raises(imafarm.ConfigurationError, match='table: there is no "Conn"; there are Conn_Sessions'):
                await farm.subscribe("H1", "Conn")

    imafarm.run(main)
