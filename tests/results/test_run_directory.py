"""What `imafarm run --out DIR` leaves, and how `imafarm.results` reads it again."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import trio

import imafarm
from imafarm import ConfigurationError, Recording, Table
from imafarm.farm import EventKind
from imafarm.results import Asked, read_run, write_run
from imafarm.scenario import Journal, Verdict, play
from imafarm.scenarios import SCENARIOS
from imafarm.settings import default_settings

Played = tuple[Verdict, dict[str, Table]]


async def _played() -> Played:
    async with imafarm.open_emulated_farm(hosts=12, zones=2, seed=5, record=True) as farm:
        verdict = await play(
            SCENARIOS["master-failover"],
            farm,
            Journal(),
            seed=5,
            product=farm.product,
            settings={**default_settings(), "KeepAliveInterval": 30_000},
            wall_clock=lambda: 0.0,
        )
        tables = {
            "events": farm.events(),
            "traffic": farm.traffic(),
            "bindings": farm.bindings(),
            "hosts": farm.hosts(),
        }
        return verdict, tables


@pytest.fixture(scope="module")
def played() -> Played:
    return imafarm.run(_played)


def test_a_run_is_read_as_it_was_written(played: Played, tmp_path: Path) -> None:
    verdict, tables = played
    write_run(tmp_path, verdict, asked=Asked(farm="office.toml", bound=True), tables=tables, text="all is well\n")
    names = ["bindings.parquet", "events.parquet", "hosts.parquet", "run.json", "traffic.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*names, "verdict.json", "verdict.txt"]
    assert (tmp_path / "verdict.txt").read_text() == "all is well\n"
    assert json.loads((tmp_path / "verdict.json").read_text()) == verdict.as_json()
    read = read_run(tmp_path)
    assert read.version == imafarm.__version__
    assert read.asked == {
        "scenario": "master-failover",
        "hosts": 12,
        "zones": 2,
        "seed": 5,
        "product": "PS45",
        "settings": {"KeepAliveInterval": 30_000},
        "farm": "office.toml",
        "store": None,
        "bound": True,
    }
    assert read.verdict == verdict.as_json()
    assert [dict(moment) for moment in read.moments] == [asdict(moment) for moment in verdict.moments]
    assert read.figures == verdict.figures
    assert [dict(election) for election in read.elections] == [asdict(election) for election in verdict.elections]
    assert read.files == ["events.parquet", "traffic.parquet", "bindings.parquet", "hosts.parquet"]
    for name, table in tables.items():
        assert read.table(name).rows() == table.rows() and len(table) > 0, name
        assert read.table(name).schema == table.schema, name
    assert read.messages is None


def test_tables_and_verdict_tell_the_same_story(played: Played) -> None:
    verdict, tables = played
    sent = sum(tables["traffic"].column("sent"))
    assert sent == sum(traffic.sent for traffic in verdict.statistics.messages.values())
    opened = sum(tables["bindings"].column("opened"))
    assert opened == verdict.statistics.bindings.opened == sum(tables["hosts"].column("opened"))
    agreed = [row for row in tables["events"].rows() if row["kind"] == "ZONE_AGREED"]
    converged = [round((election.converged_seconds or 0) * 1e9) for election in verdict.elections]
    assert set(converged) <= {row["time_ns"] for row in agreed}


def test_an_older_run_is_overwritten_whole(played: Played, tmp_path: Path) -> None:
    verdict, tables = played
    write_run(tmp_path, verdict, asked=Asked(), tables=tables, text="old")
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    write_run(tmp_path, verdict, asked=Asked(), tables={"hosts": tables["hosts"]})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hosts.parquet",
        "notes.txt",
        "run.json",
        "verdict.json",
    ]
    with pytest.raises(ConfigurationError, match=r"events\.parquet: this run has no such table"):
        _ = read_run(tmp_path).events


def test_a_study_is_not_overwritten(played: Played, tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="holds a study"):
        write_run(tmp_path, played[0], asked=Asked(), tables=played[1])
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


def test_what_cannot_be_written_leaves_nothing(played: Played, tmp_path: Path) -> None:
    class Broken(Table):
        def write_parquet(self, path: object) -> None:
            raise ConfigurationError([f"{path}: No space left on device"])

    tables = {**played[1], "bindings": Broken(played[1]["bindings"])}
    with pytest.raises(ConfigurationError, match=r"bindings\.parquet: No space left on device"):
        write_run(tmp_path, played[0], asked=Asked(), tables=tables)
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_no_run_has_is_refused(played: Played, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="tables: there is none called 'weather'"):
        write_run(tmp_path, played[0], asked=Asked(), tables={"weather": played[1]["hosts"]})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, r"run\.json: is not there"),
        ("{", r"run\.json: Expecting property name"),
        ("[]", r"run\.json: format: 'imafarm run 1' is wanted, None is there"),
        ('{"format": "imafarm run 9"}', r"format: 'imafarm run 1' is wanted, 'imafarm run 9' is there"),
        ('{"format": "imafarm run 1", "asked": 3}', r"asked: is no dict"),
        ('{"format": "imafarm run 1", "asked": {}}', r"verdict: is missing"),
    ],
)
def test_what_is_no_run_is_told_by_its_file(tmp_path: Path, document: str | None, said: str) -> None:
    if document is not None:
        (tmp_path / "run.json").write_text(document)
    with pytest.raises(ConfigurationError, match=said):
        read_run(tmp_path)


def test_a_table_that_was_damaged_is_told_by_its_file(played: Played, tmp_path: Path) -> None:
    write_run(tmp_path, played[0], asked=Asked(), tables=played[1])
    events, traffic = tmp_path / "events.parquet", tmp_path / "traffic.parquet"
    events.write_bytes(events.read_bytes()[:-100])
    whole = traffic.read_bytes()
    traffic.write_bytes(whole[:4] + bytes(500) + whole[504:])
    (tmp_path / "hosts.parquet").unlink()
    read = read_run(tmp_path)
    with pytest.raises(ConfigurationError, match=r"events\.parquet: is no Parquet file, or not all of one"):
        _ = read.events
    with pytest.raises(ConfigurationError, match=r"traffic\.parquet: is damaged: "):
        _ = read.traffic
    with pytest.raises(ConfigurationError, match=r"hosts\.parquet: No such file"):
        _ = read.hosts


@pytest.mark.parametrize("threads", [1, 2])
def test_recording_is_off_unless_asked_for(threads: int) -> None:
    async def plain() -> str:
        async with imafarm.open_emulated_farm(hosts=20, zones=4, seed=2, threads=threads) as farm:
            await trio.sleep(100)
            for table in ("events", "traffic", "bindings"):
                with pytest.raises(ConfigurationError, match=f"{table}: this farm records none; open it with record"):
                    getattr(farm, table)()
            assert len(farm.hosts()) == 20
            return farm.digest()

    async def recorded() -> str:
        async with imafarm.open_emulated_farm(hosts=20, zones=4, seed=2, threads=threads, record=True) as farm:
            await trio.sleep(100)
            return farm.digest()

    assert imafarm.run(plain) == imafarm.run(recorded)


def test_only_what_is_asked_for_is_recorded() -> None:
    async def some() -> None:
        kinds = EventKind.HOST_UP | EventKind.MASTER_DECLARED
        record = Recording(kinds=kinds, bindings=False, bin_seconds=7.0)
        async with imafarm.open_emulated_farm(hosts=5, seed=2, record=record) as farm:
            await farm.wait_converged()
            assert set(farm.events().column("kind")) == {"HOST_UP", "MASTER_DECLARED"}
            assert {start % 7_000_000_000 for start in farm.traffic().column("start_ns")} == {0}
            with pytest.raises(ConfigurationError, match=r"record=Recording\(bindings=True\)"):
                farm.bindings()

    imafarm.run(some)


def test_widths_that_no_bin_can_have_are_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Recording(bin_seconds=0.0, sample_seconds=float("nan"))
    assert [mistake.split(":")[0] for mistake in raised.value.mistakes] == ["bin_seconds", "sample_seconds"]
