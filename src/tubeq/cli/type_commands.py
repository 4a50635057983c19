"""`tubeq types`: what tasks there can be, and what each may be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tubeq.cli import render
from tubeq.cli.console import output, say_error, write_json
from tubeq.cli.options import JsonOption
from tubeq.domain.errors import PluginNotFound
from tubeq.plugins.registry import get_preset, parameters_of, plugin_types, preset_names

if TYPE_CHECKING:
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
        output().print(render.type_table(schemas))
        output().print(render.preset_table(presets))
    for failure in broken:
        say_error(str(failure))
