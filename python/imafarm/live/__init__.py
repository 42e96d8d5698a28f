"""The same hosts on real sockets.

async with imafarm.open_live_farm(hosts=20) as farm:
    old = await farm.wait_master("Z1")
    await farm.crash(old)
    print(await farm.wait_master("Z1", other_than=old))

It is plain Trio, under `trio.run`: seconds are real ones.
"""

from imafarm.live._admin import open_admin_ports
from imafarm.live._farm import LiveFarm
from imafarm.live._limits import LiveLimits
from imafarm.live._log import LiveLog
from imafarm.live._metrics import exposition, parse_metrics_address, serve_metrics
from imafarm.live._open import BOOT_SECONDS, open_live_farm

__all__ = [
    "BOOT_SECONDS",
    "LiveFarm",
    "LiveLimits",
    "LiveLog",
    "exposition",
    "open_admin_ports",
    "open_live_farm",
    "parse_metrics_address",
    "serve_metrics",
]
