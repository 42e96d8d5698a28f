"""One engine in Python at one work and size, in this process: a line of JSON for each time that it did it.

`python -m peers._case ENGINE WORK HOSTS TIMES`. The programs in C++ write the same line.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
from time import perf_counter, process_time

from peers._work import CannotDo, fingerprint


def peak_bytes() -> int:
    """The most memory that this process has had, in bytes. Of a child, `getrusage` may tell its parent's instead."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main(module: str, function: str, hosts: int, times: int) -> None:
    """Does the work so many times, without the collector of garbage, as benchmarks are run."""
    work = getattr(importlib.import_module(f"peers.engines.{module}"), function)
    gc.disable()
    for _ in range(times):
        gc.collect()
        busy, begin = process_time(), perf_counter()
        try:
            outcome = work(hosts)
        except CannotDo as reason:
            print(json.dumps({"cannot": str(reason)}))
            return
        seconds, busy = perf_counter() - begin, process_time() - busy
        if outcome.seconds is not None and outcome.busy_seconds is not None:
            seconds, busy = outcome.seconds, outcome.busy_seconds
        line = {
            "messages": dict(outcome.messages),
            "ended": outcome.ended,
            "winner": outcome.winner,
            "fingerprint": fingerprint(outcome.times) if len(outcome.times) else None,
            "beyond": dict(outcome.beyond),
            "seconds": seconds,
            "busy_share": busy / seconds,
            "peak_bytes": peak_bytes(),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
