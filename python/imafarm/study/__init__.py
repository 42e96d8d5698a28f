"""Studies: one scenario at many values of some settings, with several seeds each; and the knee of the connection cache.

from imafarm.study import study

found = study("cache", hosts=2_000)
print(found.recommendation)

docs/study.md says what is measured, how exactly, and where points may be played.
"""

from imafarm.study._knee import Knee
from imafarm.study._measures import Measure, known_measures
from imafarm.study._point import Outcome, Point, run_point
from imafarm.study._run import StudyProgress, study
from imafarm.study._study import Mean, Study, StudyRow

__all__ = [
    "Knee",
    "Mean",
    "Measure",
    "Outcome",
    "Point",
    "Study",
    "StudyProgress",
    "StudyRow",
    "known_measures",
    "run_point",
    "study",
]
