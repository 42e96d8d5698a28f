"""Who polls knows, after each poll, what the store holds: whatever was changed, and however often it looked."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imafarm import ConfigurationError, HostRecord, Topology
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
from imafarm.store import DataStore

hosts = st.sampled_from(["H1", "H2", "H3", "H4", "H5"])
zones = st.sampled_from(["Z1", "Z2", "Z3"])
applications = st.sampled_from(["A", "B", "C"])
changes: st.SearchStrategy[ConfigurationChange] = st.one_of(
    st.builds(SetSettings, st.fixed_dictionaries({"StartElection": st.none() | st.integers(0, 1)}), st.none() | hosts),
    st.builds(AddHost, st.builds(HostRecord, hosts, zones, st.integers(1, 7))),
    st.builds(RemoveHost, hosts),
    st.builds(MoveHost, hosts, zones),
    st.builds(SetPreference, hosts, st.integers(1, 4)),
    st.builds(Publish, applications, st.none() | st.lists(hosts, min_size=1, max_size=3)),
    st.builds(Unpublish, applications),
    st.builds(OtherChange, st.integers(0, 100)),
)
farms = st.builds(Topology.of, st.integers(3, 5), st.integers(1, 3))
deeds = st.lists(st.lists(changes, min_size=1, max_size=4) | farms, min_size=1, max_size=25)


@contextmanager
def a_store() -> Iterator[DataStore]:
    with tempfile.TemporaryDirectory() as name, DataStore.create(str(Path(name) / "farm.db")) as store:
        yield store


def held(store: DataStore) -> dict[str, Any]:
    return {it.name: it.attributes for it in store.objects()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deeds, st.integers(1, 4))
def test_a_cache_that_polls_is_as_the_store(deeds: list[list[ConfigurationChange] | Topology], each: int) -> None:
    """CTX114843, Farm communication: what notices did not bring, the next check of the local host cache does."""
    cache: dict[str, Any] = {}
    as_of = 0
    with a_store() as store:
        for turn, deed in enumerate(deeds):
            before = held(store)
            number = store.change_number
            try:
                done = store.replace(deed) if isinstance(deed, Topology) else store.change(*deed)
            except ConfigurationError:
                assert (held(store), store.change_number) == (before, number)
            else:
                assert done == store.change_number == number + (held(store) != before or done > number)
            if turn % each == 0:
                for change in store.changes_since(as_of):
                    assert as_of <= change.number <= store.change_number
                    as_of = change.number
                    if change.kind == "deleted":
                        cache.pop(change.name, None)
                    else:
                        assert (change.kind == "changed") == (change.name in cache)
                        cache[change.name] = change.attributes
                as_of = store.change_number
                assert cache == held(store)
        # What the tables say besides is true of every object too.
        keys = {row["id"]: row for row in store.rows("KeyTable")}
        assert {row["key"] for row in store.rows("DataTable")} <= keys.keys()
        assert {row["key"] for row in store.rows("IndexTable")} <= keys.keys()
        assert not {row["key"] for row in store.rows("DeleteTracker")} & keys.keys()
        assert all(row["created"] <= row["change_number"] <= store.change_number for row in keys.values())
        places = [(row["parent"], row["position"]) for row in keys.values() if row["distinguished_name"].count("/") > 1]
        assert len(places) == len(set(places))
