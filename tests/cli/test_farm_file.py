"""Farms from TOML files: what they say, and every mistake in them at once, with its place."""

from pathlib import Path

import pytest

from imafarm import ConfigurationError, Link, Product
from imafarm.topology.farm_file import read_topology

FULL = """
product = "PS40"

[settings]
maxhostaddresscacheentries = 1024

[links.inside]
latency_seconds = 0.0002
jitter_seconds = 0

[links.between]
latency_seconds = 0.05
bandwidth_bits_per_second = 1_500_000
loss = 0.01

[[zones]]
name = "A"
hosts = 2

[[zones]]
name = "B"

[[hosts]]
name = "first"
zone = "B"
host_id = 8022
version = 2
settings = { KeepAliveInterval = 30_000 }

[[hosts]]
name = "second"
zone = "B"
ima_port = 12512
preference = 2
"""


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """Where the file is going to be."""
    return tmp_path / "farm.toml"


def mistakes_of(farm: Path, text: str) -> tuple[str, ...]:
    farm.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as wrong:
        read_topology(farm)
    assert wrong.value.source == str(farm)
    return wrong.value.mistakes


def test_a_file_says_all_there_is_to_say(farm: Path) -> None:
    """An administrator ranks servers, too: IMA Information, "Detailed Election Process"."""
    farm.write_text(FULL)
    topology = read_topology(farm)
    records = topology.resolver.records()
    assert [(r.name, r.zone, r.host_id, r.preference) for r in records] == [
        ("first", "B", 8022, 1),
        ("second", "B", 2, 2),
        ("H8023", "A", 8023, 1),
        ("H8024", "A", 8024, 3),
    ]
    assert (records[0].version, records[1].ima_port, records[1].admin_port) == (2, 12512, 2513)
    assert topology.product is Product.PS40
    assert topology.settings == {"MaxHostAddressCacheEntries": 1024}
    assert topology.host_settings == {"first": {"KeepAliveInterval": 30_000}}
    assert topology.inside == Link(latency_seconds=0.0002, jitter_seconds=0)
    assert topology.between.for_engine() == {
        "latency_ns": 50_000_000,
        "bandwidth_bps": 1_500_000,
        "loss_ppm": 10_000,
    }


def test_every_mistake_is_told_at_once_with_its_place(farm: Path) -> None:
    found = mistakes_of(
        farm,
        """
        product = "PS46"
        color = "red"
        [settings]
        MaxHostAddressCacheEntrys = 1024
        KeepAliveInterval = 1
        BindTimeout = "soon"
        [links.inside]
        latency_seconds = 0
        los = 3
        [links.between]
        loss = 7
        [[zones]]
        name = "A"
        hosts = 3
        [[zones]]
        name = "A"
        [[zones]]
        name = "dark"
        [[hosts]]
        name = "X"
        zone = "A"
        host_id = 0
        preference = 9
        settings = { Foo = 1 }
        [[hosts]]
        name = "X"
        zone = "B"
        host_id = "many"
        ima_port = 70000
        [[hosts]]
        name = ""
        zone = "A"
        """,
    )
    assert {mistake.partition(": ")[0] for mistake in found} == {
        "product",
        "color",
        "settings.MaxHostAddressCacheEntrys",
        "settings.KeepAliveInterval",
        "settings.BindTimeout",
        "links.inside.latency_seconds",
        "links.inside.los",
        "links.between.loss",
        "zones[1].name",
        "zones[2]",
        "hosts[0].host_id",
        "hosts[0].preference",
        "hosts[0].settings.Foo",
        "hosts[1].name",
        "hosts[1].zone",
        "hosts[1].host_id",
        "hosts[1].ima_port",
        "hosts[2].name",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "hosts: the farm has none"),
        ("hosts = 3", "hosts: it should be a valid list"),
        ("a = = 3", "Invalid value (at line 1"),
        ('[[zones]]\nname = "A"\nhosts = 1000001', "zones[0].hosts: "),
        ('[[zones]]\nname = "A"\nhosts = 600000\n[[zones]]\nname = "B"\nhosts = 600000', "hosts: 1200000 are too many"),
        ('[[hosts]]\nname = "A"\nzone = "Z"\nhost_id = 1\n[[hosts]]\nname = "B"\nzone = "Z"\nhost_id = 1', "taken by"),
        ('[[hosts]]\nname = "a\\u0007"\nzone = "Z"', "hosts[0].name: a name holds no control characters"),
        ('[[hosts]]\nname = "A"', "hosts[0].zone: "),
    ],
)
def test_a_mistake_is_told(farm: Path, text: str, said: str) -> None:
    assert any(said in mistake for mistake in mistakes_of(farm, text))


def test_an_id_left_out_may_not_be_another_hosts(farm: Path) -> None:
    (said,) = mistakes_of(farm, '[[hosts]]\nname = "A"\nzone = "Z"\nhost_id = 2\n[[hosts]]\nname = "B"\nzone = "Z"')
    assert said == "hosts[1].host_id: 2 is taken by hosts[0] already"


def test_a_file_that_is_no_text_is_refused(farm: Path) -> None:
    farm.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="utf-8"):
        read_topology(farm)
