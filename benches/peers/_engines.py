"""The engines, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from peers._work import Work


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to do a work."""

    name: str
    """As tables show it."""
    module: str
    """The file in `engines/` that holds it."""
    package: str
    """The distribution whose version is told."""
    about: str
    """What it is, in a sentence or two."""
    works: Mapping[Work, str]
    """Which works it does, and the name of the function that does it; programs do not need that."""
    program: Literal["ns3", "simgrid"] | None = None
    """The library that it is built against, if it is a program in C++."""
    general: bool = False
    """Whether it is a simulator for whatever one wants to simulate."""
    compared: bool = True
    """Whether its work is the others': if not, its messages are told and its time is compared with nothing."""


BOTH: dict[Work, str] = {"storm": "storm", "heartbeat": "heartbeat"}
ONLY_STORM: dict[Work, str] = {"storm": "storm"}

ENGINES = (
    Engine(
        "imafarm",
        "farm",
        "imafarm",
        "The emulator, through its library, on one thread; the storm begins with every pair of hosts bound. It does "
        "more than the others: a message has bytes, is written into a ledger and goes into the digest, and whoever has "
        "a new collector sends it a heartbeat and registers with it.",
        BOTH,
    ),
    Engine(
        "imafarm, one by one",
        "farm",
        "imafarm",
        "The same without the emulator's short cuts: each message is an entry of its queue.",
        {"storm": "storm_one_by_one"},
    ),
    Engine(
        "NumPy, in bulk",
        "bulk",
        "numpy",
        "Fan-outs settled in bulk: every message is evaluated, none is on a queue.",
        BOTH,
    ),
    Engine(
        "ns-3, in order",
        "ns3_in_order",
        "ns3",
        "C++, the priority-queue scheduler, and only the next message of each fan-out in it.",
        ONLY_STORM,
        program="ns3",
        general=True,
    ),
    Engine(
        "ns-3",
        "ns3",
        "ns3",
        "C++, the priority-queue scheduler, an event of its own class for each message.",
        BOTH,
        program="ns3",
        general=True,
    ),
    Engine(
        "heapq, in order",
        "heap_in_order",
        "numpy",
        "Plain Python, and only the next message of each fan-out in the heap; NumPy draws the latencies.",
        ONLY_STORM,
    ),
    Engine(
        "heapq",
        "heap",
        "numpy",
        "Plain Python, a whole number on the heap for each message; NumPy draws the latencies.",
        BOTH,
    ),
    Engine(
        "SimGrid, kernel timers",
        "simgrid_timers",
        "simgrid",
        "C++, a timer of the simulation kernel for each message.",
        BOTH,
        program="simgrid",
        general=True,
    ),
    Engine(
        "SimGrid, S4U",
        "simgrid_s4u",
        "simgrid",
        "C++, an actor and a mailbox for each host. Latencies are its links', so it starts hosts at times of its own.",
        BOTH,
        program="simgrid",
        general=True,
    ),
    Engine(
        "SimPy, callbacks",
        "simpy_callbacks",
        "simpy",
        "Bare events with a shared callback for each kind; no processes, no stores.",
        BOTH,
        general=True,
    ),
    Engine(
        "SimPy, processes",
        "simpy_processes",
        "simpy",
        "A process and a store for each host, as its tutorial has it.",
        BOTH,
        general=True,
    ),
    Engine(
        "imafarm, with bindings",
        "farm",
        "imafarm",
        "The failover as it comes: hosts that are not bound call one another and bind first.",
        {"storm": "storm_with_bindings"},
        compared=False,
    ),
)
