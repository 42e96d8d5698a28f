"""The JSON schema of farm files, for editors and for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imafarm import _imafarm
from imafarm.topology._tables import SETTINGS_TITLE, FarmTable

SHIPPED = Path(__file__).with_name("farm.schema.json")
"""The schema as this version ships it; `make stubs` writes it anew."""


def farm_schema() -> dict[str, Any]:
    """The JSON schema of a farm file, from the tables that read it and the engine's settings.

    It says what a single table can say; that names agree with one another is for the reader to find out.
    """
    schema = FarmTable.model_json_schema()
    schema["$defs"][SETTINGS_TITLE] = _settings_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_as_toml_has_it(schema),
        "title": "A farm of imafarm",
    }


def schema_text() -> str:
    """The schema as it is printed and shipped."""
    return json.dumps(farm_schema(), indent=2, ensure_ascii=False) + "\n"


def _settings_schema() -> dict[str, Any]:
    """Names are the registry's, whose case does not matter; so a name in other spelling is let through here."""
    return {
        "description": "Settings under the registry's value names, each in its own unit.",
        "type": "object",
        "properties": {
            setting["name"]: {
                "description": f"{setting['meaning']} ({setting['unit']}; {setting['source']})",
                "type": "integer",
                "minimum": setting["min"],
                "maximum": setting["max"],
                "default": setting["default"],
            }
            for setting in _imafarm.settings()
        },
        "additionalProperties": {"type": "integer"},
    }


def _as_toml_has_it(part: Any) -> Any:
    """The same schema without nulls, which TOML does not have, and with one description of all tables of settings."""
    if isinstance(part, list):
        return [_as_toml_has_it(item) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("title") == SETTINGS_TITLE:
        return {"description": part["description"], "$ref": f"#/$defs/{SETTINGS_TITLE}"}
    kept = {
        key: value
        for key, value in part.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value in (None, [], {}))
    }
    if isinstance(kept.get("default"), dict):
        del kept["default"]
    match kept.get("anyOf"):
        case [given, {"type": "null"}]:
            del kept["anyOf"]
            kept = {**given, **kept}
    return {key: _as_toml_has_it(value) for key, value in kept.items()}
