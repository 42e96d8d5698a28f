"""imafarm emulates very large server farms under one control plane, the Independent Management Architecture.

import imafarm

async def main() -> None:
    async with imafarm.open_emulated_farm(hosts=300, seed=7) as farm:
        old = await farm.wait_master("Z1")
        await farm.crash(old)
        print(await farm.wait_master("Z1", other_than=old))

imafarm.run(main)
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path

try:
    import imafarm._imafarm  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"imafarm's compiled library cannot be loaded ({error}). It is built when the package is installed: "
        "run `make` in a checkout, or `pip install .`, with the Python that you use now"
    ) from error

from imafarm._imafarm import (
    ConnectionCache,
    FrameError,
    Framer,
    HostRecord,
    HostResolver,
    Rank,
    SealedFramer,
    rank_hosts,
)
from imafarm.configuration import OpenedLiveStore, OpenedStore, set_live_store_opener, set_store_opener
from imafarm.emulated import EmulatedFarm, Progress, Tap, open_emulated_farm, run
from imafarm.errors import ConfigurationError, FarmDeadlock, ImafarmError, StoreError, StudyStopped
from imafarm.farm import (
    Assignment,
    Bindings,
    Cut,
    Election,
    EventKind,
    Farm,
    FarmEvent,
    FarmStatistics,
    HostState,
    Recording,
    ServerRow,
    Session,
    SessionRow,
    Traffic,
    Users,
    Work,
)
from imafarm.live import LiveFarm, open_live_farm
from imafarm.tables import Table
from imafarm.topology import (
    Link,
    LivePlan,
    Product,
    Shape,
    StorePlan,
    Topology,
    Workload,
    read_registry_settings,
    read_topology,
)


def _open_store(url: str) -> AbstractContextManager[OpenedStore]:
    """Opens a data store. SQLAlchemy takes its time, so it is imported when the first one is opened."""
    from imafarm.store import open_for_a_farm

    return open_for_a_farm(url)


def _open_live_store(url: str, caches: Mapping[str, Path]) -> OpenedLiveStore:
    """Opens a data store that is asked while its farm runs."""
    from imafarm.store import open_for_a_live_farm

    return open_for_a_live_farm(url, caches)


set_store_opener(_open_store)
set_live_store_opener(_open_live_store)

__version__ = version("imafarm")

__all__ = [
    "Assignment",
    "Bindings",
    "ConfigurationError",
    "ConnectionCache",
    "Cut",
    "Election",
    "EmulatedFarm",
    "EventKind",
    "Farm",
    "FarmDeadlock",
    "FarmEvent",
    "FarmStatistics",
    "FrameError",
    "Framer",
    "HostRecord",
    "HostResolver",
    "HostState",
    "ImafarmError",
    "Link",
    "LiveFarm",
    "LivePlan",
    "Product",
    "Progress",
    "Rank",
    "Recording",
    "SealedFramer",
    "ServerRow",
    "Session",
    "SessionRow",
    "Shape",
    "StoreError",
    "StorePlan",
    "StudyStopped",
    "Table",
    "Tap",
    "Topology",
    "Traffic",
    "Users",
    "Work",
    "Workload",
    "open_emulated_farm",
    "open_live_farm",
    "rank_hosts",
    "read_registry_settings",
    "read_topology",
    "run",
]
