"""What the log says of starts while the data store is down."""

from __future__ import annotations

import trio

from imafarm.farm import EventKind
from imafarm.live._farm import LiveFarm
from imafarm.live._log import LiveLog

OUT_OF_THE_ORDINARY = EventKind.STARTED_FROM_CACHE | EventKind.START_REFUSED


async def tell_starts(farm: LiveFarm, log: LiveLog, *, task_status: trio.TaskStatus[None]) -> None:
    """Says of each start without the data store whether it came about, until cancelled."""
    async with farm.watch(OUT_OF_THE_ORDINARY) as events:
        task_status.started()
        async for event in events:
            if event.kind is EventKind.STARTED_FROM_CACHE:
                log.info("started-from-cache", host=event.host, change=farm.change_of(event.host))
            else:
                log.warn("start-refused", host=event.host, why="the data store is down, and no cache may stand in")
