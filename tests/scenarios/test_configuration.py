"""The scenarios about the configuration and the data store, each at three sizes: CTX114843, "Farm Communication" and
"Bandwidth of Server to Data Store Communication"."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from imafarm import cli

Play = Callable[..., dict[str, Any]]

SIZES = [(6, 1), (12, 3), (60, 2)]
"""Hosts and zones."""


@pytest.fixture
def play(capsys: pytest.CaptureFixture[str]) -> Play:
    """`imafarm run ... --json` in this process: the object it prints."""

    def run(*arguments: str) -> dict[str, Any]:
        with pytest.raises(SystemExit):
            cli.main(["run", *arguments, "--json"])
        out, err = capsys.readouterr()
        assert err == ""
        verdict: dict[str, Any] = json.loads(out)
        return verdict

    return run


@pytest.mark.parametrize(("hosts", "zones"), SIZES)
@pytest.mark.parametrize("scenario", ["publish-application", "missed-change", "store-outage", "cycle-boot"])
def test_it_is_passed_at_every_size_and_is_the_same_for_the_same_seed(
    play: Play, scenario: str, hosts: int, zones: int
) -> None:
    one, same, other = (
        play(scenario, "--hosts", str(hosts), "--zones", str(zones), "--seed", seed) for seed in ("7", "7", "8")
    )
    assert [verdict["verdict"] for verdict in (one, same, other)] == ["passed"] * 3, one["checks"] + other["checks"]
    assert one["digest"] == same["digest"] != other["digest"]


@pytest.mark.parametrize("product", ["XP", "MF30", "PS40"])
def test_each_product_bears_an_outage_in_its_own_way(play: Play, product: str) -> None:
    """Known of the products: MetaFrame XP starts without the data store for 96 hours, later ones for ever."""
    verdict = play("store-outage", "--hosts", "6", "--product", product)
    assert verdict["verdict"] == "passed", verdict["checks"]
    (late,) = [check["name"] for check in verdict["checks"] if check["name"].startswith("after 97 hours")]
    assert late.endswith("does not start any more" if product == "XP" else "still starts")


@pytest.mark.parametrize("product", ["MF30", "PS40"])
def test_publishing_and_missing_are_the_same_for_older_products(play: Play, product: str) -> None:
    for scenario in ("publish-application", "missed-change"):
        verdict = play(scenario, "--hosts", "9", "--zones", "3", "--product", product)
        assert verdict["verdict"] == "passed", verdict["checks"]


def test_restarting_in_groups_keeps_the_service_manager_quiet(play: Play) -> None:
    """CTX114843, "Bandwidth of Server to Data Store Communication": starts at once slow one another down."""
    verdict = play("cycle-boot", "--hosts", "300", "--seed", "7")
    assert verdict["verdict"] == "passed", verdict["checks"]
    details = {check["name"]: check["detail"] for check in verdict["checks"]}
    errors = [details[f"{how}: an error for each start that takes long, and for no other"] for how in WAYS]
    assert errors[1].startswith("0 errors") and not errors[0].startswith("0 errors"), errors


WAYS = ("all at once", "in groups")
