"""Calls that take turns."""

from collections.abc import Callable

from imafarm.live._gate import Gate


def test_hosts_take_turns_and_so_many_calls_are_under_way() -> None:
    begun: list[str] = []

    def begins(call: str) -> Callable[[], bool]:
        def begin() -> bool:
            begun.append(call)
            return True

        return begin

    gate = Gate(2)
    for call in ("a1", "a2", "a3", "a4"):
        gate.enter(0, call, begins(call))
    for call in ("b1", "b2"):
        gate.enter(1, call, begins(call))
    assert begun == ["a1", "a2"]
    gate.leave("a3")
    assert begun == ["a1", "a2"]
    for call in ("a1", "a2", "a3", "b1", "a4"):
        gate.leave(call)
    assert begun == ["a1", "a2", "a3", "b1", "a4", "b2"]


def test_a_call_that_is_not_wanted_any_more_takes_no_turn() -> None:
    begun: list[str] = []

    def begin() -> bool:
        begun.append("three")
        return True

    gate = Gate(1)
    gate.enter(0, "one", lambda: True)
    gate.enter(0, "two", lambda: False)
    gate.enter(0, "three", begin)
    gate.leave("one")
    assert begun == ["three"]
