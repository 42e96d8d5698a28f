"""What live hosts log: lines that a program can read, and not more than one a second of a kind."""

import json
import logging

import pytest
import trio
import trio.testing

from imafarm.live import LiveLog


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records if record.name == "imafarm.live"]
    caplog.clear()
    return lines


def test_a_line_is_an_event_and_its_values(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "imafarm.live")
    LiveLog().info("started", host="H1", port=2512, why=None, said='two words, "quoted"\nand a line')
    assert said(caplog) == [r'started host=H1 port=2512 said="two words, \"quoted\"\nand a line"']


def test_a_line_can_be_json(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "imafarm.live")
    LiveLog(json_lines=True).info("started", host="Hé", port=2512)
    assert [json.loads(line) for line in said(caplog)] == [{"event": "started", "host": "Hé", "port": 2512}]


def test_of_a_kind_one_line_a_second_is_said_and_the_others_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = trio.testing.MockClock()

    async def main() -> None:
        log = LiveLog()
        for number in range(5):
            log.warn("dropped", peer=number)
        log.warn("overdue", peer=9)
        assert said(caplog) == ["dropped peer=0", "overdue peer=9"]
        clock.jump(0.999)
        log.warn("dropped", peer=5)
        assert said(caplog) == []
        clock.jump(0.001)
        log.warn("dropped", peer=6)
        log.warn("dropped", peer=7)
        clock.jump(1)
        log.warn("dropped", peer=8)
        clock.jump(1)
        log.warn("dropped", peer=9)
        assert said(caplog) == ["dropped peer=6 more=5", "dropped peer=8 more=1", "dropped peer=9"]

    trio.run(main, clock=clock)
