"""The [gate] table of the targets' file: how strict the gate is."""

from __future__ import annotations

from benchmarks.common.exits import BadInput
from benchmarks.common.options import did_you_mean
from benchmarks.judging.gate import Settings
from benchmarks.judging.targets import read_tables

_SHARES = ("error", "relevance", "instructions", "resolution")


def read_settings() -> Settings:
    """The settings of the file that lab.toml names; others are those of Settings().

    Raises:
        BadInput: it cannot be read, or its table [gate] makes no sense.
    """
    file, tables = read_tables()
    table = tables.get("gate", {})
    for name, value in table.items():
        where = f"{file}: [gate] {name}"
        if name not in _SHARES:
            raise BadInput(f"{where} is not a setting{did_you_mean(name, _SHARES)}")
        if not isinstance(value, (int, float)) or not 0 < value < 1:
            raise BadInput(f"{where} is not a share between 0 and 1: {value!r:.60}")
    return Settings(**table)
