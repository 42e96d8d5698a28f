"""`queryds /table:NAME`: how the records of a dynamic store are printed."""

from imafarm.tools import queryds


def test_sessions_are_printed_as_the_product_does() -> None:
    records = [
        queryds.session_record(host="FTLDTERRYDU02", zone="10.22.44.0", session=1, user="miami7"),
        queryds.session_record(host="Fjärås", zone="10.22.44.0", session=3, user="Zoë"),
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
        "ClientName: WKS-miami7\n"
        "UserName: miami7\n"
        "\n"
        "name: Fjärås.3\n"
        "host: Fjärås\n"
        "zone: 10.22.44.0\n"
        "Version[Session] : 1\n"
        "ProductType: 12\n"
        "SessionId: 3\n"
        "ClientName: WKS-Zoë\n"
        "UserName: Zoë"
    )


def test_a_table_without_records_says_so() -> None:
    assert list(queryds.listed_table("Conn_Sessions", [])) == ["[Conn_Sessions]: 0 records."]


def test_servers_loads_and_subscriptions_are_printed_alike() -> None:
    tables = {
        queryds.SERVERS: queryds.server_record(host="H1", zone="Z1", up=True),
        queryds.LOADS: queryds.load_record(host="H1", zone="Z1", load=200),
        queryds.SUBSCRIPTIONS: queryds.subscription_record(host="H1", zone="Z1", table="Loads"),
    }
    printed = {table: list(queryds.listed_table(table, [record]))[2:] for table, record in tables.items()}
    assert printed == {
        "Servers": ["name: H1", "host: H1", "zone: Z1", "State: Up"],
        "Loads": ["name: H1", "host: H1", "zone: Z1", "Load: 200"],
        "Subscriptions": ["name: H1.Loads", "host: H1", "zone: Z1", "Table: Loads"],
    }
    assert queryds.server_record(host="H1", zone="Z1", up=False)["State"] == "Down"
