"""What one measurement of one workload at one commit is, as an append-only fact.

A `WorkloadRecord` is one line of results/history/<machine>.ndjson; a `RunRecord` is all that one
run measured on one machine at one commit. Both are plain values: nothing here reads or judges.

Percentiles are given with a 95 % interval from order statistics, or not at all: where too few calls
were timed for the interval to end inside the sample (72 for P95, 368 for P99), there is no value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from benchmarks.common.statistics import order_interval, quantile
from benchmarks.records.histograms import encode_histogram
from benchmarks.records.packages import moment

SCHEMA_VERSION = 1
QUANTILES: Mapping[str, float] = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
CLOCK_STEPS = 10


class BadRecord(Exception):
    """A record that cannot be read: the message says which field and why."""


@dataclass(frozen=True)
class Measure:
    """A value and its 95 % interval; the interval's ends are None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Commit:
    """What was measured: `committed_at` is ISO 8601 in UTC; `dirty` says that files differed."""

    sha: str
    subject: str
    committed_at: str
    dirty: bool = False


@dataclass(frozen=True)
class WorkloadRecord:
    """One workload measured at one commit on one machine.

    `metrics` by name, unit last: latency_p50_ms ... latency_p99_ms, latency_max_ms,
    latency_mean_ms, throughput_per_s, and the sample's own values.
    """

    workload: str
    commit: Commit
    machine: str
    profile: str
    measured_at: str
    environment: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Measure] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)  # per operation: vm_steps ...
    calls: int = 0  # how many were timed; 0 where a call means nothing
    operations: int = 0  # with elapsed_s, what the throughput was made of
    elapsed_s: float = 0.0
    histogram: str | None = None  # of all latencies, as histograms.py encodes them
    schema: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """As JSON values; floats keep six significant digits, more than any of them is good for."""
        metrics = {
            name: [each.value] if each.low is None else [each.value, each.low, each.high]
            for name, each in self.metrics.items()
        }
        rounded: dict[str, Any] = _rounded({**asdict(self), "metrics": metrics})
        return rounded

    @classmethod
    def from_json(cls, data: Any) -> WorkloadRecord:
        """The record that `to_json` wrote; BadRecord says which field is missing or malformed."""
        try:
            if data["schema"] > SCHEMA_VERSION:
                raise BadRecord(f"schema {data['schema']} is newer than {SCHEMA_VERSION}")
            record = cls(
                # Older lines call a workload a scenario.
                workload=_string(data, "workload" if "workload" in data else "scenario"),
                commit=Commit(**data["commit"]),
                machine=_string(data, "machine"),
                profile=_string(data, "profile"),
                measured_at=_moment(data["measured_at"]),
                environment=dict(data["environment"]),
                metrics={name: _measure(name, ends) for name, ends in data["metrics"].items()},
                counters={name: _number(name, count) for name, count in data["counters"].items()},
                calls=int(data["calls"]),
                operations=int(data["operations"]),
                elapsed_s=_number("elapsed_s", data["elapsed_s"]),
                histogram=None if data["histogram"] is None else _string(data, "histogram"),
                schema=int(data["schema"]),
            )
            if not re.fullmatch(r"[0-9a-f]{7,64}", record.commit.sha):
                raise BadRecord(f"commit.sha is not a commit: {record.commit.sha!r:.60}")
            _moment(record.commit.committed_at)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadRecord(f"{type(error).__name__}: {error}") from error
        return record


@dataclass(frozen=True)
class RunRecord:
    """All that one run measured: the same commit, machine and profile in every workload.

    `limits` are what the thresholds file says, by workload and metric, for the report's verdicts:
    an upper limit, or a lower one for metrics of which higher is better.
    """

    workloads: tuple[WorkloadRecord, ...]
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        samples: Mapping[str, Any],
        *,
        counters: Mapping[str, Mapping[str, float]] | None = None,
        limits: Mapping[str, Mapping[str, float]] | None = None,
        measured_at: str = "",
        **about: Any,
    ) -> RunRecord:
        """The record of a run.

        Args:
            samples: by workload name, its `benchmarks.workloads.base.Sample`.
            counters, limits: by workload name, counts per operation, limits by metric.
            measured_at: ISO 8601; now if "".
            about: a WorkloadRecord's commit, machine, profile and environment (the fingerprint).
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        resolution_ns = about["environment"].get("clock_resolution_ns") or 0
        records = []
        for name, sample in samples.items():
            calls, operations, elapsed_s = sample.latencies_s, sample.operations, sample.elapsed_s
            metrics = latency_metrics(calls, resolution_ns)
            if operations and elapsed_s > 0:
                metrics["throughput_per_s"] = Measure(operations / elapsed_s)
            metrics |= {each: Measure(value) for each, value in sample.values.items()}
            records.append(
                WorkloadRecord(
                    name, metrics=metrics, counters=dict((counters or {}).get(name, {})),
                    calls=len(calls), operations=operations, elapsed_s=elapsed_s,
                    histogram=encode_histogram(calls) if calls else None,
                    measured_at=measured_at or now, **about,
                )
            )  # fmt: skip
        return cls(tuple(records), dict(limits or {}))


def higher_is_better(metric: str) -> bool:
    """Whether more of it is good: only what is counted per second."""
    return metric.endswith("_per_s")


def latency_metrics(
    latencies_s: Sequence[float], clock_resolution_ns: float = 0.0
) -> dict[str, Measure]:
    """Percentiles with intervals, mean and max of raw latencies, in ms; {} of none.

    A percentile of fewer than `CLOCK_STEPS` steps of the clock is left out: it is the clock's.
    """
    ordered = sorted(latencies_s)
    if not ordered:
        return {}
    metrics = {}
    for name, share in QUANTILES.items():
        ranks = order_interval(len(ordered), share)
        value = quantile(ordered, share)
        if ranks is not None and value * 1e9 >= CLOCK_STEPS * clock_resolution_ns:
            low, high = (ordered[rank - 1] * 1000 for rank in ranks)
            metrics[f"latency_{name}_ms"] = Measure(value * 1000, low, high)
    metrics["latency_max_ms"] = Measure(ordered[-1] * 1000)
    metrics["latency_mean_ms"] = Measure(math.fsum(ordered) / len(ordered) * 1000)
    return metrics


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value


def _string(data: Mapping[str, Any], name: str) -> str:
    if not isinstance(data[name], str) or not data[name]:
        raise BadRecord(f"{name} is not a string")
    return str(data[name])


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadRecord(f"{name} is not a number: {value!r:.60}")
    return float(value)


def _measure(name: str, ends: Any) -> Measure:
    if not isinstance(ends, list) or len(ends) not in {1, 3}:
        raise BadRecord(f"metrics.{name} is not [value] or [value, low, high]")
    return Measure(*(_number(f"metrics.{name}", end) for end in ends))


def _moment(text: Any) -> str:
    if moment(str(text)).tzinfo is None:
        raise BadRecord(f"a time without its zone: {text!r:.60}")
    return str(text)
