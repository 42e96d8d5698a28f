"""The published figures of the products, beside what a farm of ours does.

```text
_figures  every figure, as it is printed and where
_report   a figure beside what was measured, and the verdict over all of them
```

The figures stand here a second time: the engine has its own, in its profiles. To compare a profile with itself would
show nothing.
"""

from imafarm.published._figures import FIGURES, Direction, Figure, Kind, Unit, figures_of
from imafarm.published._report import Report, Row, judge

__all__ = ["FIGURES", "Direction", "Figure", "Kind", "Report", "Row", "Unit", "figures_of", "judge"]
