"""The scenarios, one file each. They know a farm, never the world its hosts live in."""

from imafarm.scenario import Scenario
from imafarm.scenarios import cache_thrash, cold_boot, day, master_failover, session_storm, two_masters

SCENARIOS: dict[str, Scenario] = {
    module.SCENARIO.name: module.SCENARIO
    for module in (master_failover, cold_boot, cache_thrash, two_masters, session_storm, day)
}
"""Every scenario by name, in the order in which they are listed to people."""

__all__ = ["SCENARIOS"]
