"""A farm before it is opened: what it may be made of, and the whole numbers that the engine takes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imafarm import ConfigurationError, HostRecord, HostResolver, Link, Shape, StorePlan, Topology, Workload, _imafarm

HOUR, DAY = 3_600.0, 86_400.0


def mistakes_of(make: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as wrong:
        make()
    return wrong.value.mistakes


def office(**changed: object) -> Workload:
    known: dict[str, object] = {"logons_per_hour": 10.0, "applications": ("Word",)}
    return Workload(**(known | changed))  # type: ignore[arg-type]


def test_names_become_indexes_and_quantities_whole_numbers() -> None:
    topology = Topology.of(
        6,
        3,
        links={("Z3", "Z1"): Link(latency_seconds=0.1, loss=0.01), ("Z1", "Z2"): Link(bandwidth_bits_per_second=1e6)},
        applications={"Word": None, "Excel": ("H4", "H2")},
        workload={
            "Z2": office(applications=("Excel", "Word"), disconnect_share=0.25, shape=Shape.step(60, 3)),
            "Z1": office(logons_per_hour=0.5, session_seconds=90, session_least_seconds=1.5),
        },
        store=StorePlan(round_trip_seconds=0.1, bandwidth_bits_per_second=2e6, replicas=("Z3", "Z1")),
        magic=7,
        host_magic={"H6": 8},
        session_only=["H5", "H3"],
    )
    assert topology.links_for_engine() == {
        (0, 1): {"bandwidth_bps": 1_000_000},
        (0, 2): {"latency_ns": 100_000_000, "loss_ppm": 10_000},
    }
    assert topology.applications_for_engine() == [("Word", None), ("Excel", [1, 3])]
    assert topology.workload_for_engine() == {
        0: {
            "logons_per_day": 12,
            "session_ns": 90_000_000_000,
            "session_least_ns": 1_500_000_000,
            "disconnect_ppm": 100_000,
            "reconnect_ppm": 500_000,
            "disconnected_ns": 600_000_000_000,
            "shape": [(0, 1_000_000)],
            "period_ns": 0,
            "applications": [0],
        },
        1: {
            "logons_per_day": 240,
            "session_ns": 1_800_000_000_000,
            "session_least_ns": 0,
            "disconnect_ppm": 250_000,
            "reconnect_ppm": 500_000,
            "disconnected_ns": 600_000_000_000,
            "shape": [(0, 1_000_000), (60_000_000_000, 1_000_000), (60_000_000_000, 3_000_000)],
            "period_ns": 0,
            "applications": [1, 0],
        },
    }
    assert topology.store_for_engine() == {
        "round_trip_ns": 100_000_000,
        "bandwidth_bps": 2_000_000,
        "replicas": [0, 2],
    }
    assert (topology.magic, topology.host_magic_for_engine()) == (7, {5: 8})


def test_who_only_runs_sessions_is_said_by_the_name_or_by_the_record() -> None:
    """A server that only hosts sessions never stands in an election, which its record has to say."""
    records = [
        HostRecord(name="A", zone="Z", host_id=1, session_only=True),
        HostRecord(name="B", zone="Z", host_id=2, ima_port=1, admin_port=2, version=3, preference=4),
        HostRecord(name="C", zone="Z", host_id=3),
    ]
    resolver = HostResolver(records)
    topology = Topology.of(resolver, session_only=["B"])
    assert topology.session_only == {"A", "B"}
    assert topology.resolver.records() == [
        records[0],
        HostRecord(name="B", zone="Z", host_id=2, ima_port=1, admin_port=2, version=3, preference=4, session_only=True),
        records[2],
    ]
    assert resolver.records() == records
    assert Topology.of(resolver).session_only == {"A"}
    assert Topology.of(resolver).resolver is resolver


def test_what_nobody_said_is_left_to_the_engine() -> None:
    topology = Topology.of(2)
    assert topology.links_for_engine() == {}
    assert topology.applications_for_engine() == []
    assert topology.workload_for_engine() == {}
    assert topology.store_for_engine() is None
    assert StorePlan().for_engine({}) == {"replicas": []}
    assert topology.session_only == frozenset()


def test_everything_that_the_farm_does_not_have_is_told_at_once() -> None:
    found = mistakes_of(
        lambda: Topology.of(
            4,
            2,
            host_settings={"H9": {}},
            links={("Z1", "Z1"): Link(), ("Z1", "Z9"): Link(), ("Z1", "Z2"): Link(), ("Z2", "Z1"): Link()},
            applications={"": None, "Word": ("H1", "H8", "H1"), "Excel": ()},
            workload={"Z8": office(), "Z1": office(applications=("Visio",))},
            store=StorePlan(replicas=("Z7",)),
            magic=2**32,
            host_magic={"H7": 1, "H1": -1},
            session_only=["H6"],
        )
    )
    assert found == (
        "host_settings: no host is named 'H9'",
        "links['Z1', 'Z1']: a link of a zone to itself; links inside zones stand under `inside`",
        "links['Z1', 'Z9']: no zone is named 'Z9'",
        "links['Z2', 'Z1']: stands there in the other order too",
        "applications: a name has 1 to 255 bytes of UTF-8, this one has 0",
        "applications['Word']: no host is named 'H8'",
        "applications['Word']: 'H1' stands there twice",
        "applications['Excel']: published on no host; `None` stands for all",
        "workload: no zone is named 'Z8'",
        "workload['Z1'].applications: no application is named 'Visio'",
        "store.replicas: no zone is named 'Z7'",
        "magic: 4294967296 is out of range, 0 to 4294967295",
        "host_magic: no host is named 'H7'",
        "host_magic: 'H1': -1 is out of range, 0 to 4294967295",
        "session_only: no host is named 'H6'",
    )


def test_a_workload_is_told_what_is_wrong_with_it() -> None:
    assert mistakes_of(lambda: office(logons_per_hour=-1, disconnect_share=1.5, session_seconds=float("nan"))) == (
        "logons_per_hour: -1 is out of range, 0.0 to 1000000000.0",
        "session_seconds: nan is out of range, 0.001 to 31536000.0",
        "disconnect_share: 1.5 is out of range, 0.0 to 1.0",
    )
    assert mistakes_of(lambda: office(applications=())) == (
        "applications: the workload has none; a logon is to one of them",
    )
    assert mistakes_of(lambda: office(applications=("A", "B", "A"))) == ("applications: 'A' stands there twice",)
    assert mistakes_of(lambda: office(logons_per_hour="many")) == ("logons_per_hour: 'many' is no number",)
    assert mistakes_of(lambda: office(session_seconds=5, session_least_seconds=6)) == (
        "session_least_seconds: 6 is more than the average, 5",
    )


def test_a_rate_that_would_round_to_nothing_is_refused_and_none_is_none() -> None:
    assert mistakes_of(lambda: office(logons_per_hour=0.01)) == (
        "logons_per_hour: 0.01 is less than one logon a day, and not 0",
    )
    assert office(logons_per_hour=0).for_engine({"Word": 0})["logons_per_day"] == 0


@pytest.mark.parametrize(
    ("shape", "factors"),
    [
        (Shape.constant(), {0: 1, 1e6: 1}),
        (Shape.ramp(100), {0: 0, 25: 0.25, 100: 1, 1e6: 1}),
        (Shape.ramp(0), {0: 1, 5: 1}),
        (Shape.step(50, 3), {0: 1, 49.9: 1, 50: 3, 1e6: 3}),
        (Shape.day(), {0: 0.1, 9 * HOUR: 4.5, 10 * HOUR: 3.25, 12 * HOUR: 1, DAY + 9 * HOUR: 4.5, DAY - 1: 0.1}),
        (Shape.day(6 * HOUR), {0: 0.1, 15 * HOUR: 4.5, 18 * HOUR: 1, DAY + 15 * HOUR: 4.5}),
        (
            Shape.day(-8 * HOUR),
            {0: 0.1 + 8.8 / 3, 1 * HOUR: 4.5, 2 * HOUR: 3.25, 4 * HOUR: 1, 23 * HOUR: 0.1 + 4.4 / 3},
        ),
        (Shape(points=((10, 2), (20, 4)), period_seconds=30), {0: 2, 15: 3, 25: 4, 45: 3}),
    ],
)
def test_a_shape_goes_from_point_to_point(shape: Shape, factors: dict[float, float]) -> None:
    assert {at: shape.factor_at(at) for at in factors} == pytest.approx(factors)


def area(shape: Shape) -> float:
    """Of one period, in factor times days."""
    lines = zip(shape.points, shape.points[1:], strict=False)
    return sum((end - begin) * (first + last) / 2 for (begin, first), (end, last) in lines) / DAY


@given(st.floats(-3 * DAY, 3 * DAY))
def test_a_day_has_as_many_logons_as_its_rate_says_wherever_its_clock_stands(shift: float) -> None:
    shape = Shape.day(shift)
    assert (shape.points[0][0], shape.points[-1][0], shape.period_seconds) == (0.0, DAY, DAY)
    assert shape.points[0][1] == shape.points[-1][1]
    assert area(shape) == pytest.approx(1)
    assert shape.factor_at(5 * DAY + 9 * HOUR + shift) == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("points", "period", "said"),
    [
        ((), 0, "points: there are 1 to 1000, not 0"),
        (((0.0, 1.0),) * 1001, 0, "points: there are 1 to 1000, not 1001"),
        (((0, -1),), 0, "points[0]: factor: -1 is out of range, 0.0 to 1000.0"),
        (((-5, 1),), 0, "points[0]: seconds: -5 is out of range, 0.0 to 31536000.0"),
        (((5, 1), (4, 1)), 0, "points[1]: 4 does not come after 5"),
        (((5, 1), (5, 2), (5, 3)), 0, "points[2]: 5 does not come after 5"),
        (((5, 1),), 4, "period_seconds: 4 ends before the last point"),
        (((0, 1),), 0.5, "period_seconds: 0.5 is less than a second"),
        (((0, 1),), -1, "period_seconds: -1 is out of range, 0.0 to 31536000.0"),
    ],
)
def test_a_shape_is_told_what_is_wrong_with_it(
    points: tuple[tuple[float, float], ...], period: float, said: str
) -> None:
    assert mistakes_of(lambda: Shape(points=points, period_seconds=period)) == (said,)


def test_a_data_store_is_told_what_is_wrong_with_it() -> None:
    assert mistakes_of(lambda: StorePlan(round_trip_seconds=61, bandwidth_bits_per_second=-1, replicas=("A", "A"))) == (
        "round_trip_seconds: 61 is out of range, 1e-06 to 60.0",
        "bandwidth_bits_per_second: -1 is out of range, 0.0 to 1000000000000000.0",
        "replicas: 'A' stands there twice",
    )


def test_a_resolver_may_hold_more_hosts_than_a_farm() -> None:
    hosts = HostResolver.generate(1_048_569, 1)
    assert mistakes_of(lambda: Topology.of(hosts)) == ("hosts: 1048569 are too many, a farm has at most 1000000",)
    with pytest.raises(ValueError, match=r"^hosts: 1048569 is out of range, 1 to 1048568$"):
        _imafarm.EmulatedFarm(hosts, seed=0)
