"""Capture files: where they go, who has which address, and what is wrong with a call."""

import errno
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trio

import imafarm
from imafarm import ConfigurationError, LivePlan, Tap, cli
from imafarm.capture import Capture, addresses_of, write_capture


def blocks(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The blocks of a capture file: what each is, and what is in it."""
    at = 0
    while at < len(content):
        kind, length = struct.unpack_from("<II", content, at)
        assert struct.unpack_from("<I", content, at + length - 4) == (length,)
        yield kind, content[at + 8 : at + length - 4]
        at += length


def captured(path: Path, tap: Tap | None = None, **options: object) -> Capture:
    async def main() -> Capture:
        async with imafarm.open_emulated_farm(hosts=6, seed=7, tap=tap or Tap()) as farm:
            await farm.wait_master("Z1")
            await trio.sleep(60)
            return write_capture(farm, path, **options)  # type: ignore[arg-type]

    return imafarm.run(main)


def test_a_file_has_as_many_frames_as_is_said(tmp_path: Path) -> None:
    path = tmp_path / "farm.pcapng"
    written = captured(path, comments=["one", "two"])
    kinds = [kind for kind, _ in blocks(path.read_bytes())]
    section, interface, names, *frames = kinds
    assert (section, interface, names) == (0x0A0D0D0A, 1, 4)
    assert set(frames) == {6}
    assert len(frames) == written.frames > written.packets > 50
    assert written.stopped_seconds is None
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


def test_a_capture_that_came_to_its_limit_says_so(tmp_path: Path) -> None:
    path = tmp_path / "farm.pcapng"
    written = captured(path, Tap(limit_bytes=5_000))
    assert written.stopped_seconds is not None
    assert 0 < written.packets < 60
    *_, (_, last) = blocks(path.read_bytes())
    high, low = struct.unpack_from("<II", last, 4)
    assert (high << 32 | low) / 1e9 <= written.stopped_seconds


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(tmp_path: Path) -> None:
    place = tmp_path / "farm.pcapng"
    place.mkdir()
    with pytest.raises(ConfigurationError, match=r"farm\.pcapng: Is a directory"):
        captured(place)
    assert list(tmp_path.iterdir()) == [place]


class FullDisk:
    """A file with no room."""

    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_an_error_of_its_own() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=3, tap=Tap()) as farm:
            await trio.sleep(100)
            with pytest.raises(OSError, match="No space left on device") as failed:
                farm.write_packets(
                    FullDisk(),  # type: ignore[arg-type]
                    addresses=addresses_of(farm.host_names),
                    comments=(),
                    only_spoken=False,
                )
            assert failed.value.errno == errno.ENOSPC

    imafarm.run(main)


def test_a_farm_without_a_tap_has_nothing_to_write(tmp_path: Path) -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=3) as farm:
            with pytest.raises(ConfigurationError, match="tap: the farm was opened without one"):
                write_capture(farm, tmp_path / "farm.pcapng")

    imafarm.run(main)
    assert list(tmp_path.iterdir()) == []


def addresses(host_names: list[str], live: LivePlan | None = None) -> list[str]:
    packed = addresses_of(host_names, live)
    return [str(IPv4Address(packed[start : start + 4])) for start in range(0, len(packed), 4)]


def test_hosts_have_the_addresses_that_their_farm_gives_them() -> None:
    assert addresses(["A", "B"]) == ["10.0.0.1", "10.0.0.2"]
    assert addresses([f"H{number}" for number in range(300)])[255:258] == ["10.0.1.0", "10.0.1.1", "10.0.1.2"]
    assert addresses(["A", "B"], LivePlan(addresses={"B": "192.168.7.9"})) == ["10.0.0.1", "192.168.7.9"]
    assert addresses(["A", "B"], LivePlan(network="172.16.0.0/16")) == ["172.16.0.1", "172.16.0.2"]
    # A network with room for two.
    assert addresses(["A", "B", "C"], LivePlan(network="172.16.0.0/30")) == ["172.16.0.1", "172.16.0.2", "10.0.0.3"]
    with pytest.raises(ConfigurationError, match=r"live: 'A' and 'B' have the same address, 10\.0\.0\.1"):
        addresses(["A", "B"], LivePlan(addresses={"B": "10.0.0.1"}))


WRONG_CALLS = {
    "hosts without a file": (["--capture-hosts", "H1"], ["--capture-hosts: only with --capture FILE"]),
    "an unknown host": (
        ["--capture", "F", "--capture-hosts", "H1,H44"],
        ["--capture-hosts: unknown 'H44'; did you mean 'H4'?"],
    ),
    "an unknown zone": (
        ["--capture", "F", "--capture-hosts", "Y1/.."],
        ["--capture-hosts: unknown zone 'Y1'; did you mean 'Z1/..'?"],
    ),
    "no host": (["--capture", "F", "--capture-hosts", ","], ["--capture-hosts: empty; nothing would be recorded"]),
    "unknown kinds": (
        ["--capture", "F", "--capture-kinds", "ELECT,PING"],
        [
            "--capture-kinds: unknown 'ELECT'; did you mean 'ELECT_MASTER'?",
            "--capture-kinds: unknown 'PING'; did you mean 'IMA_PING'?",
        ],
    ),
    "an empty range": (["--capture", "F", "--capture-time", "5..5"], ["--capture-time: 5.0 does not lie after 5.0"]),
    "no range": (["--capture", "F", "--capture-time", "5"], ["--capture-time: '5' is no time; write it as FROM..TO"]),
    "no numbers": (["--capture", "F", "--capture-time", "a..b"], ["--capture-time: 'a..b' is no time"]),
    "a range before all": (
        ["--capture", "F", "--capture-time=-3..5"],
        ["--capture-time: -3.0 is out of range, 0 to 1e9 seconds"],
    ),
    "a directory that is not there": (
        ["--capture", "not/there"],
        ["--capture: cannot write to not/there"],
    ),
    "a directory": (["--capture", "."], ["--capture: . is a directory"]),
    "all at once": (
        ["--capture", "not/there", "--capture-hosts", "H44", "--capture-kinds", "PING"],
        ["--capture-hosts: unknown 'H44'", "--capture-kinds: unknown 'PING'", "--capture: cannot write"],
    ),
}


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_a_wrong_call_is_refused_before_anything_runs(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, said = WRONG_CALLS[call]
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "cold-boot", "--hosts", "4", *arguments])
    out, err = capsys.readouterr()
    assert (left.value.code, out) == (2, "")
    for mistake in said:
        assert mistake in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_same_name_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "farm.pcapng"
    path.write_text("what was there")
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "cold-boot", "--hosts", "4", "--capture", str(path), "--capture-kinds", "HEARTBEAT"])
    out, err = capsys.readouterr()
    assert left.value.code == 0, err
    assert "PASSED" in out
    assert err.startswith(f"imafarm: {path}: ")
    assert [kind for kind, _ in blocks(path.read_bytes())][:3] == [0x0A0D0D0A, 1, 4]
