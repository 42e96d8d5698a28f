"""Numbers in bulk: the same from a list, an iterable, and a buffer of any integer type; back as array.array."""

import ctypes
from array import array
from collections.abc import Callable, Iterable, Iterator

import pytest

from imafarm._imafarm import HostResolver

numpy = pytest.importorskip("numpy")

SOME = [5, 0, 99, 42, 5]


@pytest.fixture(scope="module")
def hosts() -> HostResolver:
    return HostResolver.generate(100, 2)


@pytest.mark.parametrize(
    "column",
    [list, tuple, iter, bytes, bytearray, *(lambda n, code=code: array(code, n) for code in "bBhHiIlLqQ")],
)
def test_any_column_of_integers_will_do(hosts: HostResolver, column: Callable[[list[int]], Iterable[int]]) -> None:
    assert list(hosts.ids_of(column(SOME))) == [n + 1 for n in SOME]


@pytest.mark.parametrize("dtype", ["uint64", "int64", "uint32", "int32", "uint16", "int8"])
def test_numpy_arrays_are_read_as_buffers(hosts: HostResolver, dtype: str) -> None:
    wanted = [n + 1 for n in SOME]
    assert list(hosts.ids_of(numpy.array(SOME, dtype))) == wanted
    assert list(hosts.ids_of(numpy.repeat(numpy.array(SOME, dtype), 3)[::3])) == wanted
    assert list(hosts.ids_of(memoryview(numpy.array(SOME, dtype))[::-1])) == wanted[::-1]


def test_integers_in_the_other_byte_order_are_read_as_the_numbers_they_are(hosts: HostResolver) -> None:
    for dtype in ("<u8", ">u8", ">i4"):
        assert list(hosts.by_ids(numpy.array([1, 100], dtype))) == [0, 99]
    assert list(hosts.by_ids((ctypes.c_uint64 * 2)(1, 100))) == [0, 99]


def test_an_answer_is_an_array_that_numpy_reads_without_a_copy(hosts: HostResolver) -> None:
    indexes, ids = hosts.by_ids([1, 2]), hosts.ids_of([0, 1])
    assert isinstance(indexes, array) and isinstance(ids, array)
    assert (indexes.typecode, ids.typecode) == ("I", "Q")
    view = numpy.frombuffer(indexes, numpy.uint32)
    indexes[0] = 7
    assert view.tolist() == [7, 1]
    assert list(hosts.ids_of(indexes)) == [8, 2]


def test_nothing_in_nothing_out(hosts: HostResolver) -> None:
    assert hosts.by_ids([]) == hosts.by_ids(array("Q")) == array("I")


def test_numbers_below_zero_are_unknown_as_they_are_written(hosts: HostResolver) -> None:
    for column in ([1, -2], array("q", [1, -2]), numpy.array([1, -2], "int16")):
        with pytest.raises(KeyError, match=r"\[1\]: no host has the id .*-2"):
            hosts.by_ids(column)


@pytest.mark.parametrize(
    "column",
    [
        [1, "2"],
        [1, 2.0],
        [1, None],
        "12",
        7,
        array("d", [1.0]),
        numpy.array([1.0]),
        numpy.array([[1, 2]]),
        numpy.array(1),
    ],
)
def test_what_is_no_column_of_integers_is_refused(hosts: HostResolver, column: object) -> None:
    with pytest.raises(TypeError):
        hosts.by_ids(column)  # type: ignore[arg-type]


def test_an_iterable_may_use_and_change_the_resolver_it_is_for() -> None:
    hosts = HostResolver.generate(3, 1)

    def moving() -> Iterator[int]:
        for host in range(2):
            hosts.set_zone(host, "Z9")
            yield host

    assert list(hosts.zones_of(moving())) == [1, 1]
    assert list(hosts.hosts_of(hosts.bind_many(hosts[name] for name in ("H3", "H1")))) == [2, 0]
