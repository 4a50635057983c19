"""Every limit: the reviewed file benchmarks/judging/targets.toml, its one reader and its judgement.

A table a workload, a line a limit: `metric = [most, "why"]`; the least, where higher is better.
`reference_p50`, `reference_p95` and `reference_throughput` are multiples of what the bare reference
takes, 2 is twice as slow; only `run --targets` measures those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

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
"""What every workload can have a limit on, besides its own figures."""
REFERENCE: Mapping[str, str] = {
    "reference_p50": "latency_p50_ms",
    "reference_p95": "latency_p95_ms",
    "reference_throughput": "throughput_per_s",
}
"""By name of a ratio to the bare reference: the metric that it is of."""
_OTHER_TABLES = ("gate", "peers")
"""Read by settings.py, and by those who compare with other queues."""


@dataclass(frozen=True)
class Judged:
    """One limit and what was measured; `measured` is None where it was not, or was refused."""

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

    @property
    def word(self) -> str:
        """One word: undecided where the limit lies inside of the interval."""
        if self.measured is None:
            return "not measured"
        if self.is_broken:
            return "not met"
        value, low, high = self.measured.value, self.measured.low, self.measured.high
        if higher_is_better(self.name):
            is_met = (value if low is None else low) >= self.allowed
        else:
            is_met = (value if high is None else high) <= self.allowed
        return "met" if is_met else "undecided"

    def __str__(self) -> str:
        found = "not measured" if self.measured is None else f"{self.measured.value:.4g}"
        sign = ">=" if higher_is_better(self.name) else "<="
        return f"{self.name} {found}, limit {sign} {self.allowed:g}"


def read_thresholds(
    path: Path | None = None, known: Mapping[str, Collection[str]] | None = None
) -> Limits:
    """The limits of a file.

    Args:
        path: a TOML file, see above; lab.toml's `targets` if None.
        known: by workload, what can be limited; of today's workloads if None.

    Raises:
        BadInput: it is no TOML, or something in it is no workload, no metric of it, or no number
            from 0 on; the message says what. A limit under a mistyped name would limit nothing.
        OSError: it cannot be read.
        InfrastructureError: Python 3.10, and tomli is not installed.
    """
    return {
        workload: {name: allowed for name, (allowed, _) in limits.items()}
        for workload, limits in read_targets(path, known).items()
    }


def read_targets(
    path: Path | None = None, known: Mapping[str, Collection[str]] | None = None
) -> dict[str, dict[str, tuple[float, str]]]:
    """The limits of a file, each with its reason: arguments and errors as of `read_thresholds`."""
    if path is None:
        if not project().targets:
            return {}
        path = root() / project().targets
    known = _known() if known is None else known
    try:
        tables = parse_toml(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise BadInput(f"{path.name}: {error}") from error
    found: dict[str, dict[str, tuple[float, str]]] = {}
    for workload, table in tables.items():
        if workload in _OTHER_TABLES:
            continue
        if not isinstance(table, dict):
            raise BadInput(
                f"{path.name}: {workload} = {table!r:.60} stands outside of a workload's table"
            )
        if workload not in known:
            raise BadInput(f"{path.name}: there is no workload {_close(workload, known)}")
        where = f"{path.name}: [{workload}]"
        for name, value in table.items():
            if name not in known[workload]:
                raise BadInput(f"{where} has no metric {_close(name, known[workload])}")
            found.setdefault(workload, {})[name] = limit_of(f"{where} {name}", value)
    return found


def limit_of(where: str, value: Any) -> tuple[float, str]:
    """A number, or [a number, "why"].

    Raises:
        BadInput: it is neither.
    """
    allowed, why = value if isinstance(value, list) and len(value) == 2 else (value, "")
    is_number = isinstance(allowed, (int, float)) and not isinstance(allowed, bool)
    if not is_number or not 0 <= allowed <= _LARGEST or not isinstance(why, str):  # NaN too
        raise BadInput(f'{where} is not a number from 0 on, or [number, "why"]: {value!r:.60}')
    return float(allowed), why


def _known() -> Mapping[str, Collection[str]]:
    """By workload, its metrics: of the registry, by name, since the lab is below the workloads."""
    module, _, function = REGISTRY.partition(":")
    workloads = getattr(import_module(module), function)()
    return {
        name: (*METRICS, *(REFERENCE if each.has_reference else ()), *each.figures)
        for name, each in workloads.items()
    }


def _close(name: str, known: Collection[str]) -> str:
    """The name, and which ones it may stand for."""
    close = get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
    return f"{name!r}: {hint}"


def judge(
    record: WorkloadRecord, limits: Limits, ratios: Mapping[str, Measure] | None = None
) -> list[Judged]:
    """What the limits say of one workload's record, in their order; [] where there are none.

    Args:
        ratios: to the reference, by name; None where they were not measured, and are not judged.
    """
    counted = {name: Measure(value) for name, value in record.counters.items()}
    found = {**counted, **record.metrics, **(ratios or {})}
    return [
        Judged(name, allowed, found.get(name))
        for name, allowed in limits.get(record.workload, {}).items()
        if ratios is not None or name not in REFERENCE
    ]
