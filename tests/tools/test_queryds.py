"""`queryds /table:NAME`: what a collector's dynamic store holds, and how it is printed."""

from collections.abc import Callable

import pytest
import trio

import imafarm
from imafarm import EventKind, cli
from imafarm.farm import Farm
from imafarm.tools import queryds

Ask = Callable[..., str]
QUIET_SECONDS = 60.0


def test_sessions_are_printed_as_the_product_does() -> None:
    records = [
        queryds.session_record(host="FTLDTERRYDU02", zone="10.22.44.0", session=1, user=7),
        queryds.session_record(host="Fjärås", zone="10.22.44.0", session=3, user=42),
    ]
    assert "\n".join(queryds.listed_table("Conn_Sessions", records)) == (
        "[Conn_Sessions]: 2 records.\n"
        "\n"
        "name: FTLDTERRYDU02.1\n"
        "host: FTLDTERRYDU02\n"
        "zone: 10.22.44.0\n"
        "Version[Session] : 1\n"
        "ProductType: 12\n"
        "SessionId: 1\n"
        "ClientName: WKS-7\n"
        "UserName: 7\n"
        "\n"
        "name: Fjärås.3\n"
        "host: Fjärås\n"
        "zone: 10.22.44.0\n"
        "Version[Session] : 1\n"
        "ProductType: 12\n"
        "SessionId: 3\n"
        "ClientName: WKS-42\n"
        "UserName: 42"
    )


def test_a_table_without_records_says_so() -> None:
    assert list(queryds.listed_table("Conn_Sessions", [])) == ["[Conn_Sessions]: 0 records."]


def test_servers_loads_and_subscriptions_are_printed_alike() -> None:
    tables = {
        queryds.SERVERS: queryds.server_record(host="H1", zone="Z1", up=True),
        queryds.LOADS: queryds.load_record(host="H1", zone="Z1", load=200),
        queryds.SUBSCRIPTIONS: queryds.subscription_record(host="H1", zone="Z1", table="Server_Load"),
    }
    printed = {table: list(queryds.listed_table(table, [record]))[2:] for table, record in tables.items()}
    assert printed == {
        "Server_State": ["name: H1", "host: H1", "zone: Z1", "State: Up"],
        "Server_Load": ["name: H1", "host: H1", "zone: Z1", "Load: 200"],
        "Subscriptions": ["name: H1.Server_Load", "host: H1", "zone: Z1", "Table: Server_Load"],
    }
    assert queryds.server_record(host="H1", zone="Z1", up=False)["State"] == "Down"


@pytest.mark.parametrize("switch", ["/table:Server_State", "/TABLE:server_state", "--table=Server_State"])
def test_a_table_is_asked_for_as_with_the_product(ask: Ask, switch: str) -> None:
    assert ask("queryds", switch, "--hosts", 2, "--zones", 2, "--after", 120) == (
        "[Server_State]: 2 records.\n"
        "\n"
        "name: H1\nhost: H1\nzone: Z1\nState: Up\n"
        "\n"
        "name: H2\nhost: H2\nzone: Z2\nState: Up\n"
    )


def test_a_working_offices_users_are_in_the_table_and_in_the_loads(ask: Ask, pytestconfig: pytest.Config) -> None:
    """At ten in the morning, with the default evaluator: each session is a hundred of the 10,000 that are full."""
    office = ["--farm", pytestconfig.rootpath / "examples/office.toml", "--after", 36_000]
    first, *lines = ask("queryds", "/table:Conn_Sessions", *office).splitlines()
    sessions = [line for line in lines if line.startswith("SessionId: ")]
    assert len(sessions) > 20
    assert first == f"[Conn_Sessions]: {len(sessions)} records."
    rows = [line.split() for line in ask("qfarm", "/load", *office).splitlines()[3:]]
    loads = {host: int(load) for host, load, *_ in rows}
    assert sum(loads.values()) == 100 * len(sessions)
    assert loads["FTLDTERRYDU01"] == loads["FTLDTERRYDU02"] == 0, "nothing is published on these"


def test_a_table_that_there_is_not_is_told_from_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["queryds", "/table:Con_Session"])
    assert left.value.code == 2
    assert "--table: unknown 'Con_Session'; did you mean 'Conn_Sessions'?" in capsys.readouterr().err


def test_the_table_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["queryds"])
    assert left.value.code == 2
    assert "--table" in capsys.readouterr().err


def test_sessions_are_those_that_the_collectors_hold() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=6, zones=2, seed=7) as farm:
            await farm.wait_converged()
            await trio.sleep(QUIET_SECONDS)
            await farm.logon("H2", user=42)
            await farm.disconnect(await farm.logon("H6", user=7))
            await trio.sleep(QUIET_SECONDS)
            held = queryds.records(farm, queryds.SESSIONS)
            assert [(it["host"], it["zone"], it["UserName"]) for it in held] == [("H2", "Z1", 42), ("H6", "Z2", 7)]
            assert queryds.records(farm, queryds.SESSIONS, "H3") == held, "the collectors tell one another"
            await farm.logoff(await restored(farm, "H2"))
            await trio.sleep(QUIET_SECONDS)
            assert [it["host"] for it in queryds.records(farm, queryds.SESSIONS)] == ["H6"]

    imafarm.run(main)


async def restored(farm: Farm, host: str) -> imafarm.Session:
    """The only session of a host, from what the collectors hold of it."""
    (row,) = (row for row in farm.sessions() if row.host == host)
    return imafarm.Session(host=row.host, number=row.number, user=row.user, app=row.app)


def test_each_zones_collector_knows_its_loads_and_another_does_not() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=4, zones=2, seed=7) as farm:
            await farm.wait_converged()
            await trio.sleep(QUIET_SECONDS)
            await farm.set_load("H2", 700)
            await farm.set_load("H4", 900)
            await trio.sleep(QUIET_SECONDS)
            loads = {it["host"]: it["Load"] for it in queryds.records(farm, queryds.LOADS)}
            assert loads == {"H1": 0, "H2": 700, "H3": 0, "H4": 900}
            asked = {it["host"]: it["Load"] for it in queryds.records(farm, queryds.LOADS, "H4")}
            assert asked == {"H3": 0, "H4": 900}

    imafarm.run(main)


def test_a_server_that_went_down_has_a_state_and_no_load() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=3, seed=7) as farm:
            await farm.wait_converged()
            await trio.sleep(QUIET_SECONDS)
            await farm.stop("H2")
            await trio.sleep(QUIET_SECONDS)
            states = {it["host"]: it["State"] for it in queryds.records(farm, queryds.SERVERS)}
            assert states == {"H1": "Up", "H2": "Down", "H3": "Up"}
            assert [it["host"] for it in queryds.records(farm, queryds.LOADS)] == ["H1", "H3"]

    imafarm.run(main)


def test_subscriptions_are_those_made_at_the_collector_asked() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=4, zones=2, seed=7) as farm:
            await farm.wait_converged()
            await trio.sleep(QUIET_SECONDS)
            await farm.subscribe("H2", "Conn_Sessions")
            await farm.subscribe("H4", "Server_Load")
            await trio.sleep(QUIET_SECONDS)
            tables = {it["name"]: it["zone"] for it in queryds.records(farm, queryds.SUBSCRIPTIONS)}
            assert tables == {"H2.Conn_Sessions": "Z1", "H4.Server_Load": "Z2"}
            assert [it["host"] for it in queryds.records(farm, queryds.SUBSCRIPTIONS, "H3")] == ["H4"]

    imafarm.run(main)


def test_only_a_host_whose_collector_is_there_can_be_asked() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=3, seed=7, boot_seconds=None) as farm:
            await farm.start("H2")
            await farm.wait_event(EventKind.HOST_UP)
            with pytest.raises(imafarm.ConfigurationError, match=r"HOST: H2 knows of no data collector at \d"):
                queryds.records(farm, queryds.SERVERS, "H2")
            await farm.wait_master()
            await farm.start("H3")
            await trio.sleep(QUIET_SECONDS)
            collector = await farm.wait_master()
            (member,) = {"H2", "H3"} - {collector}
            await farm.crash(collector)
            with pytest.raises(imafarm.ConfigurationError, match=f"HOST: {collector} is crashed at"):
                queryds.records(farm, queryds.SERVERS, member)

    imafarm.run(main)
