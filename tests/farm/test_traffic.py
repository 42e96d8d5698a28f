"""What a farm's traffic is made of (CTX114843, "Farm Communication")."""

import pytest
import trio

import imafarm
from imafarm import FarmStatistics, Topology
from imafarm.topology import read_topology

EVENTS = {"RESOLVE", "RESOLVED", "SESSION_UPDATE", "SESSION_UPDATE_ACK"}
"""What is sent because a user does something: to find a server, and to tell the collectors."""
AT_REST = {
    "HEARTBEAT",
    "HEARTBEAT_ACK",
    "IMA_PING",
    "IMA_PING_ACK",
    "PEER_PING",
    "PEER_PING_ACK",
    "LOAD_REQUEST",
    "LOAD_UPDATE",
}
"""What is sent whether anything happens or not: to check that others are there, and to ask who is silent."""
NINE_O_CLOCK, HOUR = 9 * 3_600.0, 3_600.0


def an_hour(topology: Topology, begins: float) -> FarmStatistics:
    """What a farm does in an hour."""

    async def main() -> FarmStatistics:
        async with imafarm.open_emulated_farm(topology=topology, seed=7) as farm:
            await trio.sleep(begins)
            before = farm.statistics()
            await trio.sleep(HOUR)
            return farm.statistics().since(before)

    return imafarm.run(main)


@pytest.mark.parametrize(("farm", "least"), [("company", 0.95), ("office", 0.6)])
def test_nearly_all_traffic_of_a_working_farm_comes_of_events(
    pytestconfig: pytest.Config, farm: str, least: float
) -> None:
    """Even in an office of ten servers; in a company of five zones there is next to nothing else."""
    messages = an_hour(read_topology(pytestconfig.rootpath / f"examples/{farm}.toml"), NINE_O_CLOCK).messages
    events = sum(traffic.bytes for kind, traffic in messages.items() if kind in EVENTS)
    assert events > least * sum(traffic.bytes for traffic in messages.values())


def test_without_events_only_what_is_always_sent_is() -> None:
    messages = an_hour(Topology.of(12, 3), 600.0).messages
    assert {kind for kind, traffic in messages.items() if traffic.sent} <= AT_REST
    assert messages["HEARTBEAT"].sent > 0
