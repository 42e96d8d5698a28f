"""What a farm file says beyond hosts and settings: links, subnets, many alike, applications, data store, workloads."""

import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imafarm import ConfigurationError, Link, LivePlan, Shape, StorePlan, Topology, Workload
from imafarm.topology.farm_file import parse_topology, topology_of

COMPANY = """
magic = 0x1234

[links.between]
latency_seconds = 0.03

[store]
round_trip_seconds = 0.1
bandwidth_bits_per_second = 2_000_000
replicas = ["branch"]

[live]
network = "10.1.0.0/16"
addresses = { DC = "10.22.45.1", H104 = "10.22.44.2" }

[[zones]]
subnet = "10.22.44.0/24"
hosts = 2

[zones.links.branch]
latency_seconds = 0.12
loss = 0.01

[[zones]]
name = "branch"
subnet = "2001:db8::/32"

[[hosts]]
name = "DC"
zone = "branch"
version = 2

[[hosts]]
name = "CTX{n:02}"
zone = "branch"
count = 3
host_id = 100
mode = "session-host"
magic = 7
settings = { KeepAliveInterval = 30_000 }

[[applications]]
name = "Word"

[[applications]]
name = "Excel"
servers = ["H103", "CTX{n:02}"]

[[applications]]
name = "Visio"
zones = ["10.22.44.0"]

[[workloads]]
zones = ["branch"]
applications = ["Excel", "Word"]
logons_per_hour = 12.5
session_minutes = 90
session_least_minutes = 2
disconnect_share = 0.2
reconnect_share = 0.75
disconnected_minutes = 5
shape = "day"

[[workloads]]
zones = ["10.22.44.0"]
applications = ["Visio"]
logons_per_day = 1000
shape = { ramp_minutes = 10 }
"""

TWO_ZONES = """
[[zones]]
name = "A"
hosts = 2
[[zones]]
name = "B"
hosts = 2
[[applications]]
name = "Word"
"""
WORK = 'applications = ["Word"]\nlogons_per_hour = 1'


def mistakes_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as wrong:
        parse_topology(text)
    return wrong.value.mistakes


@pytest.fixture(scope="module")
def company() -> Topology:
    """The farm of the file above."""
    return parse_topology(COMPANY)


def test_a_zone_is_called_by_the_address_of_its_subnet_unless_it_has_a_name(company: Topology) -> None:
    assert set(company.resolver.zones()) == {"10.22.44.0", "branch"}
    assert parse_topology('[[zones]]\nsubnet = "2001:DB8::/32"\nhosts = 1').resolver.zones() == ["2001:db8::"]
    assert parse_topology('[[zones]]\nsubnet = "10.0.0.0"\nhosts = 1').resolver.zones() == ["10.0.0.0"]


def test_one_table_stands_for_many_hosts(company: Topology) -> None:
    records = company.resolver.records()
    assert [(r.name, r.zone, r.host_id, r.version) for r in records] == [
        ("DC", "branch", 1, 2),
        ("CTX01", "branch", 100, 1),
        ("CTX02", "branch", 101, 1),
        ("CTX03", "branch", 102, 1),
        ("H103", "10.22.44.0", 103, 1),
        ("H104", "10.22.44.0", 104, 1),
    ]
    many = {"CTX01", "CTX02", "CTX03"}
    assert company.session_only == {r.name for r in records if r.session_only} == many
    assert company.host_settings == {name: {"KeepAliveInterval": 30_000} for name in many}
    assert (company.magic, company.host_magic) == (0x1234, dict.fromkeys(many, 7))


def test_ids_go_on_after_many_hosts() -> None:
    topology = parse_topology(
        '[[hosts]]\nname = "A{n}"\nzone = "Z"\ncount = 11\n[[hosts]]\nname = "B{n}x"\nzone = "Z"\ncount = 2'
    )
    assert topology.resolver.by_name("A11") == 10
    assert [topology.resolver.id_of(topology.resolver.by_name(name)) for name in ("A11", "B1x", "B2x")] == [11, 12, 13]


def test_the_first_controller_of_a_zone_is_most_preferred_and_no_session_host_is() -> None:
    """A session-host has no preference, so it does not take the one that a zone's first server gets."""
    topology = parse_topology(
        """
        [[hosts]]
        name = "S"
        zone = "Z"
        mode = "session-host"
        [[hosts]]
        name = "C1"
        zone = "Z"
        [[hosts]]
        name = "C2"
        zone = "Z"
        """
    )
    assert {r.name: r.preference for r in topology.resolver.records() if r.name != "S"} == {"C1": 1, "C2": 3}


def test_two_zones_may_have_links_of_their_own(company: Topology) -> None:
    assert company.between == Link(latency_seconds=0.03)
    assert company.links == {("10.22.44.0", "branch"): Link(latency_seconds=0.12, loss=0.01)}


def test_an_application_is_published_on_all_hosts_on_those_named_or_on_those_of_zones(company: Topology) -> None:
    assert company.applications == {
        "Word": None,
        "Excel": ("H103", "CTX01", "CTX02", "CTX03"),
        "Visio": ("H103", "H104"),
    }


def test_the_data_store_has_a_place(company: Topology) -> None:
    assert company.store == StorePlan(0.1, 2_000_000, ("branch",))
    assert parse_topology(TWO_ZONES).store is None


def test_hosts_have_addresses_for_when_the_farm_is_live(company: Topology) -> None:
    assert company.live == LivePlan("10.1.0.0/16", {"DC": "10.22.45.1", "H104": "10.22.44.2"})
    assert company.live_addresses() == [
        *("10.22.45.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"),
        "10.22.44.2",
    ]
    assert parse_topology(TWO_ZONES).live == LivePlan()


def test_each_zone_has_its_workload(company: Topology) -> None:
    assert company.workload == {
        "branch": Workload(
            logons_per_hour=12.5,
            applications=("Excel", "Word"),
            session_seconds=5_400,
            session_least_seconds=120,
            disconnect_share=0.2,
            reconnect_share=0.75,
            disconnected_seconds=300,
            shape=Shape.day(),
        ),
        "10.22.44.0": Workload(logons_per_hour=1000 / 24, applications=("Visio",), shape=Shape.ramp(600)),
    }
    assert company.workload["10.22.44.0"].for_engine({"Visio": 0})["logons_per_day"] == 1000


def test_a_workload_that_names_no_zones_is_that_of_all() -> None:
    topology = parse_topology(f"{TWO_ZONES}\n[[workloads]]\n{WORK}")
    assert topology.workload == dict.fromkeys(["A", "B"], Workload(logons_per_hour=1, applications=("Word",)))


def test_the_defaults_of_a_workload_are_those_of_the_library() -> None:
    topology = parse_topology(f"{TWO_ZONES}\n[[workloads]]\n{WORK}\nsession_minutes = 30")
    assert topology.workload["A"] == Workload(logons_per_hour=1, applications=("Word",))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"constant"', Shape.constant()),
        ('"day"', Shape.day()),
        ("{ ramp_minutes = 5 }", Shape.ramp(300)),
        ("{ step_at_minutes = 5, factor = 2.5 }", Shape.step(300, 2.5)),
        ("{ day_shift_hours = -6 }", Shape.day(-6 * 3600)),
        ("{ points = [[0, 1], [10, 3.5]] }", Shape(((0, 1), (600, 3.5)))),
        ("{ points = [[1, 1]], period_minutes = 60 }", Shape(((60, 1),), 3600)),
    ],
)
def test_a_shape_is_a_name_or_a_table(written: str, meant: Shape) -> None:
    topology = parse_topology(f"{TWO_ZONES}\n[[workloads]]\n{WORK}\nshape = {written}")
    assert topology.workload["A"].shape == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # The mistakes that are most often made.
        ('[[hosts]]\nname = "X"\nzone = "C"', "hosts[0].zone: no zone is named 'C'"),
        (
            '[[zones]]\nname = "C"\nhosts = 1\nlinks.C = { loss = 0 }',
            "zones[2].links.C: a link of a zone to itself; links inside zones stand under links.inside",
        ),
        (
            '[[workloads]]\napplications = ["Word"]\nlogons_per_hour = -1',
            "workloads[0].logons_per_hour: it should be greater than or equal to 0",
        ),
        (
            '[[hosts]]\nname = "X"\nzone = "A"\nhost_id = 9\n[[hosts]]\nname = "Y"\nzone = "B"\nhost_id = 9',
            "hosts[1].host_id: 9 is taken by hosts[0] already",
        ),
        (
            "[[workloads]]\napplications = []\nlogons_per_hour = 1",
            "workloads[0].applications: the workload has none; a logon is to one of them",
        ),
        ("[[workloads]]\nlogons_per_hour = 1", "workloads[0].applications: Field required"),
        # Zones and links.
        ("[[zones]]\nhosts = 1", "zones[2]: a zone has a name or a subnet, and this one neither"),
        ('[[zones]]\nsubnet = "10.1/8"\nhosts = 1', "zones[2].subnet: '10.1/8' is no IPv4 or IPv6 network"),
        (
            '[[zones]]\nsubnet = "10.22.44.17/24"\nhosts = 1',
            "zones[2].subnet: 10.22.44.17/24 is a host; its network is 10.22.44.0/24",
        ),
        (
            '[[zones]]\nsubnet = "10.0.0.0/8"\nhosts = 1\n[[zones]]\nsubnet = "10.0.0.0/16"\nhosts = 1',
            "zones[3].name: '10.0.0.0' is taken by zones[2] already",
        ),
        ('[[zones]]\nname = "C"\nhosts = 1\nlinks.D = {}', "zones[2].links.D: no zone is named 'D'"),
        (
            '[[zones]]\nname = "C"\nhosts = 1\nlinks.D = {}\n[[zones]]\nname = "D"\nhosts = 1\nlinks.C = {}',
            "zones[3].links.C: the link between the two stands at zones[2] already",
        ),
        (
            '[[zones]]\nname = "10.0"\nhosts = 1\n[[zones]]\nname = "C"\nhosts = 1\nlinks."10.0" = { loss = 1 }',
            'zones[3].links."10.0".loss: it should be less than or equal to 0.999999',
        ),
        (
            '[[zones]]\nname = "(C)"\nhosts = 1\n[[zones]]\nname = "D"\nhosts = 1\nlinks."(C)" = { loss = 1 }',
            'zones[3].links."(C)".loss: it should be less than or equal to 0.999999',
        ),
        # Hosts.
        ('[[hosts]]\nname = "X"\nzone = "A"\ncount = 2', "hosts[0].count: 'X' holds no {n}"),
        ('[[hosts]]\nname = "X{n}"\nzone = "A"', "hosts[0].count: missing; 'X{n}' numbers many hosts"),
        ('[[hosts]]\nname = "X{n}"\nzone = "A"\ncount = 0', "hosts[0].count: it should be greater than or equal to 1"),
        (
            f'[[hosts]]\nname = "{"X" * 251}{{n}}"\nzone = "A"\ncount = 10000',
            "hosts[0].count: a name has 1 to 255 bytes of UTF-8, this one has 256",
        ),
        (
            '[[hosts]]\nname = "X{n}"\nzone = "A"\ncount = 9\n[[hosts]]\nname = "X5"\nzone = "A"',
            "hosts[1].name: 'X5' is taken by hosts[0] already",
        ),
        (
            '[[hosts]]\nname = "X{n}"\nzone = "A"\ncount = 9\n[[hosts]]\nname = "Y"\nzone = "A"\nhost_id = 9',
            "hosts[1].host_id: 9 is taken by hosts[0] already",
        ),
        ('[[hosts]]\nname = "H3"\nzone = "A"', "hosts[0].name: 'H3' is the name of a host that a zone generates"),
        (
            f'[[hosts]]\nname = "X{{n}}"\nzone = "A"\ncount = 9\nhost_id = {2**48 - 5}',
            f"hosts[0].host_id: {2**48 + 3} is out of range, 1 to {2**48 - 1}",
        ),
        (
            f'[[hosts]]\nname = "X"\nzone = "A"\nhost_id = {2**48 - 1}',
            f"hosts: the ids of generated hosts would go on from {2**48 - 1} and beyond {2**48 - 1}",
        ),
        (
            '[[hosts]]\nname = "X{n}"\nzone = "A"\ncount = 1000000',
            "hosts: 1000004 are too many, a farm has at most 1000000",
        ),
        (
            '[[hosts]]\nname = "X"\nzone = "A"\nmode = "session-host"\npreference = 3\nadmin_port = 1',
            "hosts[0].mode: a session-host has no preference and no admin_port",
        ),
        (
            '[[hosts]]\nname = "X"\nzone = "A"\nmode = "both"',
            "hosts[0].mode: it should be 'controller' or 'session-host'",
        ),
        ('[[hosts]]\nname = "X"\nzone = "A"\nmagic = -1', "hosts[0].magic: it should be greater than or equal to 0"),
        ('[[hosts]]\nname = "X"\nzone = "A"\nsettings = { "a\\nb" = 1 }', 'hosts[0].settings."a\\nb": unknown setting'),
        # Applications.
        ('[[applications]]\nname = "Word"', "applications[1].name: 'Word' is taken by applications[0] already"),
        ('[[applications]]\nname = "X"\nservers = ["H4", "H5"]', "applications[1].servers[1]: no host is named 'H5'"),
        ('[[applications]]\nname = "X"\nservers = ["H1", "H1"]', "applications[1].servers: 'H1' stands there twice"),
        ('[[applications]]\nname = "X"\nservers = []', "applications[1].servers: List should have at least 1 item"),
        ('[[applications]]\nname = "X"\nzones = ["C"]', "applications[1].zones[0]: no zone is named 'C'"),
        (
            '[[applications]]\nname = "X"\nzones = ["A"]\nservers = ["H1"]',
            "applications[1].zones: say servers or zones, not both",
        ),
        # The data store.
        ('[store]\nreplicas = ["A", "C"]', "store.replicas[1]: no zone is named 'C'"),
        ('[store]\nreplicas = ["A", "A"]', "store.replicas: 'A' stands there twice"),
        ("[store]\nround_trip_seconds = 0", "store.round_trip_seconds: it should be greater than or equal to 0.000001"),
        # Addresses.
        ('[live]\nnetwork = "10.0.0.1/24"', "live.network: '10.0.0.1/24' is no IPv4 network"),
        ('[live]\nnetwork = "::1/128"', "live.network: '::1/128' is no IPv4 network"),
        ('[live]\nnetwork = "0.0.0.0/0"', "live.network: 0.0.0.0/0 holds addresses that no host can have"),
        ('[live]\naddresses = { H1 = "here" }', "live.addresses.H1: 'here' is no IPv4 address"),
        ('[live]\naddresses = { H1 = "0.0.0.0" }', "live.addresses.H1: 0.0.0.0 is an address that no host can have"),
        ('[live]\naddresses = { H5 = "10.0.0.1" }', "live.addresses.H5: no host is named 'H5'"),
        ('[live]\naddresses = { "X{n}" = "10.0.0.1" }', "live.addresses.\"X{n}\": no host is named 'X{n}'"),
        # Workloads.
        (f'[[workloads]]\n{WORK}\nzones = ["C"]', "workloads[0].zones[0]: no zone is named 'C'"),
        (
            f'[[workloads]]\n{WORK}\nzones = ["A"]\n[[workloads]]\n{WORK}',
            "workloads[1].zones: 'A' has the workload of workloads[0] already",
        ),
        (
            '[[workloads]]\napplications = ["Excel"]\nlogons_per_hour = 1',
            "workloads[0].applications[0]: no application is named 'Excel'",
        ),
        ('[[workloads]]\napplications = ["Word"]', "workloads[0]: say logons_per_hour or logons_per_day, one of them"),
        (
            f"[[workloads]]\n{WORK}\nlogons_per_day = 1",
            "workloads[0]: say logons_per_hour or logons_per_day, one of them",
        ),
        (
            '[[workloads]]\napplications = ["Word"]\nlogons_per_day = 0.2',
            "workloads[0].logons_per_day: 0.2 is less than one logon a day, and not 0",
        ),
        (f"[[workloads]]\n{WORK}\nsession_minutes = nan", "workloads[0].session_minutes: it should be a finite number"),
        (
            f"[[workloads]]\n{WORK}\nsession_least_minutes = 31",
            "workloads[0].session_least_minutes: 31.0 is more than the average, 30",
        ),
        (
            f"[[workloads]]\n{WORK}\nreconnect_share = 2",
            "workloads[0].reconnect_share: it should be less than or equal to 1",
        ),
        (f'[[workloads]]\n{WORK}\nshape = "night"', "workloads[0].shape: it should be 'constant' or 'day'"),
        (
            f"[[workloads]]\n{WORK}\nshape = {{}}",
            "workloads[0].shape: it should be 'constant', 'day' or a table with "
            "ramp_minutes, step_at_minutes, day_shift_hours, points",
        ),
        (f"[[workloads]]\n{WORK}\nshape = {{ step_at_minutes = 1 }}", "workloads[0].shape.factor: Field required"),
        (f"[[workloads]]\n{WORK}\nshape = {{ ramp_minutes = 1, x = 1 }}", "workloads[0].shape.x: unknown key"),
        (
            f"[[workloads]]\n{WORK}\nshape = {{ points = [[5, 1], [4, 1]] }}",
            "workloads[0].shape.points: [1]: 4.0 does not come after 5.0",
        ),
        (
            f"[[workloads]]\n{WORK}\nshape = {{ points = [[0, 1, 2]] }}",
            "workloads[0].shape.points[0]: List should have at most 2 items",
        ),
        (
            f"[[workloads]]\n{WORK}\nshape = {{ points = [[0, 1001]] }}",
            "workloads[0].shape.points: [0]: 1001.0 is out of range, 0 to 1000",
        ),
        (
            f"[[workloads]]\n{WORK}\nshape = {{ points = [[0, 1], [9, 1]], period_minutes = 8 }}",
            "workloads[0].shape.period_minutes: 8.0 is less than a minute, or ends before the last point",
        ),
        ("magic = 1.5", "workloads: it should be a valid list"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_nothing_else_is(text: str, said: str) -> None:
    found = mistakes_of(f"workloads = 1\n{TWO_ZONES}" if text.startswith("magic") else TWO_ZONES + text)
    assert len(found) == 1
    assert found[0].startswith(said)


KEYS = st.sampled_from(
    [
        *("name", "zone", "zones", "hosts", "count", "host_id", "mode", "preference", "subnet", "links", "inside"),
        *(
            "between",
            "store",
            "live",
            "network",
            "addresses",
            "replicas",
            "applications",
            "servers",
            "workloads",
            "logons_per_hour",
            "logons_per_day",
        ),
        *("shape", "points", "period_minutes", "settings", "magic", "product", "A", "B"),
    ]
)
LEAVES = st.one_of(
    st.sampled_from(["A", "B", "Word", "H1", "X{n}", "session-host", "day", "10.0.0.0/8", "", "\0", "PS45"]),
    st.integers(-2, 5),
    st.sampled_from([10**7, 2**48, 10**60]),
    st.floats(),
    st.booleans(),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


def outcome_of(raw: dict[str, Any]) -> Topology | ConfigurationError:
    """The farm, or the one kind of error that there is."""
    try:
        return topology_of(raw)
    except ConfigurationError as error:
        return error


def check_outcome(raw: dict[str, Any]) -> None:
    outcome = outcome_of(raw)
    if isinstance(outcome, ConfigurationError):
        assert outcome.mistakes
        assert all(said and "\n" not in said for said in outcome.mistakes)
    else:
        assert len(outcome.resolver) > 0


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_whatever_the_file_holds_a_farm_comes_out_or_one_kind_of_error(raw: dict[str, Any]) -> None:
    check_outcome(raw)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_good_file_with_one_wrong_part_makes_a_farm_or_one_kind_of_error(data: st.DataObject) -> None:
    raw = tomllib.loads(COMPANY)
    part: Any = raw
    while True:
        step = data.draw(st.sampled_from(list(part) if isinstance(part, dict) else range(len(part))))
        if not isinstance(part[step], dict | list) or not part[step] or data.draw(st.integers(0, 3)) == 0:
            break
        part = part[step]
    part[step] = data.draw(VALUES)
    check_outcome(raw)


def test_a_name_with_a_control_character_is_told_on_one_line() -> None:
    assert mistakes_of(f'{TWO_ZONES}\n[[zones]]\nname = "C"\nhosts = 1\nlinks."a\\nb" = {{}}') == (
        "zones[2].links.\"a\\nb\": a name holds no control characters, this one holds '\\n'",
        "zones[2].links.\"a\\nb\": no zone is named 'a\\nb'",
    )


@pytest.mark.parametrize("text", [f"a = {'[' * 100_000}", f"magic = {'9' * 10_000}", "a.b = 1\na = 2", "\0"])
def test_a_text_that_is_no_toml_is_refused(text: str) -> None:
    assert len(mistakes_of(text)) == 1
