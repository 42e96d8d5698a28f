"""SimPy as its tutorial has it: each host is a process that waits at a store of its own."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from peers import _latencies
from peers._work import BEATS, PATIENCE, PERIOD, Outcome, latency

ELECT, ACK, DECLARE = range(3)


def storm(hosts: int) -> Outcome:
    """A message comes by a time-out that puts it into its target's store."""
    env = simpy.Environment(0)
    alive = hosts - 1
    inboxes = [simpy.Store(env) for _ in range(alive)]
    starts = [-1] * alive
    acknowledged = bytearray(alive)
    sent = [0, 0, 0]
    done = env.event()
    heard = winner = 0

    def send(kind: int, source: int, target: int, after: int) -> None:
        sent[kind] += 1
        message = (kind, source)
        put = inboxes[target].put
        env.timeout(after).callbacks.append(lambda _: put(message))

    def fan_out(kind: int, source: int, first: int) -> None:
        for target, after in enumerate(_latencies.from_source(source, first, alive).tolist(), first):
            if target != source:
                send(kind, source, target, after)
        # The dead one, which has no store.
        sent[kind] += 1

    def start(host: int) -> None:
        starts[host] = env.now
        fan_out(ELECT, host, host + 1)
        env.process(wait(host))

    def wait(host: int) -> Generator[Any, Any, None]:
        nonlocal winner
        yield env.timeout(PATIENCE)
        if not acknowledged[host]:
            winner = host
            fan_out(DECLARE, host, 0)

    def serve(host: int) -> Generator[Any, Any, None]:
        nonlocal heard
        get = inboxes[host].get
        while True:
            kind, source = yield get()
            if kind == ELECT:
                send(ACK, host, source, latency(host, source))
                if starts[host] < 0:
                    start(host)
            elif kind == ACK:
                acknowledged[host] = True
            else:
                heard += 1
                if heard == alive - 1:
                    done.succeed()

    for host in range(alive):
        env.process(serve(host))
    start(0)
    env.run(until=done)
    messages = {"ELECT": sent[ELECT], "ACK": sent[ACK], "DECLARE": sent[DECLARE]}
    return Outcome(messages, ended=env.now, winner=winner, times=starts)


def heartbeat(hosts: int) -> Outcome:
    """A member sleeps between its updates, and waits at its store for each reply."""
    env = simpy.Environment(0)
    collector, *inboxes = [simpy.Store(env) for _ in range(hosts + 1)]
    there = _latencies.to_target(hosts, 0, hosts).tolist()
    back = _latencies.from_source(hosts, 0, hosts).tolist()
    last_replies = [0] * hosts
    updates = replies = 0

    def send(inbox: simpy.Store, message: int, after: int) -> None:
        env.timeout(after).callbacks.append(lambda _: inbox.put(message))

    def collect() -> Generator[Any, Any, None]:
        nonlocal replies
        while True:
            member = yield collector.get()
            replies += 1
            send(inboxes[member], member, back[member])

    def live(member: int, phase: int) -> Generator[Any, Any, None]:
        nonlocal updates
        for beat in range(BEATS):
            yield env.timeout(phase + beat * PERIOD - env.now)
            updates += 1
            send(collector, member, there[member])
            yield inboxes[member].get()
            last_replies[member] = env.now

    env.process(collect())
    for member, phase in enumerate(_latencies.phases(hosts).tolist()):
        env.process(live(member, phase))
    env.run()
    return Outcome({"UPDATE": updates, "REPLY": replies}, ended=max(last_replies), times=last_replies)
