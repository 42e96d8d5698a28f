"""Rank and ranking: version, then preference, then host id (IMA Information, "What server is the boss")."""

import pickle
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imafarm._imafarm import HostRecord, HostResolver, Rank, rank_columns, rank_hosts

MOST_PREFERRED, PREFERRED, DEFAULT, NOT_PREFERRED = 1, 2, 3, 4

ranks = st.tuples(st.integers(0, 255), st.integers(1, 4), st.integers(1, 9) | st.integers(1, 2**48 - 1))


def test_version_comes_before_preference_and_preference_before_host_id() -> None:
    assert Rank(2, NOT_PREFERRED, 1) > Rank(1, MOST_PREFERRED, 9)
    assert Rank(1, MOST_PREFERRED, 1) > Rank(1, DEFAULT, 9)
    assert Rank(1, DEFAULT, 9) > Rank(1, DEFAULT, 8)


@given(a=ranks, b=ranks)
def test_ranks_compare_as_their_parts_do(a: tuple[int, int, int], b: tuple[int, int, int]) -> None:
    def plain(rank: tuple[int, int, int]) -> tuple[int, int, int]:
        return (rank[0], -rank[1], rank[2])

    left, right = Rank(*a), Rank(*b)
    assert (left < right, left == right, left > right) == (plain(a) < plain(b), a == b, plain(a) > plain(b))
    assert (left.key < right.key, left.key == right.key) == (left < right, left == right)
    assert (left.version, left.preference, left.host_id) == a


def test_ranks_are_values() -> None:
    rank = Rank(1, PREFERRED, 8022)
    assert repr(rank) == "Rank(version=1, preference=2, host_id=8022)"
    assert pickle.loads(pickle.dumps(rank)) == rank
    assert {rank: "here"}[Rank(1, PREFERRED, 8022)] == "here"


def test_a_host_id_alone_unseats_nobody() -> None:
    assert not Rank(1, DEFAULT, 9).unseats(Rank(1, DEFAULT, 8))
    assert Rank(1, PREFERRED, 1).unseats(Rank(1, DEFAULT, 8))
    assert Rank(2, DEFAULT, 1).unseats(Rank(1, PREFERRED, 8))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((-1, 1, 1), "version: -1 is out of range, 0 to 255"),
        ((1, 0, 1), "preference: 0 is out of range, 1 to 4"),
        ((1, 1, 2**48), "host_id: 281474976710656 is out of range, 1 to 281474976710655"),
    ],
)
def test_what_is_no_rank_is_refused_by_field(parts: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        Rank(*parts)
    assert str(refused.value) == message


@given(st.lists(ranks, max_size=200))
def test_hosts_are_ranked_as_sorted_ranks_them(parts: list[tuple[int, int, int]]) -> None:
    expected = sorted(range(len(parts)), key=lambda i: (parts[i][0], -parts[i][1], parts[i][2]), reverse=True)
    records = [
        HostRecord("H", "Z", host_id, version=version, preference=preference) for version, preference, host_id in parts
    ]
    versions, preferences, ids = (list(column) for column in zip(*parts, strict=True)) if parts else ([], [], [])
    assert list(rank_hosts(records)) == expected
    assert list(rank_hosts(record.rank for record in records)) == expected
    assert list(rank_columns(ids, versions, preferences)) == expected
    assert list(rank_columns(array("Q", ids), array("B", versions), array("q", preferences))) == expected


def test_a_resolver_is_ranked_whole() -> None:
    hosts = HostResolver.generate(100, 4)
    assert rank_hosts(hosts) == rank_hosts(hosts.records())
    assert list(rank_hosts(hosts))[:5] == [75, 50, 25, 0, 99]


def test_one_version_and_preference_may_do_for_all() -> None:
    assert list(rank_columns([5, 9, 7])) == [1, 2, 0]
    assert list(rank_columns([5, 9, 7], versions=1, preferences=[1, 3, 3])) == [0, 1, 2]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1, 0], 1, 3), "host_ids[1]: 0 is out of range, 1 to 281474976710655"),
        (([1, 2], [1, 256], 3), "versions[1]: 256 is out of range, 0 to 255"),
        (([1, 2], 1, [3, -5]), "preferences[1]: -5 is out of range, 1 to 4"),
        (([1, 2], 1, 9), "preferences: 9 is out of range, 1 to 4"),
        (([1, 2], [1], 3), "versions: 1 values for 2 hosts"),
    ],
)
def test_columns_that_make_no_ranks_are_refused_by_name(columns: tuple[object, object, object], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        rank_columns(*columns)  # type: ignore[arg-type]
    assert str(refused.value) == message


def test_what_has_no_rank_is_named() -> None:
    with pytest.raises(TypeError, match=r"hosts\[1\]: a HostRecord or a Rank is wanted, not int"):
        rank_hosts([Rank(1, 1, 1), 7])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        rank_hosts(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="preferences"):
        rank_columns([1], preferences="x")  # type: ignore[arg-type]


def test_a_session_hosts_rank_is_below_every_other() -> None:
    """Our guess: it never stands, so that its rank only gives it a place among its like."""
    session_host, least = Rank(255, 1, 2**48 - 1, session_only=True), Rank(0, 4, 1)
    assert Rank(1, 1, 5, session_only=True) < session_host < least
    assert session_host.session_only and not least.session_only
    assert not session_host.unseats(least)
    assert repr(session_host) == f"Rank(version=0, preference=4, host_id={2**48 - 1}, session_only=True)"
    assert eval(repr(session_host), {"Rank": Rank}) == pickle.loads(pickle.dumps(session_host)) == session_host
