"""Two zones in two places, and the line between them fails for five minutes while users log on at both ends.

Each zone goes by its own collector, so nobody is turned away; what the collectors know of one another is behind until
the line is back.

python examples/two_zones_partition.py
"""

import trio

import imafarm

APP = "Desktop"
WAN = imafarm.Link(latency_seconds=0.04, jitter_seconds=0.004, bandwidth_bits_per_second=2e6)


def tell(what: str) -> None:
    print(f"{trio.current_time():8.1f} s  {what}")


async def main() -> None:
    topology = imafarm.Topology.of(40, 2, between=WAN, applications={APP: None})
    async with imafarm.open_emulated_farm(topology=topology, seed=7) as farm:
        masters = await farm.wait_converged()
        tell(f"the collectors are {masters['Z1']} and {masters['Z2']}")

        cut = await farm.partition(farm.hosts_of("Z1"), farm.hosts_of("Z2"))
        tell("the line between the zones fails")
        for zone in farm.zones:
            for user in range(10):
                found = await farm.resolve(APP, at=farm.hosts_of(zone)[-1])
                assert found is not None
                await farm.logon(found.host, app=APP, user=user)
        await trio.sleep(300)
        for zone, other in (("Z1", "Z2"), ("Z2", "Z1")):
            own, far = (len(farm.sessions(which, at=masters[zone])) for which in (zone, other))
            tell(f"{masters[zone]} knows of {own} sessions in {zone} and {far} in {other}")

        await farm.heal(cut)
        healed = trio.current_time()
        tell("the line is back")
        behind = farm.check_stores()
        while behind:
            await trio.sleep(0.5)
            behind = farm.check_stores()
        tell(f"both know of all {farm.statistics().users.sessions} after {trio.current_time() - healed:.1f} s")
        assert farm.masters == masters


imafarm.run(main)
