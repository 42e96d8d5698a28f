"""The data store: a farm's configuration in a real database, SQLite or PostgreSQL.

from imafarm.store import DataStore

with DataStore.open("farm.db") as store:
    store.change(Publish("Notepad", ["H1", "H2"]))
    topology = store.topology()

Importing this imports SQLAlchemy, which `import imafarm` does not.
"""

from imafarm.store._aio import AsyncDataStore, open_data_store
from imafarm.store._live import LiveDataStore, open_for_a_live_farm
from imafarm.store._log import StoreLog, open_for_a_farm
from imafarm.store._schema import SCHEMA_VERSION, TABLE_NAMES
from imafarm.store._store import DataStore, FarmSummary
from imafarm.store._tree import StoreChange, StoreObject

__all__ = [
    "SCHEMA_VERSION",
    "TABLE_NAMES",
    "AsyncDataStore",
    "DataStore",
    "FarmSummary",
    "LiveDataStore",
    "StoreChange",
    "StoreLog",
    "StoreObject",
    "open_data_store",
    "open_for_a_farm",
    "open_for_a_live_farm",
]
