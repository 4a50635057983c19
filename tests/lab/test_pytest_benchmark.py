"""The pytest-benchmark suites: what is added to its JSON and its terminal, and that its own
`--benchmark-save` and `--benchmark-compare` go on working."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pytest_benchmark") is None,
    reason="needs pytest-benchmark, of the group lab",
)


def suite(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "COLUMNS": "200"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "-q",
         f"--benchmark-storage=file://{folder}", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def saved(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text("utf-8")) for path in sorted(folder.rglob("*.json"))]
    return [run["benchmarks"][0] for run in found]


def test_percentiles_and_counters_are_saved_shown_and_compared(tmp_path: Path) -> None:
    first = suite(tmp_path, "-k", "claim-lifo-1e3", "--benchmark-save=base")
    second = suite(tmp_path, "-k", "claim-lifo-1e3", "--benchmark-save=head", "--benchmark-compare")

    benchmarks = saved(tmp_path)
    assert len(benchmarks) == 2
    for benchmark in benchmarks:
        info = benchmark["extra_info"]
        assert info["workload"] == "claim-lifo-1e3"
        assert info["p95_low_ms"] <= info["p95_ms"] <= info["p95_high_ms"] <= info["max_ms"]
        assert info["throughput_per_s"] > 0
        assert info["calls"] == benchmark["stats"]["rounds"] == 400
        assert info["transactions"] == 1
        # A round is a call: pytest-benchmark's median and ours are of the same thing.
        assert benchmark["stats"]["median"] * 1e3 == pytest.approx(info["p50_ms"], rel=0.25)
    assert benchmarks[0]["extra_info"]["vm_steps"] == benchmarks[1]["extra_info"]["vm_steps"] > 0
    assert "p95_ms" in first
    assert "vm_steps" in first
    assert "claim-lifo-1e3" in first
    assert "0001_base" in second  # its table compares with the saved run


def test_percentiles_of_few_calls_are_left_out(tmp_path: Path) -> None:
    output = suite(tmp_path, "-k", "claim-batch", "--benchmark-save=few")

    info = saved(tmp_path)[0]["extra_info"]
    assert "p95_ms" not in info
    assert "p50_ms" in info
    assert "too few calls" in output
