"""Calls that take turns, and that are fewer while there are no descriptors."""

from collections.abc import Callable

from imafarm.live._gate import Begun, Gate


class Calls:
    """Calls that are made through a gate, by name; each begins as it is told to."""

    def __init__(self, most: int) -> None:
        self.begun: list[str] = []
        self.shut = 0
        self.becomes: dict[str, Begun] = {}
        self.gate = Gate(most, self._note_shut)

    def _note_shut(self) -> None:
        self.shut += 1

    def enter(self, *calls: str) -> None:
        for call in calls:
            self.gate.enter(ord(call[0]), call, self._begins(call))

    def leave(self, *calls: str) -> None:
        for call in calls:
            self.gate.leave(call)

    def _begins(self, call: str) -> Callable[[], Begun]:
        def begin() -> Begun:
            becomes = self.becomes.get(call, Begun.YES)
            if becomes is Begun.YES:
                self.begun.append(call)
            return becomes

        return begin


def test_hosts_take_turns_and_so_many_calls_are_under_way() -> None:
    calls = Calls(2)
    calls.enter("a1", "a2", "a3", "a4", "b1", "b2")
    assert calls.begun == ["a1", "a2"]
    calls.leave("a3")
    assert calls.begun == ["a1", "a2"]
    calls.leave("a1", "a2", "a3", "b1", "a4")
    assert calls.begun == ["a1", "a2", "a3", "b1", "a4", "b2"]


def test_a_call_that_is_not_wanted_any_more_takes_no_turn() -> None:
    calls = Calls(1)
    calls.becomes["a2"] = Begun.VOID
    calls.enter("a1", "a2", "a3")
    calls.leave("a1")
    assert calls.begun == ["a1", "a3"]


def test_while_nothing_is_left_nothing_passes_and_later_fewer_do() -> None:
    calls = Calls(4)
    calls.becomes["a5"] = Begun.LATER
    calls.enter("a1", "a2", "a3", "a4", "a5", "b1", "c1", "d1")
    calls.leave("a1")
    assert calls.begun == ["a1", "a2", "a3", "a4"] and calls.shut == 1
    calls.becomes.clear()
    calls.leave("a2")
    assert len(calls.begun) == 4
    calls.gate.reopen()
    assert calls.begun == ["a1", "a2", "a3", "a4"]
    calls.leave("a3")
    assert calls.begun[4:] == ["b1", "c1"]
    calls.leave("a4", "b1", "c1")
    assert calls.begun[6:] == ["d1", "a5"]
