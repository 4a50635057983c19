"""What task types and presets look like in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tubeq.cli.console import safe
from tubeq.cli.tables import Table
from tubeq.cli.words import short_json

if TYPE_CHECKING:
    from tubeq.plugins.parameters import Preset


def type_table(schemas: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a parameter of a task type, from the types' JSON schemas."""
    drawn = Table("type", "parameter", "default", "description", elastic=("description",))
    for task_type, schema in schemas.items():
        properties = schema.get("properties") or {"": {"description": "not declared by its plugin"}}
        shown = task_type
        for name, each in properties.items():
            required = name in schema.get("required", ())
            default = "required" if required else short_json(each.get("default", ""))
            facts = (shown, name, default, each.get("description", ""))
            drawn.add_row(*map(safe, facts))
            shown = ""
    return drawn


def preset_table(presets: Mapping[str, Preset]) -> Table:
    """One row a preset."""
    drawn = Table("preset", "sets", "description", elastic=("description",))
    for name, each in presets.items():
        decided = " ".join(f"{key}={short_json(value)}" for key, value in each.parameters.items())
        drawn.add_row(*map(safe, (name, decided, each.help)))
    return drawn
