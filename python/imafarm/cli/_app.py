"""All commands under one name."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App

from imafarm.cli._compare import compare
from imafarm.cli._live import live
from imafarm.cli._load import load
from imafarm.cli._report import report
from imafarm.cli._run import list_scenarios, run
from imafarm.cli._schema import schema
from imafarm.cli._store import store
from imafarm.cli._study import study
from imafarm.cli._tools import qfarm, querydc, queryds, queryhr
from imafarm.cli._watch import watch

app = App(
    name="imafarm",
    help="Emulates very large server farms under one control plane, the Independent Management Architecture.",
    version=lambda: version("imafarm"),
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
app.command(list_scenarios, name="list")
app.command(run)
app.command(study)
app.command(watch)
app.command(report)
app.command(compare)
app.command(queryhr)
app.command(querydc)
app.command(queryds)
app.command(qfarm)
app.command(schema)
app.command(store)
app.command(live)
app.command(load)
