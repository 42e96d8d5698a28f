"""`imafarm schema`."""

from __future__ import annotations

from imafarm.cli._errors import PASSED


def schema() -> int:
    """Print the JSON schema of farm files."""
    from imafarm.topology.schema import schema_text

    print(schema_text(), end="")
    return PASSED
