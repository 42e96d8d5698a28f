"""What a farm wrote down, as tables: who stood in the election, and what it cost.

A table opens in whatever reads Arrow; here it is Polars (pip install polars).

python examples/tables.py
"""

import polars as pl

import imafarm

HOSTS = 200
SECOND_NS = 1_000_000_000


async def failover() -> tuple[imafarm.Election, imafarm.Table, imafarm.Table]:
    async with imafarm.open_emulated_farm(hosts=HOSTS, seed=7, record=True) as farm:
        collector = await farm.wait_master("Z1")
        await farm.crash(collector)
        await farm.wait_master("Z1", other_than=collector)
        return farm.elections()[-1], farm.events(), farm.traffic()


election, events, traffic = imafarm.run(failover)
assert election.started_seconds is not None
began_ns = round(election.started_seconds * SECOND_NS)

# Of each host, when it first stood in the election, and when it had a collector again.
hosts = (
    pl.DataFrame(events)
    .filter(pl.col("time_ns") >= began_ns)
    .group_by("host")
    .agg(
        stood=pl.col("time_ns").filter(pl.col("kind") == "ELECTION_STARTED").min() - began_ns,
        settled=pl.col("time_ns").filter(pl.col("kind").is_in(["MASTER_ACCEPTED", "MASTER_DECLARED"])).max() - began_ns,
    )
)
stood = hosts["stood"].drop_nulls().sort() / 1_000_000
settled = hosts["settled"].drop_nulls().sort() / 1_000_000
print(f"{len(stood)} of {HOSTS} hosts stood, the last {stood[-1]:.1f} ms after {election.started_by} had begun")
print(f"{len(settled)} had {election.master} for their collector after {settled[0]:.1f} to {settled[-1]:.1f} ms")

# What it took, by kind of message.
cost = (
    pl.DataFrame(traffic)
    .filter(pl.col("end_ns") > began_ns)
    .group_by("kind")
    .agg(messages=pl.col("sent").sum(), bytes=pl.col("sent_bytes").sum())
    .sort("messages", "kind", descending=[True, False])
)
for kind, messages, size in cost.head(6).iter_rows():
    print(f"{kind:<18}{messages:>8,} messages {size / 1e6:>7.2f} MB")
