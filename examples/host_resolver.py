"""The compiled parts alone, without a farm: who is who, who is ranked how, whose binding makes room, and bytes.

python examples/host_resolver.py
"""

from imafarm import ConnectionCache, Framer, HostRecord, HostResolver, rank_hosts

hosts = HostResolver(
    [
        HostRecord("LONDON1", "London", 101, preference=1),
        HostRecord("LONDON2", "London", 102),
        HostRecord("PARIS1", "Paris", 201),
        HostRecord("PARIS2", "Paris", 202, preference=4),
    ]
)
print(f"{len(hosts)} hosts in {', '.join(hosts.zones())}")
print(f"the host with the id 202 is {hosts.name_of(hosts.by_id(202))}")

# Version first, then preference, then host id; whoever is ranked highest wins an election.
order = rank_hosts(hosts)
print("from the highest rank down:", ", ".join(hosts.name_of(host) for host in order))

# Many at once is one step into compiled code: a hundred thousand names a good deal faster than one by one.
farm = HostResolver.generate(100_000, zones=50)
indexes = farm.by_names(f"H{number}" for number in range(1, 100_001))
print(f"{len(indexes):,} names looked up; the last is host id {farm.id_of(indexes[-1]):,}")

# A host that reports to 600 others in turn, and can keep 512 bindings: none is ever there when it is needed.
cache = ConnectionCache(512)
cache.use_many(list(range(600)) * 3)
counted = cache.statistics()
print(f"600 peers, 512 entries: {counted['hit']:,} hits, {counted['evicted']:,} evictions")

# Bytes as they are on the wire, in whatever pieces they come.
frame = Framer.encode("DECLARE_MASTER", 202, 60_000)
framer = Framer()
print(f"{len(frame)} bytes:", framer.feed(frame[:10]), framer.feed(frame[10:]))
