"""IMA Information, "What happens if a server believes it is the new ZDC" and "How does the ZDC ensure servers
communicating with are in the farm": the scenario of both, at several sizes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from imafarm import cli

Play = Callable[..., dict[str, Any]]


@pytest.fixture
def play(capsys: pytest.CaptureFixture[str]) -> Play:
    """`imafarm run two-masters ... --json` in this process: the object it prints."""

    def run(*arguments: str) -> dict[str, Any]:
        with pytest.raises(SystemExit):
            cli.main(["run", "two-masters", *arguments, "--json"])
        verdict: dict[str, Any] = json.loads(capsys.readouterr().out)
        return verdict

    return run


@pytest.mark.parametrize(("hosts", "zones"), [(2, 1), (5, 1), (40, 2), (300, 1)])
def test_a_zone_with_two_collectors_gets_over_it(play: Play, hosts: int, zones: int) -> None:
    arguments = ["--hosts", str(hosts), "--zones", str(zones), "--seed"]
    one, same, other = (play(*arguments, seed) for seed in ("7", "7", "8"))
    for verdict in (one, other):
        assert verdict["verdict"] == "passed", verdict["checks"]
        assert verdict["masters"]["Z1"] == "H1"
    assert one["digest"] == same["digest"] != other["digest"]
    for verdict in (one, same):
        del verdict["wall_seconds"]
    assert one == same


def test_a_zone_that_only_one_server_can_lead_has_no_such_story(play: Play, tmp_path: Any) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text(
        '[[hosts]]\nname = "A"\nzone = "Z"\n'
        '[[hosts]]\nname = "B"\nzone = "Z"\nmode = "session-host"\n'
        '[[hosts]]\nname = "C"\nzone = "Z"\nmode = "session-host"\n'
    )
    verdict = play("--farm", str(farm))
    failed = [check["name"] for check in verdict["checks"] if not check["passed"]]
    assert failed == ["another server could be the collector"]
