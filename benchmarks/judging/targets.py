"""Absolute limits: the reviewed file benchmarks/judging/targets.toml, and who keeps to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from benchmarks.common.exits import BadInput
from benchmarks.common.project import parse_toml, project, root
from benchmarks.measuring.counters import COUNTERS, REGISTRY
from benchmarks.records.record import QUANTILES, Measure, WorkloadRecord, higher_is_better

Limits = Mapping[str, Mapping[str, float]]
"""By workload, then by metric or counter: the most allowed, the least where higher is better."""

_LARGEST = 1e300
METRICS = (
    *(f"latency_{name}_ms" for name in QUANTILES), "latency_max_ms", "latency_mean_ms",
    "throughput_per_s", *COUNTERS,
)  # fmt: skip
"""What every workload can have a limit on, beside its own figures."""


@dataclass(frozen=True)
class Judged:
    """One limit beside what was measured; `measured` is None where it was not, or was refused."""

    name: str
    allowed: float
    measured: Measure | None

    @property
    def is_missing(self) -> bool:
        """Whether it limits what was not measured: nothing could ever break it."""
        return self.measured is None

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


def read_thresholds(
    path: Path | None = None, known: Mapping[str, Collection[str]] | None = None
) -> Limits:
    """The limits of a file.

    Args:
        path: a TOML file, a table a workload; lab.toml's `targets` if None.
        known: by workload, what can be limited; of today's workloads if None.

    Raises:
        BadInput: it is no TOML, or something in it is no workload, no metric of it, or no number
            from 0 on; the message says what. A limit under a mistyped name would limit nothing.
        OSError: it cannot be read.
        ImportError: Python 3.10, and tomli is not installed.
    """
    if path is None:
        if not project().targets:
            return {}
        path = root() / project().targets
    known = _known() if known is None else known
    try:
        tables = parse_toml(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise BadInput(f"{path.name}: {error}") from error
    tables.pop("peers", None)  # judging/peers.py reads it
    limits: dict[str, dict[str, float]] = {}
    tables.pop("gate", None)  # settings.py reads that
    for workload, table in tables.items():
        if not isinstance(table, dict):
            raise BadInput(
                f"{path.name}: {workload} = {table!r:.60} stands outside of a workload's table"
            )
        if workload not in known:
            raise BadInput(f"{path.name}: there is no workload {_close(workload, known)}")
        for name, allowed in table.items():
            where = f"{path.name}: [{workload}]"
            if name not in known[workload]:
                raise BadInput(f"{where} has no metric {_close(name, known[workload])}")
            is_number = isinstance(allowed, (int, float)) and not isinstance(allowed, bool)
            if not is_number or not 0 <= allowed <= _LARGEST:  # refuses NaN too
                raise BadInput(f"{where} {name} is not a number from 0 on: {allowed!r:.60}")
            limits.setdefault(workload, {})[name] = float(allowed)
    return limits


def _known() -> Mapping[str, Collection[str]]:
    """By workload, its metrics: of the registry, by name, since the lab is below the workloads."""
    module, _, function = REGISTRY.partition(":")
    workloads = getattr(import_module(module), function)()
    return {name: (*METRICS, *each.figures) for name, each in workloads.items()}


def _close(name: str, known: Collection[str]) -> str:
    """The name, and which ones it may stand for."""
    close = get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
    return f"{name!r}: {hint}"


def judge(record: WorkloadRecord, limits: Limits) -> list[Judged]:
    """What the limits say of one workload's record, in their order; [] where there are none."""
    counted = {name: Measure(value) for name, value in record.counters.items()}
    found = {**counted, **record.metrics}
    return [
        Judged(name, allowed, found.get(name))
        for name, allowed in limits.get(record.workload, {}).items()
    ]
