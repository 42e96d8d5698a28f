"""A scenario of one's own: what is done to a farm, what it is held to, and the verdict in the form of all the others.

It is written against any farm and never learns in which world it is played.

python examples/custom_scenario.py
"""

from time import perf_counter

import trio
from rich.console import Console

import imafarm
from imafarm.report.text import print_verdict
from imafarm.scenario import Journal, Scenario, Verdict, play

ROUNDS = 3
REPAIR_SECONDS = 300.0


async def maintenance(farm: imafarm.Farm, journal: Journal) -> None:
    """Takes the collector out for repair, again and again; each time the zone has to have another within 10 s."""
    zone = farm.zones[0]
    slowest = 0.0
    for number in range(1, ROUNDS + 1):
        journal.phase(f"round {number}")
        collector = await farm.wait_master(zone)
        await trio.sleep(60)
        began = trio.current_time()
        journal.moment(began, f"{collector} is shut down")
        await farm.stop(collector)
        successor = await farm.wait_master(zone, other_than=collector)
        agreed = trio.current_time()
        journal.moment(agreed, f"all agree on {successor}")
        slowest = max(slowest, agreed - began)
        await trio.sleep(REPAIR_SECONDS)
        await farm.start(collector)
        journal.moment(trio.current_time(), f"{collector} is back")
    journal.figure("slowest agreement, s", round(slowest, 3))
    journal.check("another collector within 10 s", slowest <= 10, f"the slowest took {slowest:.3f} s")
    await trio.sleep(60)
    up = sum(farm.host_state(host).power == "up" for host in farm.host_names)
    journal.check("all hosts are up again", up == len(farm.host_names), f"{up} of {len(farm.host_names)}")


SCENARIO = Scenario(
    name="maintenance",
    summary="The collector is taken out for repair, three times over.",
    hosts=200,
    least_hosts_in_zone=2,
    play=maintenance,
)


async def main(seed: int = 7) -> Verdict:
    began = perf_counter()
    async with imafarm.open_emulated_farm(hosts=SCENARIO.hosts, seed=seed) as farm:
        return await play(
            SCENARIO,
            farm,
            Journal(),
            seed=seed,
            product=farm.product,
            settings={},
            wall_clock=lambda: perf_counter() - began,
        )


verdict = imafarm.run(main)
print_verdict(verdict, Console())
raise SystemExit(not verdict.passed)
