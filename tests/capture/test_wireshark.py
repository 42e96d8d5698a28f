"""What tshark makes of captures: kinds, counts and lengths as in the ledger, every field, and nothing amiss."""

from collections import Counter
from typing import Any

import msgpack
import pytest
from tests.capture.conftest import Play, Played, Tshark

from imafarm import Framer

COMPLAINTS = " || ".join(
    [
        "tcp.analysis.flags",
        "_ws.malformed",
        "_ws.lua.error",
        "ima.magic.bad",
        "ima.version.bad",
        "ima.kind.unknown",
        "ima.seal.bad",
        "ima.length.bad",
        "ima.checksum.bad",
        "ima.body.bad",
    ]
)
"""Whatever TCP's analysis and the dissector could find wrong."""
CHECKED = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")

FARMS = {
    "failover": ("master-failover", "--hosts", "24", "--seed", "7"),
    "failover of a farm that begins bound": ("master-failover", "--hosts", "24", "--seed", "7", "--bound"),
    "publish": ("publish-application", "--hosts", "12", "--zones", "2", "--seed", "7"),
    "sessions": ("session-storm", "--hosts", "8", "--seed", "7"),
    "two collectors": ("two-masters", "--hosts", "10", "--seed", "7"),
    "small caches": ("cache-thrash", "--hosts", "12", "--seed", "7"),
}

KINDS = Framer.kinds()
NAMES = {number: kind for kind, (number, _) in KINDS.items()}
EVENTS = ("present", "present and disconnected", "connect", "disconnect", "reconnect", "logoff")
TABLES = ("Conn_Sessions", "Server_State", "Server_Load")


def told(message: tuple[Any, ...]) -> str:
    """A message as the dissector's info column tells it."""
    kind, *values = message
    words = [kind]
    for name, value in zip(KINDS[kind][1], values, strict=True):
        if name == "filler":
            continue
        if name == "event":
            said = EVENTS[value]
        elif name == "table":
            said = TABLES[value]
        elif isinstance(value, bool):
            said = "yes" if value else "no"
        else:
            said = "nothing" if value is None else str(value)
        words.append(f"{name}={said}")
    return " ".join(words)


def counted(tshark: Tshark, played: Played) -> dict[str, tuple[int, int]]:
    """Of each kind: how many messages the dissector finds, and how long they are together."""
    count, length = Counter[str](), Counter[str]()
    for kind, bytes_ in tshark.rows(played.path, ["ima.kind", "ima.length"], "-Y", "ima"):
        count[NAMES[int(kind)]] += 1
        length[NAMES[int(kind)]] += int(bytes_)
    return {kind: (count[kind], length[kind]) for kind in count}


@pytest.mark.parametrize("farm", FARMS)
def test_kinds_counts_and_lengths_are_the_ledgers(farm: str, play: Play, tshark: Tshark) -> None:
    played = play(*FARMS[farm])
    assert played.sent
    assert counted(tshark, played) == played.sent


@pytest.mark.parametrize("farm", FARMS)
def test_there_is_nothing_to_complain_of(farm: str, play: Play, tshark: Tshark) -> None:
    played = play(*FARMS[farm])
    assert tshark.frames(played.path, COMPLAINTS, *CHECKED) == []
    checksums = tshark.rows(played.path, ["ip.checksum.status", "tcp.checksum.status"], *CHECKED)
    assert checksums and set(map(tuple, checksums)) == {("1", "1")}, "every checksum is good"
    ports = {tuple(row) for row in tshark.rows(played.path, ["tcp.dstport", "tcp.srcport"])}
    assert all("2512" in pair for pair in ports)


@pytest.mark.parametrize("farm", FARMS)
def test_every_byte_says_what_the_dissector_says(farm: str, play: Play, tshark: Tshark) -> None:
    """Each message is decoded three times: by the dissector, by imafarm's framer, and its body by msgpack."""
    played = play(*FARMS[farm])
    names = ["_ws.col.Info", "tcp.payload", "tcp.reassembled.data", "ima.body", "ima.kind", "ima.checksum"]
    framer = Framer()
    for info, payload, reassembled, body, kind, _ in tshark.rows(played.path, names, "-Y", "ima"):
        frame = bytes.fromhex(reassembled or payload)
        [message] = framer.feed(frame)
        assert info == told(message)
        assert frame[16:] == bytes.fromhex(body)
        assert tuple(msgpack.unpackb(bytes.fromhex(body))) == message[1:]
        assert NAMES[int(kind)] == message[0]


def test_long_messages_go_in_several_segments(play: Play, tshark: Tshark) -> None:
    played = play(*FARMS["failover"])
    lengths = [int(length) for (length,) in tshark.rows(played.path, ["tcp.len"]) if length]
    assert max(lengths) == 1460
    assert max(int(length) for (length,) in tshark.rows(played.path, ["ima.length"], "-Y", "ima")) > 3 * 1460


def test_connections_begin_and_end_as_in_the_table(play: Play, tshark: Tshark) -> None:
    played = play(*FARMS["failover"])
    calls = len(tshark.frames(played.path, "tcp.flags.syn == 1 && tcp.flags.ack == 0"))
    taken = len(tshark.frames(played.path, "tcp.flags.syn == 1 && tcp.flags.ack == 1"))
    streams = {stream for (stream,) in tshark.rows(played.path, ["tcp.stream"])}
    assert calls == len(streams) > taken > 24
    # Acceptors speak first.
    first = tshark.rows(played.path, ["tcp.stream", "ima.kind", "tcp.srcport"], "-Y", "ima")
    spoken: dict[str, tuple[str, str]] = {}
    for stream, kind, port in first:
        spoken.setdefault(stream, (kind, port))
    assert set(spoken.values()) == {("1", "2512")}


def test_hosts_have_names_and_the_file_says_what_it_is_of(play: Play, tshark: Tshark) -> None:
    played = play(*FARMS["failover"])
    hosts = {host for (host,) in tshark.rows(played.path, ["ip.src_host"], "-N", "n")}
    assert hosts == {f"H{number}" for number in range(1, 25)}
    content = played.path.read_bytes()
    for said in (b"scenario master-failover", b"seed 7", b"24 hosts, 1 zones, product PS45"):
        assert said in content
    times = [float(time) for (time,) in tshark.rows(played.path, ["frame.time_epoch"])]
    assert times == sorted(times)
    assert times[-1] <= played.verdict["virtual_seconds"]


@pytest.mark.parametrize("options", [("--threads", "1"), ("--threads", "2"), ("--exact-queue",)])
def test_equal_runs_make_equal_files(options: tuple[str, ...], play: Play) -> None:
    first = play(*FARMS["failover"])
    second = play(*FARMS["failover"], *options)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert "packets in" in first.said


def test_capturing_changes_nothing(play: Play) -> None:
    captured = play(*FARMS["failover"]).verdict
    some = play(*FARMS["failover"], "--capture-hosts", "H3").verdict
    assert captured["digest"] == some["digest"]
    assert captured["messages"] == some["messages"]


def test_a_capture_of_one_host_is_what_comes_and_goes_there(play: Play, tshark: Tshark) -> None:
    whole = play(*FARMS["failover"])
    part = play(*FARMS["failover"], "--capture-hosts", "H5")
    names = ["frame.time_epoch", "ip.src", "ip.dst", "_ws.col.Info"]
    sent = ("-Y", "ima && ip.src == 10.0.0.5")
    assert tshark.rows(part.path, names, *sent) == tshark.rows(whole.path, names, *sent)
    came = ("-Y", "ima && ip.dst == 10.0.0.5")
    there = {tuple(row[1:]) for row in tshark.rows(whole.path, names, *came)}
    here = tshark.rows(part.path, names, *came)
    assert here and {tuple(row[1:]) for row in here} <= there
    assert tshark.frames(part.path, "ip.addr != 10.0.0.5 && !(ip.addr == 10.0.0.5)") == []
    assert tshark.frames(part.path, COMPLAINTS) == []


def test_a_capture_of_a_zone_of_some_kinds_of_some_time(play: Play, tshark: Tshark) -> None:
    """Numbers count what is in the file, so what is left out is not missed; silent connections are not there."""
    farm = ("master-failover", "--hosts", "20", "--zones", "2", "--seed", "7")
    whole = play(*farm)
    asked = tshark.rows(whole.path, ["frame.time_epoch"], "-Y", "ima.kind == 16")
    since = asked[len(asked) // 3][0]
    chosen = ("--capture-hosts", "Z1/..", "--capture-kinds", "ELECT_MASTER,ELECT_MASTER_ACK")
    part = play(*farm, *chosen, "--capture-time", f"{since}..")
    names = ["frame.time_epoch", "ip.src", "ip.dst", "_ws.col.Info"]
    zone = " || ".join(f"ip.src == 10.0.0.{number}" for number in range(1, 11))
    wanted = f"(ima.kind == 16 || ima.kind == 17) && ({zone})"
    expected = [row for row in tshark.rows(whole.path, names, "-Y", wanted) if float(row[0]) >= float(since)]
    assert expected
    assert tshark.rows(part.path, names, "-Y", "ima") == expected
    assert tshark.frames(part.path, COMPLAINTS) == []
    streams = {stream for (stream,) in tshark.rows(part.path, ["tcp.stream"])}
    assert streams == {stream for (stream,) in tshark.rows(part.path, ["tcp.stream"], "-Y", "ima")}


def test_a_capture_that_begins_in_the_middle(play: Play, tshark: Tshark) -> None:
    """Of connections that stood before, it is known who had called."""
    played = play(*FARMS["failover"], "--capture-time", "100..")
    before = {stream for (stream,) in tshark.rows(played.path, ["tcp.stream"])} - {
        stream for (stream,) in tshark.rows(played.path, ["tcp.stream"], "-Y", "tcp.flags.syn == 1")
    }
    assert before
    assert tshark.frames(played.path, COMPLAINTS) == []
    heartbeats = tshark.rows(played.path, ["tcp.dstport", "tcp.srcport"], "-Y", "ima.kind == 32")
    assert any(row[0] == "2512" for row in heartbeats)
