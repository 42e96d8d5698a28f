"""How large must MaxHostAddressCacheEntries be? The same zone, over and over, each time with another value.

A host keeps so many bindings open. Where a zone's collector cannot keep one to each member, it tears the least recently
used one down for whoever reports next, and sets it up again a minute later, for as long as the farm runs.

python examples/cache_sweep.py
"""

import trio

import imafarm

HOSTS = 400
VALUES = [100, 200, 300, 380, 390, 395, 398, 399, 400, 512]
SETTLING_SECONDS = 120
COUNTED_MINUTES = 5


async def evictions_a_minute(entries: int) -> float:
    """Bindings that were torn down to make room, in a farm to which nothing happens but heartbeats."""
    async with imafarm.open_emulated_farm(
        hosts=HOSTS, seed=7, settings={"MaxHostAddressCacheEntries": entries}
    ) as farm:
        await farm.wait_master("Z1")
        await trio.sleep(SETTLING_SECONDS)
        before = farm.statistics()
        await trio.sleep(60 * COUNTED_MINUTES)
        return farm.statistics().since(before).bindings.evicted / COUNTED_MINUTES


async def main() -> None:
    counted = {entries: await evictions_a_minute(entries) for entries in VALUES}
    most = max(counted.values())
    print(f"one zone of {HOSTS} hosts")
    print(f"{'entries':>7}  evictions a minute")
    for entries, rate in counted.items():
        print(f"{entries:>7}  {rate:>6.1f} {'#' * round(40 * rate / most)}".rstrip())
    enough = min(entries for entries, rate in counted.items() if rate == 0)
    print(f"{enough} are enough: one for each other host of the zone")


imafarm.run(main)
