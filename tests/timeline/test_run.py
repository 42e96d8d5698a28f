"""A farm that was recorded and tapped, as a trace, held against what the farm itself tells; and the command line."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.timeline.conftest import ReadTrace, as_read

import imafarm
from imafarm import cli
from imafarm.emulated import Tap
from imafarm.report.timeline import SHOWN, hosts_to_tap, timeline_of, write_timeline
from imafarm.topology import Topology

ReadFile = Callable[[Path], ReadTrace]


def ns(seconds: float | None) -> int:
    assert seconds is not None
    return round(seconds * 1_000_000_000)


async def failover(path: Path | None = None, *, settings: dict[str, int] | None = None) -> tuple[ReadTrace, Any, Any]:
    """Two zones boot and one of them loses its collector: the trace, the elections, the packets."""
    topology = Topology.of(24, 2, settings=settings)
    tapped = hosts_to_tap(topology)
    async with imafarm.open_emulated_farm(
        topology=topology, seed=7, record=True, tap=Tap(hosts=tapped, kinds=SHOWN)
    ) as farm:
        await farm.wait_converged()
        old = await farm.wait_master("Z1")
        await farm.crash(old)
        await farm.wait_master("Z1", other_than=old)
        await farm.start(old)
        await trio.sleep(120)
        told: Any = {"title": "a run", "seconds": trio.current_time(), "tapped": tapped, "taped": farm.packets()}
        if path is not None:
            write_timeline(farm, path, **told)
        packets = farm.packets()
        rows = list(zip(*(packets.column(name) for name in ("what", "source", "kind")), strict=True))
        return as_read(timeline_of(farm, **told)), farm.elections(), rows


def test_each_host_and_zone_has_a_track_and_each_election_is_as_the_farm_tells_it() -> None:
    read, elections, _ = imafarm.run(failover)
    zones = {"Z1": [f"H{n}" for n in range(1, 13)], "Z2": [f"H{n}" for n in range(13, 25)]}
    for zone, hosts in zones.items():
        below = [
            track.split("/")[2] for track in read.tracks if track.startswith(f"farm/{zone}/") and track.count("/") == 2
        ]
        # Most Preferred first, then by host id: whoever is ranked higher stands above.
        assert [name for name in below if name.startswith("H")] == [hosts[0], *reversed(hosts[1:])]
        assert {"messages sent", "open bindings"} <= set(below)
        of_zone = [one for one in elections if one.zone == zone]
        drawn = [one for one in read.on(f"farm/{zone}") if one.name == "election"]
        assert len(drawn) == len(of_zone) >= 1
        for one, election in zip(drawn, of_zone, strict=True):
            began = election.started_seconds if election.doubted_seconds is None else election.doubted_seconds
            assert (one.start_ns, one.end_ns) == (ns(began), ns(election.converged_seconds))
            assert (one.args["master"], one.args["candidates"]) == (election.master, election.candidates)
        agreed = {end for name, end in read.marks(f"farm/{zone}") if name.startswith("agreed on ")}
        assert {ns(election.converged_seconds) for election in of_zone} <= agreed


def test_hosts_were_up_and_what_they_say_they_were() -> None:
    read, _, _ = imafarm.run(failover)
    end = read.slices[0].end_ns
    first, second = (one for one in read.on("farm/Z1/H1") if one.name == "up")
    assert first.end_ns is not None and first.end_ns < second.start_ns and second.end_ns == end
    assert [one.name for one in read.on("farm/Z1/H1") if one.end_ns == first.end_ns] == ["up", "data collector"]
    # At the end all are up, and each is what it is to the collector.
    for host in [f"H{n}" for n in range(2, 13)]:
        (up,) = (one for one in read.on(f"farm/Z1/{host}") if one.name == "up")
        assert up.end_ns == end
    now = Counter(
        one.name for one in read.slices if one.end_ns == end and one.depth == 1 and "bindings" not in one.track
    )
    collectors = now.pop("data collector")
    assert (collectors, sum(now.values())) == (2, 22)
    assert sorted(now.values()) == [11, 11] and all(name.startswith("member of ") for name in now)


def test_bindings_are_those_of_the_packets() -> None:
    read, _, packets = imafarm.run(failover)
    topology = Topology.of(24, 2)
    tapped = hosts_to_tap(topology)
    assert tapped == ("H1", "H13", "H12", "H24", "H11", "H23")
    called: Counter[str] = Counter(source for what, source, _ in packets if what == "connect")
    opened: Counter[str] = Counter()
    for one in read.slices:
        if one.track.endswith("/bindings"):
            host = one.track.split("/")[2]
            assert host in tapped
            # Where both ends are tapped each has a slice of its own.
            opened[one.args["opened by"]] += one.args["opened by"] == host or one.args["opened by"] not in tapped
    assert opened == called and sum(called.values()) > 100
    messages = Counter(kind for what, _, kind in packets if what == "message")
    marks = Counter(one.name for one in read.instants if one.track.endswith("/bindings"))
    assert marks == messages and set(messages) <= set(SHOWN) and messages["ELECT_MASTER"] > 0


def test_arrows_go_from_a_question_to_its_answer() -> None:
    read, _, _ = imafarm.run(failover)
    asked = {flow: one for one in read.instants for flow in one.flows}
    answered = {flow: one for one in read.instants for flow in one.flows_to}
    assert answered and set(answered) <= set(asked)
    for flow, answer in answered.items():
        question = asked[flow]
        assert (question.name, answer.name) == ("ELECT_MASTER", "ELECT_MASTER_ACK")
        assert (question.args["from"], question.args["to"]) == (answer.args["to"], answer.args["from"])
        assert question.start_ns < answer.start_ns


def test_evictions_are_counted_where_there_are_any() -> None:
    quiet, _, _ = imafarm.run(failover)
    assert "farm/Z1/evictions" not in quiet.counts
    tight, _, _ = imafarm.run(lambda: failover(settings={"MaxHostAddressCacheEntries": 4}))
    assert max(count for _, count in tight.counts["farm/Z1/evictions"]) > 0


def test_the_file_is_the_same_each_time(tmp_path: Path, read_file: ReadFile) -> None:
    read, _, _ = imafarm.run(lambda: failover(tmp_path / "one"))
    imafarm.run(lambda: failover(tmp_path / "two"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert read_file(tmp_path / "one") == read


def test_a_farm_with_hostile_names(tmp_path: Path) -> None:
    names = ['"};alert(1)', "\u202eH", "名前", "a/b", "open bindings", "farm"]
    records = [imafarm.HostRecord(name, "Z/1", number) for number, name in enumerate(names, 1)]

    async def main() -> ReadTrace:
        async with imafarm.open_emulated_farm(
            hosts=imafarm.HostResolver(records), seed=7, record=True, tap=Tap(hosts=names)
        ) as farm:
            await farm.wait_master()
            return as_read(
                timeline_of(farm, title="a run", seconds=trio.current_time(), tapped=names, taped=farm.packets())
            )

    read = imafarm.run(main)
    for name in names:
        assert read.on(f"farm/Z/1/{name}")[0].name == "up"


def test_a_farm_that_was_opened_late_is_drawn_at_the_time_of_its_run() -> None:
    async def main() -> None:
        await trio.sleep(500.5)
        async with imafarm.open_emulated_farm(hosts=6, seed=7, record=True, tap=Tap(hosts=["H1"])) as farm:
            await farm.wait_master()
            end = trio.current_time()
            read = as_read(timeline_of(farm, title="a run", seconds=end, tapped=["H1"], taped=farm.packets()))
            assert read.spans("farm") == [("a run", 500_500_000_000, ns(end))]
            elections = [one for one in read.on("farm/Z1") if one.name == "election"]
            assert [one.end_ns for one in elections] == [ns(one.converged_seconds) for one in farm.elections()]
            (up,) = (one for one in read.on("farm/Z1/H1") if one.name == "up")
            # Its machine turns away who calls before its service runs.
            answered = [one for one in read.on("farm/Z1/H1/bindings") if one.args.get("ended by") != "refused"]
            for one in [*read.on("farm/Z1/H1"), *answered]:
                assert up.start_ns <= one.start_ns and one.end_ns is not None and one.end_ns <= ns(end)
            assert answered
            assert min(start for counts in read.counts.values() for start, _ in counts) >= 500_500_000_000

    imafarm.run(main)


def test_what_was_not_recorded_is_left_out() -> None:
    async def main() -> ReadTrace:
        record = imafarm.Recording(traffic=False, bindings=False)
        async with imafarm.open_emulated_farm(hosts=3, seed=7, record=record) as farm:
            await farm.wait_master()
            return as_read(timeline_of(farm, title="a run", seconds=trio.current_time()))

    read = imafarm.run(main)
    assert read.counts == {} and read.on("farm/Z1/H1")


def test_a_farm_that_was_not_recorded_has_no_timeline() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=3, seed=7) as farm:
            with pytest.raises(imafarm.ConfigurationError, match="record"):
                timeline_of(farm, title="a run", seconds=0.0)

    imafarm.run(main)


def test_a_recorded_farm_without_a_tap_has_all_but_bindings() -> None:
    async def main() -> ReadTrace:
        async with imafarm.open_emulated_farm(hosts=3, seed=7, record=True) as farm:
            await farm.wait_master()
            return as_read(timeline_of(farm, title="a run", seconds=trio.current_time()))

    read = imafarm.run(main)
    assert not [track for track in read.tracks if track.endswith("/bindings")]
    assert read.on("farm/Z1/H1")[0].name == "up"


# -- the command line


def run(*arguments: str | Path) -> object:
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "master-failover", "--hosts", "30", "--zones", "2", *map(str, arguments)])
    return left.value.code


def test_the_command_writes_it(tmp_path: Path, read_file: ReadFile, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.pftrace"
    assert run("--json", "--timeline", path) == 0
    verdict = json.loads(capsys.readouterr().out)
    read = read_file(path)
    assert len([track for track in read.tracks if track.count("/") == 2 and track.split("/")[2].startswith("H")]) == 30
    assert read.spans("farm") == [
        ("master-failover: 30 hosts in 2 zones, PS45, seed 0", 0, ns(verdict["virtual_seconds"]))
    ]
    assert "H1, the collector of Z1, crashes" in [name for name, _ in read.marks("farm")]
    # It changes nothing of what happens, and is the same on any number of threads.
    assert run("--json") == 0
    assert json.loads(capsys.readouterr().out)["digest"] == verdict["digest"]
    for threads in ("1", "3"):
        again = tmp_path / f"{threads}.pftrace"
        assert run("--timeline", again, "--threads", threads) == 0
        assert again.read_bytes() == path.read_bytes()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_that_cannot_be_written_is_said_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imafarm.emulated.run", lambda *_: pytest.fail("it was run"))
    assert run("--timeline", tmp_path) == 2
    assert capsys.readouterr().err == f"imafarm: --timeline: {tmp_path} is a directory; name a file\n"
    assert run("--timeline", tmp_path / "missing" / "trace") == 2
    assert capsys.readouterr().err.startswith("imafarm: --timeline: cannot write ")


def test_a_run_that_fails_is_drawn_too(tmp_path: Path, read_file: ReadFile) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text(
        "[[hosts]]\nname='A'\nzone='Z1'\nhost_id=1\n[[hosts]]\nname='B'\nzone='Z1'\nhost_id=2\n"
        "[[hosts]]\nname='S'\nzone='Z2'\nhost_id=3\nmode='session-host'\n"
    )
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "cold-boot", "--farm", str(farm), "--timeline", str(tmp_path / "trace")])
    # Its one host looks for a collector again and again, which is an election each time: a check fails. It is drawn.
    assert left.value.code == 1
    assert {"farm/Z1/A", "farm/Z1/B", "farm/Z2/S"} <= set(read_file(tmp_path / "trace").tracks)
