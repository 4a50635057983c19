"""What task types and presets look like in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tubeq.cli.tables import Table
from tubeq.cli.words import in_short, short_json

if TYPE_CHECKING:
    from tubeq.plugins.parameters import Preset


def type_table(schemas: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a parameter of a task type, from the types' JSON schemas."""
    rows = []
    for task_type, schema in schemas.items():
        properties = schema.get("properties") or {"": {"description": "not declared by its plugin"}}
        for number, (name, each) in enumerate(properties.items()):
            required = name in schema.get("required", ())
            default = "required" if required else short_json(each.get("default", ""))
            shown_type = "" if number else task_type
            rows.append((shown_type, name, default, each.get("description")))
    columns = "type", "parameter", "default", "description"
    return Table(*columns, elastic=("description",), rows=rows)


def preset_table(presets: Mapping[str, Preset]) -> Table:
    """One row a preset."""
    rows = ((name, in_short(each.parameters), each.help) for name, each in presets.items())
    return Table("preset", "sets", "description", elastic=("description",), rows=rows)
