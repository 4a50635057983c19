"""Absolute limits: the reviewed file benchmarks/thresholds.toml, and who keeps to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from benchmarks.lab.record import Measure, ScenarioRecord, higher_is_better

THRESHOLDS = Path(__file__).parents[1] / "thresholds.toml"

Limits = Mapping[str, Mapping[str, float]]
"""By scenario, then by metric or counter: the most allowed, the least where higher is better."""


@dataclass(frozen=True)
class Judged:
    """One limit beside what was measured; `measured` is None where it was not, or was refused."""

    name: str
    allowed: float
    measured: Measure | None

    @property
    def is_broken(self) -> bool:
        """Whether even the better end of the interval is beyond the limit."""
        if self.measured is None:
            return False
        value, low, high = self.measured.value, self.measured.low, self.measured.high
        if higher_is_better(self.name):
            return (value if high is None else high) < self.allowed
        return (value if low is None else low) > self.allowed

    def __str__(self) -> str:
        found = "not measured" if self.measured is None else f"{self.measured.value:.4g}"
        sign = ">=" if higher_is_better(self.name) else "<="
        return f"{self.name} {found}, limit {sign} {self.allowed:g}"


def read_thresholds(path: Path = THRESHOLDS) -> Limits:
    """The limits of a file.

    Raises:
        ValueError: it is no TOML, or something in it is no number; the message says what.
        ImportError: Python 3.10, and tomli is not installed.
    """
    try:
        toml = import_module("tomllib")
    except ImportError:
        toml = import_module("tomli")
    try:
        tables = toml.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    limits: dict[str, dict[str, float]] = {}
    for scenario, table in tables.items():
        for name, allowed in (table if isinstance(table, dict) else {"": None}).items():
            if isinstance(allowed, bool) or not isinstance(allowed, (int, float)):
                raise ValueError(f"{path.name}: {scenario}.{name} is no number: {allowed!r:.60}")
            limits.setdefault(scenario, {})[name] = float(allowed)
    return limits


def judge(record: ScenarioRecord, limits: Limits) -> list[Judged]:
    """What the limits say of one scenario's record, in their order; [] where there are none."""
    counted = {name: Measure(value) for name, value in record.counters.items()}
    found = {**counted, **record.metrics}
    return [
        Judged(name, allowed, found.get(name))
        for name, allowed in limits.get(record.scenario, {}).items()
    ]
