"""`tubeq types`: what tasks there can be, and what each may be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tubeq.cli import render
from tubeq.cli.console import output, safe_text, say_error, write_json
from tubeq.cli.options import JsonOption
from tubeq.domain.errors import PluginNotFound
from tubeq.plugins.registry import get_preset, parameters_of, plugin_types, preset_names

if TYPE_CHECKING:
    from rich.table import Table

    from tubeq.plugins.parameters import Preset


def types(as_json: JsonOption = False) -> None:
    """List task types, their parameters, and their presets."""
    schemas: dict[str, dict[str, Any]] = {}
    presets: dict[str, Preset] = {}
    broken: list[PluginNotFound] = []
    for task_type in plugin_types():
        try:
            declared = parameters_of(task_type)
            schemas[task_type] = {} if declared is None else declared.json_schema()
        except PluginNotFound as error:
            broken.append(error)
    for name in preset_names():
        try:
            presets[name] = get_preset(name)
        except PluginNotFound as error:
            broken.append(error)
    if as_json:
        told = {
            name: {"task_type": each.task_type, "help": each.help, "parameters": each.parameters}
            for name, each in presets.items()
        }
        write_json({"types": schemas, "presets": told})
    else:
        output().print(_type_table(schemas))
        output().print(_preset_table(presets))
    for failure in broken:
        say_error(str(failure))


def _type_table(schemas: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a parameter of a task type, from the types' JSON schemas."""
    drawn = render.table("type", "parameter", "default", "what it is", elastic=("what it is",))
    for task_type, schema in schemas.items():
        properties = schema.get("properties") or {"": {"description": "its plugin does not say"}}
        shown = task_type
        for name, each in properties.items():
            required = name in schema.get("required", ())
            default = "required" if required else render.short_json(each.get("default", ""))
            facts = (shown, name, default, each.get("description", ""))
            drawn.add_row(*map(safe_text, facts))
            shown = ""
    return drawn


def _preset_table(presets: Mapping[str, Preset]) -> Table:
    """One row a preset."""
    drawn = render.table("preset", "decides", "what it is", elastic=("what it is",))
    for name, each in presets.items():
        decided = " ".join(
            f"{key}={render.short_json(value)}" for key, value in each.parameters.items()
        )
        drawn.add_row(*map(safe_text, (name, decided, each.help)))
    return drawn
