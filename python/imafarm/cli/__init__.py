"""The command line: `imafarm list`, `run SCENARIO`, `schema`, `store ...`, and the product's tools.

Exit codes: 0 the scenario's checks passed, 1 a check failed, 2 the call or a file was wrong, 130 interrupted.
"""

from imafarm.cli._main import main

__all__ = ["main"]
