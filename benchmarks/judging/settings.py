"""The [gate] table of the targets' file: how strict the gate is."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.common.exits import BadInput
from benchmarks.common.options import did_you_mean
from benchmarks.common.project import parse_toml, project, root
from benchmarks.judging.gate import Settings

TABLE = "gate"
_SHARES = ("error", "relevance", "instructions", "resolution")


def read_settings() -> Settings:
    """The settings of the file that lab.toml names; Settings() has those that it does not name.

    Raises:
        BadInput: it cannot be read, or its table [gate] makes no sense.
    """
    if not project().targets:
        return Settings()
    path = root() / project().targets
    try:
        table = parse_toml(path.read_text("utf-8-sig")).get(TABLE, {})
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {error}") from None
    for name, value in table.items():
        where = f"{path}: [{TABLE}] {name}"
        if name not in _SHARES:
            raise BadInput(f"{where} is not a setting{did_you_mean(name, _SHARES)}")
        if not isinstance(value, (int, float)) or not 0 < value < 1:
            raise BadInput(f"{where} is not a share between 0 and 1: {value!r:.60}")
    return replace(Settings(), **table)
