"""The command line: `imafarm list`, `run SCENARIO`, `watch SCENARIO`, `compare published`, `schema`, `store ...`,
`live ...`, and the product's tools.

Exit codes: 0 the scenario's checks passed, 1 a check failed or a figure is off, 2 the call or a file was wrong, 130
interrupted.
"""

from imafarm.cli._main import main

__all__ = ["main"]
