"""A population of servers that behave towards one data collector as those of a large zone do, and what it comes to.

It is told in verbs and figures of `imafarm.farm.Farm`, so the same population is on real sockets towards a real
collector, and in farm time towards an emulated one: what the second counts is what the first should.
"""

from imafarm.load._figures import UPDATES, CollectorFigures, Costs, LoadFigures, Prediction
from imafarm.load._plan import LoadPlan, load_farm_file, load_topology, members_of
from imafarm.load._population import Phase, Population

__all__ = [
    "UPDATES",
    "CollectorFigures",
    "Costs",
    "LoadFigures",
    "LoadPlan",
    "Phase",
    "Population",
    "Prediction",
    "load_farm_file",
    "load_topology",
    "members_of",
]
