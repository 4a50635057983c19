"""The [gate] table of targets.toml: how strict the gate is, and what it measures by default."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput, InfrastructureError
from benchmarks.common.options import did_you_mean
from benchmarks.judging.gate import Settings

FILE = Path(__file__).with_name("targets.toml")
TABLE = "gate"
_SHARES = ("error", "relevance", "instructions", "resolution")


def read_settings(path: Path = FILE) -> Settings:
    """The settings of the file; Settings() has those that it does not name.

    Raises:
        BadInput: it is no TOML, or its table [gate] makes no sense.
        InfrastructureError: it cannot be read.
    """
    try:
        try:
            toml = import_module("tomllib")
        except ImportError:
            toml = import_module("tomli")
        table = toml.loads(path.read_text("utf-8-sig")).get(TABLE, {})
    except (OSError, ImportError) as error:
        raise InfrastructureError(f"{path.name} cannot be read: {error}") from error
    except ValueError as error:
        raise BadInput(f"{path.name}: {error}") from error
    known = {each.name for each in fields(Settings)} & {*_SHARES, "batches", "timed"}
    for name, value in table.items():
        where = f"{path.name}: [{TABLE}] {name}"
        if name not in known:
            raise BadInput(f"{where} is no setting{did_you_mean(name, known)}")
        if name == "timed":
            is_sound = isinstance(value, list) and all(isinstance(each, str) for each in value)
        elif name == "batches":
            is_sound = type(value) is int and 1 <= value <= 1000
        else:
            is_sound = isinstance(value, (int, float)) and 0 < value < 1
        if not is_sound:
            raise BadInput(f"{where} makes no sense: {value!r:.60}")
    given: dict[str, Any] = {**table, "timed": tuple(table.get("timed", ()))}
    return replace(Settings(), **given)
