"""A run as a picture that one can walk about in: a trace for Perfetto (https://ui.perfetto.dev).

A track for the farm, below it one for each zone with its elections, and below that one for each host: when it was up,
when it stood in an election, whose member it was. Where single hosts were tapped, each of their bindings too, and the
messages of elections, with an arrow from question to answer.
"""

from imafarm.report.timeline._file import check_timeline, write_trace
from imafarm.report.timeline._picture import MOST_TAPPED, hosts_to_tap, timeline_of, write_timeline
from imafarm.report.timeline._trace import Trace
from imafarm.report.timeline._wire import SHOWN

__all__ = [
    "MOST_TAPPED",
    "SHOWN",
    "Trace",
    "check_timeline",
    "hosts_to_tap",
    "timeline_of",
    "write_timeline",
    "write_trace",
]
