"""All limits: the only reader of the reviewed file benchmarks/judging/targets.toml, and the
judgement.

A table a workload, a line a limit: `metric = [most, "why"]`; the least, where higher is better.
`reference_p50`, `reference_p95` and `reference_throughput` are multiples of the bare reference's,
so 2 is twice as slow; only `run --targets` measures those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput
from benchmarks.common.options import did_you_mean
from benchmarks.common.project import parse_toml, project, root
from benchmarks.judging.gate import Settings
from benchmarks.measuring.counters import COUNTERS, REGISTRY
from benchmarks.records.record import QUANTILES, Measure, WorkloadRecord, higher_is_better

Limits = Mapping[str, Mapping[str, float]]
"""By workload, then by metric or counter: the most allowed, the least where higher is better."""
_METRICS = (
    *(f"latency_{name}_ms" for name in QUANTILES), "latency_max_ms", "latency_mean_ms",
    "throughput_per_s", *COUNTERS,
)  # fmt: skip
"""What can be limited for every workload, apart from its own figures."""
REFERENCE: Mapping[str, str] = {
    "reference_p50": "latency_p50_ms",
    "reference_p95": "latency_p95_ms",
    "reference_throughput": "throughput_per_s",
}
"""By the name of a ratio to the bare reference: its metric."""
_TIMES = ("_s", "_ms", "_us", "_ns")
"""How the names of absolute times, and of what is done a second, end."""
_OTHER_TABLES = ("gate", "peers")
"""[gate] says how strict the gate is, [peers] is read by peers.py."""
_SHARES = ("error", "relevance", "instructions", "resolution")


@dataclass(frozen=True)
class Judged:
    """One limit and what was measured; `measured` is None where it was not, or was refused."""

    name: str
    allowed: float
    measured: Measure | None

    @property
    def is_missing(self) -> bool:
        """Whether the limited figure was not measured: then it could never be broken."""
        return self.measured is None

    @property
    def is_broken(self) -> bool:
        """Whether even the better end of the interval is beyond the limit."""
        return self.word == "not met"

    @property
    def word(self) -> str:
        """Not measured, met, not met; undecided where the limit is inside the interval."""
        if self.measured is None:
            return "not measured"
        ends = (self.measured.low, self.measured.high)
        sign = -1 if higher_is_better(self.name) else 1
        met = {
            sign * (self.measured.value if end is None else end) <= sign * self.allowed
            for end in ends
        }
        return "undecided" if len(met) > 1 else "met" if met.pop() else "not met"

    def __str__(self) -> str:
        found = "not measured" if self.measured is None else f"{self.measured.value:.4g}"
        sign = ">=" if higher_is_better(self.name) else "<="
        return f"{self.name} {found}, limit {sign} {self.allowed:g}"


def read_tables(path: Path | None = None) -> tuple[str, dict[str, Any]]:
    """The name and the tables of a file, of lab.toml's `targets` if None; none where that is "".

    Raises:
        BadInput: it cannot be read, or is not TOML.
        InfrastructureError: Python 3.10, and tomli is not installed.
    """
    if path is None and not project().targets:
        return "", {}
    path = path or root() / project().targets
    try:
        return path.name, parse_toml(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path.name}: {error}") from None


def read_thresholds(path: Path | None = None) -> Limits:
    """The limits of a file, as `read_targets`, without their reasons."""
    return {
        workload: {name: allowed for name, (allowed, _) in limits.items()}
        for workload, limits in read_targets(path).items()
    }


def without_times(limits: Limits) -> Limits:
    """Those that do not depend on how fast the machine is: counts, sizes, ratios."""
    return {
        workload: {name: most for name, most in own.items() if not name.endswith(_TIMES)}
        for workload, own in limits.items()
    }


def read_targets(path: Path | None = None) -> dict[str, dict[str, tuple[float, str]]]:
    """The limits of a file, each with its reason, by workload and metric.

    Args:
        path: a TOML file, see above; lab.toml's `targets` if None.

    Raises:
        BadInput: as in `read_tables`, or it has an unknown workload or metric, or a limit that is
            not a number from 0 up. A limit under a misspelt name would have no effect.
    """
    file, tables = read_tables(path)
    # By name, since judging does not import workloads.
    module, _, function = REGISTRY.partition(":")
    workloads = getattr(import_module(module), function)()
    found: dict[str, dict[str, tuple[float, str]]] = {}
    for name, table in tables.items():
        if name in _OTHER_TABLES:
            continue
        if not isinstance(table, dict):
            raise BadInput(f"{file}: {name} = {table!r:.60} stands outside of a workload's table")
        if name not in workloads:
            raise BadInput(f"{file}: there is no workload {name!r}{did_you_mean(name, workloads)}")
        own = workloads[name]
        known = {*_METRICS, *(REFERENCE if own.has_reference else ()), *own.figures}
        for metric, value in table.items():
            where = f"{file}: [{name}]"
            if metric not in known:
                raise BadInput(f"{where} has no metric {metric!r}{did_you_mean(metric, known)}")
            found.setdefault(name, {})[metric] = limit_of(f"{where} {metric}", value)
    return found


def read_settings() -> Settings:
    """The settings in the table [gate] of the file that lab.toml names, else those of Settings();
    BadInput where it cannot be read, or makes no sense."""
    file, tables = read_tables()
    table = tables.get("gate", {})
    for name, value in table.items():
        where = f"{file}: [gate] {name}"
        if name not in _SHARES:
            raise BadInput(f"{where} is not a setting{did_you_mean(name, _SHARES)}")
        if not isinstance(value, (int, float)) or not 0 < value < 1:
            raise BadInput(f"{where} is not a share between 0 and 1: {value!r:.60}")
    return Settings(**table)


def limit_of(where: str, value: Any) -> tuple[float, str]:
    """A number, or [a number, "why"]; BadInput where it is neither."""
    allowed, why = value if isinstance(value, list) and len(value) == 2 else (value, "")
    is_number = isinstance(allowed, (int, float)) and not isinstance(allowed, bool)
    if not is_number or not 0 <= allowed <= 1e300 or not isinstance(why, str):  # NaN too
        raise BadInput(f'{where} is not a number from 0 on, or [number, "why"]: {value!r:.60}')
    return float(allowed), why


def judge(
    record: WorkloadRecord, limits: Limits, ratios: Mapping[str, Measure] | None = None
) -> list[Judged]:
    """The limits of one workload, judged on its record, in their order; [] without limits.

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
