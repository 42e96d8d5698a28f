"""The scenarios, one file each. They know a farm, never the world its hosts live in."""

from imafarm.scenario import Scenario
from imafarm.scenarios import (
    cache_thrash,
    cold_boot,
    cycle_boot,
    day,
    master_failover,
    missed_change,
    publish_application,
    session_storm,
    store_outage,
    two_masters,
)

SCENARIOS: dict[str, Scenario] = {
    module.SCENARIO.name: module.SCENARIO
    for module in (
        master_failover,
        cold_boot,
        cache_thrash,
        two_masters,
        session_storm,
        day,
        publish_application,
        missed_change,
        store_outage,
        cycle_boot,
    )
}
"""Every scenario by name, in the order in which they are listed to people."""

__all__ = ["SCENARIOS"]
