"""A made-up history for the lab's tests: steps, flat series, an environment that changes."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from benchmarks.records import history
from benchmarks.records.record import Commit, RunRecord

MACHINE = "linux-test-2cpu"
HOSTILE = (
    "<script>alert(1)</script> & \"quotes\" <img src=x onerror=alert(2)> 'single' {{ 7*7 }} `x`"
)
SUBJECTS = ("Claims bind by position", HOSTILE, "Storage port: fenced verbs", "Fix the sweep " * 12)
WORKLOADS = ("claim-lifo-1e3", "enqueue", "lifecycle", "worker-memory")
STARTED = datetime(2026, 9, 1, tzinfo=timezone.utc)


@dataclass
class FakeSample:
    """As a workload's sample."""

    latencies_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    operations: int = 0
    values: dict[str, float] = field(default_factory=dict)


def commit(number: int) -> Commit:
    moment = STARTED + timedelta(hours=7 * number)
    sha = random.Random(number).getrandbits(160)
    return Commit(f"{sha:040x}", SUBJECTS[number % len(SUBJECTS)], moment.isoformat())


def latencies(seed: int, calls: int = 500, median_s: float = 60e-6) -> list[float]:
    chance = random.Random(seed)
    return [median_s * chance.lognormvariate(0, 0.2) for _ in range(calls)]


def run_of(number: int, commits: int, names=WORKLOADS, calls: int = 500) -> RunRecord:
    """The run at one commit. The first workload gets 25 % slower halfway, SQLite is renewed at 3/4;
    a name with "memory" has a value and no calls."""
    chance = random.Random(number * 7919)
    samples, counters = {}, {}
    for index, name in enumerate(names):
        slower = index == 0 and number >= commits // 2
        factor = (1.25 if slower else 1.0) * math.exp(chance.gauss(0, 0.015))
        if "memory" in name:
            samples[name] = FakeSample(values={"memory_mb": 42 * factor})
            continue
        taken = latencies(number * 100 + index, calls, 60e-6 * (index + 1) * factor)
        samples[name] = FakeSample(taken, sum(taken) * 1.1, calls)
        counters[name] = {"vm_steps": 114.0 if slower else 112.0, "fsyncs": 0.25}
    return RunRecord.of(
        samples,
        commit=commit(number),
        machine=MACHINE,
        profile="regular",
        environment={
            "kernel": "6.1.0",
            "python": "CPython 3.11.7",
            "sqlite": "3.40.1" if number < commits * 3 // 4 else "3.46.0",
            "load_1m": chance.random(),
            "clock_resolution_ns": 40,
        },
        counters=counters,
        measured_at=(STARTED + timedelta(hours=7 * number + 1)).isoformat(),
    )


def append(run: RunRecord, root: Path) -> Path:
    """Add a run's lines to its machine's file, as `run` did when it kept absolute times."""
    path = root / "history" / f"{history.file_stem(run.workloads[0].machine)}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{json.dumps(each.to_json(), sort_keys=True)}\n" for each in run.workloads)
    return path


def write_history(root: Path, commits: int = 24, names=WORKLOADS, calls: int = 500) -> RunRecord:
    """Append a run for each commit; the last one."""
    for number in range(commits):
        run = run_of(number, commits, names, calls)
        append(run, root)
    return run


def comparison(verdict: str = "regressed", effect: float = 0.12) -> dict:
    """A comparison as benchmarks/judging/gate.py writes it, of one workload."""
    base = [0.03 + 0.0002 * index for index in range(101)]

    def side(factor):
        return {
            "calls": 12000,
            "quantiles_ms": [factor * each for each in base],
            "edges_ms": [0.03, 0.04, 0.05],
            "counts": [50, 50],
        }

    return {
        "schema": 1,
        "verdict": verdict,
        "exit_code": 1,
        "base": {"name": "main", "commit": "a" * 40, "dirty": False},
        "head": {"name": HOSTILE, "commit": "b" * 40, "dirty": True},
        "started_at": "2026-11-22T20:00:00+00:00",
        "elapsed_s": 31.5,
        "machine": {"kernel": "6.1.0"},
        "skipped": [{"name": "wake-up", "reason": HOSTILE}],
        "limits": [
            {"workload": "claim-lifo-1e3", "limit": "latency_p95_ms", "allowed": 1.0,
             "base": 0.05, "head": 0.056, "missed": False, "broken": False}
        ],
        "workloads": [
            {
                "name": "claim-lifo-1e3",
                "verdict": verdict,
                "pairs": 8,
                "calls": 12000,
                "confirmed": True,
                "explanation": "+2 vm_steps per operation",
                "counters": [{"counter": "vm_steps", "base": 112, "head": 114, "exact": True}],
                "metrics": [
                    {"metric": name, "higher_is_better": name.endswith("_per_s"),
                     "verdict": verdict, "base": 0.05, "head": 0.056, "effect": effect,
                     "low": effect - 0.02, "high": effect + 0.02, "confidence": 0.99,
                     "p_value": 0.0001, "relevance": 0.05, "smallest_visible_change": 0.03,
                     "processes": [effect] * 8}
                    for name in ("latency_p50_ms", "latency_p95_ms", "throughput_per_s")
                ],
                "latencies": {"base": side(1.0), "head": side(1 + effect)},
            }
        ],
    }  # fmt: skip


def proof_matrix() -> dict:
    """A proof as benchmarks/proving/proof.py makes it."""

    def row(pairs, alarm, undecided=0):
        return {
            "pairs": pairs, "alarm": alarm, "undecided": undecided,
            "passed": pairs - alarm - undecided, "alarm_rate": alarm / pairs,
            "alarm_low": 0.95 if alarm == pairs else 0.0,
            "alarm_high": 1.0 if alarm == pairs else 0.049,
        }  # fmt: skip

    def tool(name):
        return {
            "tool": name, "elapsed_s": 41.0, "no_change": row(60, 0, 2), "planted": row(60, 60),
            "plants": [
                {"plant": "comment-only", "workload": "lifecycle", "is_change": False,
                 **row(60, 0, 2)},
                {"plant": "uniform-10-percent", "workload": "lifecycle", "is_change": True,
                 **row(60, 60)},
            ],
        }  # fmt: skip

    return {"confidence": 0.95, "tools": [tool("gate"), tool("asv")]}
