"""What tasks ask of an emulated farm at one instant, done in an order that does not depend on who asked first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import trio

from imafarm.farm._verbs import Verb

T = TypeVar("T")


@dataclass(slots=True)
class _Command:
    """One wish of one task. Equal orders mean equal wishes, so their order among themselves does not matter."""

    order: tuple[Verb, tuple[int, ...], tuple[str | int, ...]]
    action: Callable[[], object]
    done: trio.Event = field(default_factory=trio.Event)
    result: object = None
    error: Exception | None = None


class CommandQueue:
    """The wishes of this instant that are not done yet."""

    def __init__(self) -> None:
        self._waiting: list[_Command] = []

    async def do(
        self, verb: Verb, hosts: Sequence[int], arguments: tuple[str | int, ...], action: Callable[[], T]
    ) -> T:
        """Has `apply` do this with all else that is asked for at this instant. Cancelled: nothing is done."""
        command = _Command((verb, tuple(hosts), arguments), action)
        await trio.lowlevel.checkpoint_if_cancelled()
        self._waiting.append(command)
        try:
            await command.done.wait()
        except BaseException:
            self._waiting = [other for other in self._waiting if other is not command]
            raise
        if command.error is not None:
            raise command.error
        return cast(T, command.result)

    def apply(self) -> bool:
        """Does what tasks asked for, in canonical order; whether there was anything."""
        commands, self._waiting = sorted(self._waiting, key=lambda command: command.order), []
        for command in commands:
            try:
                command.result = command.action()
            except Exception as error:
                command.error = error
            command.done.set()
        return bool(commands)
