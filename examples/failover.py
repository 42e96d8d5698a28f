"""A zone of 1,000 hosts loses its data collector and elects another.

python examples/failover.py
"""

import trio

import imafarm


async def main() -> None:
    async with imafarm.open_emulated_farm(hosts=1_000, seed=7) as farm:
        old = await farm.wait_master("Z1")
        crashed = trio.current_time()
        await farm.crash(old)
        new = await farm.wait_master("Z1", other_than=old)
        print(f"{new} follows {old}, {trio.current_time() - crashed:.1f} s after its crash")
        print(f"{farm.statistics().messages['ELECT_MASTER'].sent:,} ELECT_MASTERs were sent so far")


imafarm.run(main)
