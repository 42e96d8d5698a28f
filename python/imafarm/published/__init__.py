"""The published figures of the products, beside what a farm of ours does.

```text
_measure    all figures of a product, one operation after the other
_operations, _configuration    each operation, carried out, and what it took
_bench      small farms in which nothing else moves, and what their ledgers say
_report     a figure beside what was measured, and the verdict over all of them
_figures    every figure, as it is printed and where
```

The figures stand here a second time: the engine has its own, in its profiles. To compare a profile with itself would
show nothing.
"""

from imafarm.published._figures import FIGURES, Direction, Figure, Kind, Unit, figures_of
from imafarm.published._measure import compare_with
from imafarm.published._report import Report, Row, judge

__all__ = ["FIGURES", "Direction", "Figure", "Kind", "Report", "Row", "Unit", "compare_with", "figures_of", "judge"]
