"""SimPy's event loop and nothing else of it: a message is an event that calls back when it arrives.

The best form that its public interface allows. There are no processes and no stores; an event keeps its two ends in
slots, and all messages of a kind share one tuple of callbacks.
"""

from __future__ import annotations

from typing import Any

import simpy

from peers import _latencies
from peers._work import BEATS, PATIENCE, PERIOD, Outcome


class Message(simpy.Event):
    """On its way from one host to another; `callbacks` handle it."""

    __slots__ = ("callbacks", "source", "target")
    _ok = True
    _value = None

    def __init__(self, callbacks: tuple[Any, ...], source: int, target: int) -> None:
        """`Event` itself would make a list of callbacks for each message."""
        self.callbacks = callbacks
        self.source = source
        self.target = target


def storm(hosts: int) -> Outcome:
    """A time-out is a message, too."""
    env = simpy.Environment(0)
    schedule = env.schedule
    alive = hosts - 1
    starts = [-1] * alive
    acknowledged = bytearray(alive)
    ways_back: list[memoryview[int]] = [memoryview(bytearray())] * alive
    elects = acks = declares = winner = ended = 0

    def start(host: int) -> None:
        nonlocal elects
        starts[host] = env.now
        elects += alive - host
        ways_back[host] = _latencies.to_target(host, host + 1, alive).data
        for target, after in enumerate(_latencies.from_source(host, host + 1, alive).tolist(), host + 1):
            schedule(Message(on_elect, host, target), 1, after)
        schedule(Message(on_patience_over, host, host), 1, PATIENCE)

    def elected(message: Any) -> None:
        nonlocal acks
        source, target = message.source, message.target
        acks += 1
        schedule(Message(on_ack, target, source), 1, ways_back[source][target - source - 1])
        if starts[target] < 0:
            start(target)

    def acked(message: Any) -> None:
        acknowledged[message.target] = True

    def patience_over(message: Any) -> None:
        nonlocal winner, declares
        if not acknowledged[message.target]:
            winner = message.target
            # The dead one is told too, and does not hear it.
            declares = alive
            for target, after in enumerate(_latencies.from_source(winner, 0, winner).tolist()):
                schedule(Message(on_declare, winner, target), 1, after)

    def declared(message: Any) -> None:
        nonlocal ended
        ended = env.now

    on_elect, on_ack, on_patience_over, on_declare = (elected,), (acked,), (patience_over,), (declared,)
    start(0)
    env.run()
    messages = {"ELECT": elects, "ACK": acks, "DECLARE": declares}
    return Outcome(messages, ended=ended, winner=winner, times=starts)


def heartbeat(hosts: int) -> Outcome:
    """A member's next beat is a message to itself; `source` is the member, `target` how often it has beaten."""
    env = simpy.Environment(0)
    schedule = env.schedule
    there = _latencies.to_target(hosts, 0, hosts).tolist()
    back = _latencies.from_source(hosts, 0, hosts).tolist()
    last_replies = [0] * hosts
    updates = replies = 0

    def beaten(message: Any) -> None:
        nonlocal updates
        member, beats = message.source, message.target + 1
        updates += 1
        schedule(Message(on_update, member, beats), 1, there[member])
        if beats < BEATS:
            schedule(Message(on_beat, member, beats), 1, PERIOD)

    def updated(message: Any) -> None:
        nonlocal replies
        member = message.source
        replies += 1
        schedule(Message(on_reply, member, 0), 1, back[member])

    def replied(message: Any) -> None:
        last_replies[message.source] = env.now

    on_beat, on_update, on_reply = (beaten,), (updated,), (replied,)
    for member, phase in enumerate(_latencies.phases(hosts).tolist()):
        schedule(Message(on_beat, member, 0), 1, phase)
    env.run()
    return Outcome({"UPDATE": updates, "REPLY": replies}, ended=max(last_replies), times=last_replies)
