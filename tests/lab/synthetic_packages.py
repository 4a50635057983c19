"""Made-up packages with counts and ratios, as `backfill` keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.records import counts, ratios
from benchmarks.records.package_files import keep
from benchmarks.records.packages import Package

COUNTED_ON = {"cpu": "a", "python": "CPython 3.11.7", "seeds": [0]}
TIMED_ON = {"machine": "linux-test-2cpu", "cpu": "a", "companion": "anchor 0000000000000000"}


def packages(count: int) -> list[Package]:
    """So many, oldest first; each is two commits."""
    return [
        Package(f"{n:016x}", f"{n:07x}{n:033x}", f"commit {n}", f"2026-01-{n + 1:02}T12:00:00Z", 2)
        for n in range(count)
    ]


def counted(instructions: float, **counters: float) -> dict[str, Any]:
    return {"instructions": instructions, "counters": counters}


def timed(ratio: float, half_width: float = 0.02, **more: Any) -> dict[str, Any]:
    ends = [ratio, ratio * (1 - half_width), ratio * (1 + half_width)]
    metrics = {
        name: {"ratio": ends, "processes": [ratio] * 8, "value": 0.05, "companion_value": 0.05}
        for name in ("latency_p50_ms", "latency_p95_ms")
    }
    return {"metrics": metrics, "pairs": 8, "calls": 32000, **more}


def keep_counts(
    results: Path,
    some: Sequence[Package],
    workloads: Sequence[dict[str, Any]],
    name: str = "enqueue",
    environment: Mapping[str, Any] = COUNTED_ON,
    kind: ModuleType = counts,
) -> None:
    folder = kind.folder_of(results, environment)
    for package, own in zip(some, workloads):
        keep(folder, package, environment, name, own)


keep_ratios = partial(keep_counts, environment=TIMED_ON, kind=ratios)
