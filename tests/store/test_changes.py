"""Change numbers, deletions, and what each change does; all of it or nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio

from imafarm import ConfigurationError, HostRecord, Link, LivePlan, StoreError, StorePlan, Topology, Workload
from imafarm.configuration import (
    AddHost,
    ConfigurationChange,
    MoveHost,
    OtherChange,
    Publish,
    RemoveHost,
    SetPreference,
    SetSettings,
    Unpublish,
)
from imafarm.store import DataStore, StoreChange, open_data_store

FARM = Topology.of(
    4,
    2,
    links={("Z1", "Z2"): Link(latency_seconds=0.1)},
    applications={"Notepad": ("H1", "H4"), "Word": None},
    workload={"Z2": Workload(logons_per_hour=10, applications=("Word",))},
    store=StorePlan(replicas=("Z1", "Z2")),
)
"""H1 and H2 in Z1, H3 and H4 in Z2."""


@pytest.fixture
def farm(store: DataStore) -> DataStore:
    """A store that holds `FARM`."""
    store.replace(FARM)
    return store


def names_of(changes: list[StoreChange]) -> list[tuple[int, str, str]]:
    return [(it.number, it.kind, it.name) for it in changes]


def test_every_change_has_the_next_number(farm: DataStore) -> None:
    first = farm.change_number
    numbers = [farm.change(Publish("Notepad", [host])) for host in ("H1", "H2", "H3")]
    assert numbers == [first + 1, first + 2, first + 3]
    assert farm.summary().change == first + 3


def test_several_changes_at_once_have_one_number(farm: DataStore) -> None:
    number = farm.change(Publish("Calc"), SetSettings({"KeepAliveInterval": 30_000}), Unpublish("Notepad"))
    assert {it.number for it in farm.changes_since(number - 1)} == {number}


def test_what_changes_nothing_has_no_number(farm: DataStore) -> None:
    number = farm.change_number
    assert farm.change() == number
    assert farm.change(Publish("Notepad", ["H1", "H4"]), MoveHost("H1", "Z1"), SetSettings({})) == number
    assert farm.changes_since(number) == []


def test_a_host_that_polls_learns_what_it_missed_in_order(farm: DataStore) -> None:
    """CTX114843, Farm communication: who missed a change picks it up at the next check."""
    before = farm.change_number
    farm.change(Publish("Calc", ["H1"]))
    farm.change(Unpublish("Notepad"))
    farm.change(SetPreference("H2", 1))
    farm.change(Publish("Calc", ["H2"]))
    assert names_of(farm.changes_since(before)) == [
        (before + 2, "deleted", "farm/applications/Notepad"),
        (before + 3, "changed", "farm/servers/H2"),
        (before + 4, "added", "farm/applications/Calc"),
    ]
    # To one that knows of it already, the same object is a changed one.
    assert names_of(farm.changes_since(before + 3)) == [(before + 4, "changed", "farm/applications/Calc")]
    assert farm.changes_since(before + 3)[0].attributes == {"servers": ["H2"]}
    assert farm.changes_since(before + 4) == []


def test_an_object_that_goes_and_comes_back_is_another(farm: DataStore) -> None:
    before = farm.get("farm/applications/Notepad")
    number = farm.change(Unpublish("Notepad"), Publish("Notepad"))
    after = farm.get("farm/applications/Notepad")
    assert before is not None and after is not None and after.key > before.key
    assert names_of(farm.changes_since(number - 1)) == [
        (number, "deleted", "farm/applications/Notepad"),
        (number, "added", "farm/applications/Notepad"),
    ]
    assert [row["key"] for row in farm.rows("DeleteTracker")] == [before.key]


def test_a_deleted_object_leaves_nothing_but_its_trace(farm: DataStore) -> None:
    farm.change(RemoveHost("H2"))
    (gone,) = farm.rows("DeleteTracker")
    assert (gone["distinguished_name"], gone["change_number"]) == ("farm/servers/H2", farm.change_number)
    for table, column in (("KeyTable", "id"), ("DataTable", "key"), ("IndexTable", "key")):
        assert gone["key"] not in [row[column] for row in farm.rows(table)]


def test_settings_are_turned_and_turned_back(farm: DataStore) -> None:
    farm.change(
        SetSettings({"keepaliveinterval": 30_000, "BindTimeout": 2_000}), SetSettings({"StartElection": 1}, "H3")
    )
    topology = farm.topology()
    assert topology.settings == {"KeepAliveInterval": 30_000, "BindTimeout": 2_000}
    assert topology.host_settings == {"H3": {"StartElection": 1}}
    farm.change(SetSettings({"KEEPALIVEINTERVAL": None}), SetSettings({"StartElection": None}, "H3"))
    assert farm.topology().settings == {"BindTimeout": 2_000}
    assert farm.topology().host_settings == {}


def test_the_first_server_that_joins_sets_the_magic_number(store: DataStore) -> None:
    """IMA Information, who is in the farm: the magic number is set when the first server joins."""
    assert store.summary().magic is None
    store.change(AddHost(HostRecord("A", "Z1", 1)))
    magic = store.summary().magic
    assert magic is not None
    store.change(AddHost(HostRecord("B", "Z1", 2)))
    assert store.summary().magic == store.topology().magic == magic


def test_a_magic_number_that_was_given_stays(url: str) -> None:
    with DataStore.create(url, magic=7) as store:
        store.change(AddHost(HostRecord("A", "Z1", 1)))
        assert store.topology().magic == 7


def test_a_host_joins_with_what_is_its_own(farm: DataStore) -> None:
    farm.change(AddHost(HostRecord("H5", "Z3", 77, preference=2), {"StartElection": 1}))
    topology = farm.topology()
    assert topology.resolver.records()[-1] == HostRecord("H5", "Z3", 77, preference=2)
    assert topology.host_settings == {"H5": {"StartElection": 1}}
    assert farm.find("host id", "77") == farm.find("zone", "Z3") == ["farm/servers/H5"]
    assert farm.find("zone name", "Z3") == ["farm/zones/Z3"]


def test_a_session_host_joins_as_one_and_stays_one(farm: DataStore) -> None:
    farm.change(AddHost(HostRecord("S", "Z1", 5, session_only=True)))
    farm.change(SetSettings({"StartElection": 1}, "S"), MoveHost("S", "Z2"))
    assert farm.topology().session_only == {"S"}
    assert farm.topology().resolver.records()[-1] == HostRecord("S", "Z2", 5, session_only=True)


def test_a_host_that_leaves_leaves_its_applications(farm: DataStore) -> None:
    farm.change(RemoveHost("H1"))
    topology = farm.topology()
    assert "H1" not in topology.resolver
    assert topology.applications == {"Notepad": ("H4",), "Word": None}


def test_a_host_that_leaves_leaves_its_address(store: DataStore) -> None:
    store.replace(Topology.of(3, live=LivePlan("10.0.0.0/24", {"H1": "10.1.0.1", "H3": "10.1.0.3"})))
    store.change(RemoveHost("H1"))
    assert store.topology().live == LivePlan("10.0.0.0/24", {"H3": "10.1.0.3"})


def test_a_host_cannot_join_in_anothers_place(store: DataStore) -> None:
    store.replace(Topology.of(2, live=LivePlan(addresses={"H1": "127.77.0.3"})))
    with pytest.raises(ConfigurationError, match=r"'H1' and 'H3' would both listen on 127\.77\.0\.3:2512"):
        store.change(AddHost(HostRecord("H3", "Z1", 3)))
    assert "H3" not in store.topology().resolver


def test_a_zone_goes_with_its_last_host_and_what_is_said_of_it(farm: DataStore) -> None:
    number = farm.change(MoveHost("H3", "Z1"), MoveHost("H4", "Z1"))
    topology = farm.topology()
    assert [record.zone for record in topology.resolver.records()] == ["Z1"] * 4
    assert (topology.links, topology.workload) == ({}, {})
    assert topology.store == StorePlan(replicas=("Z1",))
    assert {it.name for it in farm.changes_since(number - 1) if it.kind == "deleted"} == {
        "farm/zones/Z2",
        "farm/links/pairs/Z1&Z2",
        "farm/workloads/Z2",
    }


def test_applications_are_published_and_withdrawn(farm: DataStore) -> None:
    farm.change(Publish("Calc"), Publish("Word", ["H3", "H2"]), Unpublish("Notepad"))
    assert farm.topology().applications == {"Word": ("H3", "H2"), "Calc": None}
    assert farm.find("server", "H3") == ["farm/applications/Word"]
    assert farm.find("server", "H4") == []


def test_a_change_of_something_else_counts(farm: DataStore) -> None:
    topology, number = farm.topology(), farm.change_number
    assert farm.change(OtherChange(2048)) == number + 1
    assert farm.change(OtherChange(2048)) == number + 2
    (other,) = farm.changes_since(number)
    assert (other.name, other.attributes) == ("farm/other", {"size_bytes": 2048, "times": 2})
    assert farm.topology().applications == topology.applications


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (SetSettings({"KeepAliveIntervall": 1}), 'did you mean "KeepAliveInterval"?'),
        (SetSettings({"KeepAliveIntervall": None}), 'did you mean "KeepAliveInterval"?'),
        (SetSettings({"StartElection": 2}), "StartElection: 2 is out of range"),
        (SetSettings({"StartElection": 1}, "H9"), "host: none is named 'H9'"),
        (AddHost(HostRecord("H1", "Z1", 99)), "host: there is one named 'H1' already"),
        (AddHost(HostRecord("H9", "Z1", 4)), "host_id: 4 is taken by 'H4' already"),
        (AddHost(HostRecord("H9", "Z1", 9), {"StartElection": 2}), "StartElection: 2"),
        (RemoveHost("Q"), "host: none is named 'Q'"),
        (RemoveHost("a\0"), "host: a name holds no control characters"),
        (RemoveHost("\udcff"), "host: a name holds no control characters"),
        (MoveHost("H1", ""), "zone: a name has 1 to 255 bytes"),
        (MoveHost("H1", "Z\n"), "zone: a name holds no control characters"),
        (SetPreference("H1", 5), "preference"),
        (Publish("A", ["H1", "H7"]), "host: none is named 'H7'"),
        (Publish("A", []), "A: published on no host"),
        (Publish("A" * 256), "application: a name has 1 to 255 bytes"),
        (Unpublish("Notpad"), "application: none is named 'Notpad'; did you mean 'Notepad'?"),
        (Unpublish("Word"), "workload['Z2'].applications: no application is named 'Word'"),
        (OtherChange(-1), "size_bytes: -1 is out of range"),
        (OtherChange(2**70), "is out of range"),
    ],
)
def test_a_wrong_change_changes_nothing_nor_does_what_came_with_it(
    farm: DataStore, change: ConfigurationChange, said: str
) -> None:
    before = {table: farm.rows(table) for table in ("StoreState", "KeyTable", "DataTable", "IndexTable")}
    with pytest.raises(ConfigurationError) as wrong:
        farm.change(Publish("Calc", ["H1"]), RemoveHost("H2"), change)
    assert said in str(wrong.value)
    assert {table: farm.rows(table) for table in before} == before


def test_an_application_does_not_lose_its_last_server_in_silence(farm: DataStore) -> None:
    with pytest.raises(ConfigurationError, match=r"applications\['Notepad'\]: published on no host"):
        farm.change(RemoveHost("H1"), RemoveHost("H4"))
    farm.change(Unpublish("Notepad"), RemoveHost("H1"), RemoveHost("H4"))
    assert farm.summary().hosts == 2


def test_the_last_host_may_leave_but_an_empty_farm_cannot_be_opened(farm: DataStore) -> None:
    farm.change(Unpublish("Notepad"), *(RemoveHost(f"H{number}") for number in range(1, 5)))
    assert farm.summary().hosts == farm.summary().zones == 0
    with pytest.raises(StoreError, match="the farm has no hosts yet"):
        farm.topology()


def test_two_writers_never_take_one_number(farm: DataStore, url: str) -> None:
    first, times = farm.change_number, 15
    start = threading.Barrier(3)

    def write(name: str) -> list[int]:
        with DataStore.open(url, wait_seconds=60) as store:
            start.wait()
            return [store.change(Publish(name, [f"H{1 + turn % 4}"])) for turn in range(times)]

    with ThreadPoolExecutor(3) as threads:
        taken = [number for numbers in threads.map(write, ("A", "B", "C")) for number in numbers]
    assert sorted(taken) == list(range(first + 1, first + 1 + 3 * times))
    assert farm.change_number == first + 3 * times


def test_a_reader_sees_the_store_as_it_was_when_it_began(farm: DataStore, url: str) -> None:
    """A farm is opened from one state of the store, whatever is written meanwhile."""
    with farm._database.reading() as connection:
        before = farm._topology(connection)
        with DataStore.open(url) as other:
            other.change(Publish("Calc"), RemoveHost("H2"))
        again = farm._topology(connection)
    assert again.resolver.records() == before.resolver.records()
    assert again.applications == before.applications
    assert "Calc" in farm.topology().applications


def test_tasks_write_one_after_the_other(farm: DataStore, url: str) -> None:
    async def main() -> list[int]:
        numbers = []
        async with open_data_store(url) as store:

            async def publish(name: str) -> None:
                numbers.append(await store.change(Publish(name)))

            async with trio.open_nursery() as nursery:
                for name in "ABCDE":
                    nursery.start_soon(publish, name)
            assert (await store.summary()).applications == 7
            assert (await store.topology()).applications.keys() >= set("ABCDE")
            assert len(await store.changes_since(min(numbers) - 1)) == 5
            assert len(await store.objects("farm/applications")) == 7
            numbers.append(await store.replace(FARM))
        return numbers

    first = farm.change_number
    numbers = trio.run(main)
    assert sorted(numbers) == list(range(first + 1, first + 7))
    assert farm.topology().applications == FARM.applications
