"""Farms that begin bound, as a library and by the command; short cuts through what happens there change nothing."""

import json
from typing import Any

import pytest

import imafarm
from imafarm import ConfigurationError, cli


def failover(*, bound: bool, exact_queue: bool = False) -> tuple[str, imafarm.FarmStatistics]:
    """How a zone stands once it has lost its collector and has another."""

    async def main() -> tuple[str, imafarm.FarmStatistics]:
        async with imafarm.open_emulated_farm(
            hosts=80, seed=7, boot_seconds=0.0, bound=bound, exact_queue=exact_queue
        ) as farm:
            old = await farm.wait_master()
            await farm.crash(old)
            await farm.wait_master(other_than=old)
            assert farm.check_conservation() == []
            return farm.digest(), farm.statistics()

    return imafarm.run(main)


def test_hosts_that_begin_bound_elect_without_a_handshake() -> None:
    (_, bound), (_, unbound) = failover(bound=True), failover(bound=False)
    assert unbound.messages["BIND_REQUEST"].sent > 80 * 79 / 4
    assert bound.messages["BIND_REQUEST"].sent < 80
    assert bound.bindings.opened >= 80 * 79


@pytest.mark.parametrize("bound", [True, False])
def test_an_exact_queue_changes_nothing(bound: bool) -> None:
    assert failover(bound=bound, exact_queue=True) == failover(bound=bound)


def test_a_cache_has_to_have_room_for_all_that_a_host_begins_with() -> None:
    async def main(host_settings: dict[str, dict[str, int]], entries: int) -> None:
        async with imafarm.open_emulated_farm(
            hosts=20, zones=2, bound=True, settings={"MaxHostAddressCacheEntries": entries}, host_settings=host_settings
        ):
            pass

    imafarm.run(main, {}, 9)
    imafarm.run(main, {"H13": {"MaxHostAddressCacheEntries": 9}}, 10)
    for own, entries in [({}, 8), ({"H13": {"MaxHostAddressCacheEntries": 8}}, 9)]:
        with pytest.raises(ConfigurationError, match="MaxHostAddressCacheEntries: 8 are too few .* takes 9"):
            imafarm.run(main, own, entries)


def test_the_command_takes_both(capsys: pytest.CaptureFixture[str]) -> None:
    def verdict(*options: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as left:
            cli.main(["run", "master-failover", "--hosts", "60", "--json", *options])
        assert left.value.code == 0
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        return {key: value for key, value in said.items() if key != "wall_seconds"}

    assert verdict("--bound") == verdict("--bound", "--exact-queue") != verdict("--exact-queue")


def test_the_command_says_when_caches_are_too_small(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "master-failover", "--hosts", "60", "--bound", "--set", "MaxHostAddressCacheEntries=58"])
    assert left.value.code == 2
    assert "MaxHostAddressCacheEntries: 58 are too few" in capsys.readouterr().err
