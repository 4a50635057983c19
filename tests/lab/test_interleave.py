"""Process pairs: the figures of their batches, and the protocol with a real process."""

from __future__ import annotations

import random
import shutil
import sys
from array import array
from pathlib import Path

import pytest

from benchmarks.contenders.revisions import Side, prepare_side
from benchmarks.measuring.interleave import Batch, Contender, pair_result, process_pair, run_pair
from benchmarks.measuring.process import ProcessLacks, WrongResult

ROOT = Path(__file__).resolve().parents[2]
CLAIM = "claim-lifo-1e3"


def batch(latencies_s: list[float], slower: float = 1.0, **values: float) -> Batch:
    calls = array("d", [each * slower for each in latencies_s])
    return Batch(calls, sum(calls), len(calls), values)


def noisy_batches(count: int = 20) -> list[list[float]]:
    chance = random.Random(8)
    return [[chance.lognormvariate(-10, 0.3) for _ in range(200)] for _ in range(count)]


def test_a_uniform_change_shows_in_every_metric() -> None:
    latencies = noisy_batches()
    found = pair_result(
        [batch(each) for each in latencies], [batch(each, 1.1) for each in latencies]
    )
    assert set(found.log_ratios) == {
        "latency_p50_ms",
        "latency_p95_ms",
        "latency_p99_ms",
        "service_time_ms",
        "throughput_per_s",
    }
    # Throughput's too is above 0: worse.
    assert all(each == pytest.approx(0.0953, abs=1e-3) for each in found.log_ratios.values())
    assert found.head["throughput_per_s"] < found.base["throughput_per_s"]
    assert len(found.base_calls) == 4000


def test_a_change_of_the_tail_alone_leaves_the_median() -> None:
    latencies = noisy_batches()
    slow = [[s * 2 if i % 12 == 0 else s for i, s in enumerate(each)] for each in latencies]
    found = pair_result([batch(each) for each in latencies], [batch(each) for each in slow])
    assert found.log_ratios["latency_p95_ms"] > 0.2
    assert found.log_ratios["latency_p50_ms"] < 0.05


def test_percentiles_near_a_coarse_clocks_step_are_refused() -> None:
    step_s = 1 / 64
    ticks = [[0.0] * 90 + [step_s] * 90 + [20 * step_s] * 20 for _ in range(10)]
    found = pair_result([batch(each) for each in ticks], [batch(each) for each in ticks], step_s)
    assert set(found.log_ratios) == {"latency_p95_ms", "latency_p99_ms", "service_time_ms",
                                     "throughput_per_s"}  # fmt: skip


def test_disturbed_batches_do_not_count() -> None:
    latencies = noisy_batches()
    base = [batch(each, 9.0 if number % 3 == 0 else 1.0) for number, each in enumerate(latencies)]
    head = [batch(each, 7.0 if number % 3 == 1 else 1.0) for number, each in enumerate(latencies)]
    found = pair_result(base, head)
    assert abs(found.log_ratios["latency_p50_ms"]) < 1e-9


def test_workloads_without_latencies_have_throughput_and_their_own_values() -> None:
    base = [Batch(array("d"), 1.0, 100, {"memory_mb": 50.0})] * 3
    head = [Batch(array("d"), 1.0, 100, {"memory_mb": 55.0})] * 3
    found = pair_result(base, head)
    assert found.log_ratios["throughput_per_s"] == 0.0
    assert found.log_ratios["memory_mb"] == pytest.approx(0.0953, abs=1e-3)


# With processes -----------------------------------------------------------------------------------


@pytest.fixture
def side() -> Side:
    return Side("here", "", True, Path(sys.executable), (ROOT / "src",))


def test_a_pair_of_processes_is_measured(side: Side, tmp_path: Path) -> None:
    done = []
    with process_pair(side, side, ROOT, tmp_path, 1) as pair:
        found = run_pair(
            pair, CLAIM, tmp_path, 6, random.Random(0), "smoke", lambda: done.append(1)
        )
    assert len(done) == 6
    assert len(found.base_calls) == len(found.head_calls) == 1200
    assert 0 < found.base["latency_p50_ms"] < 1000
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "data-0", "data-1"}


def test_a_package_without_the_verbs_lacks_the_workload(tmp_path: Path) -> None:
    (tmp_path / "src" / "tubeq").mkdir(parents=True)
    (tmp_path / "src" / "tubeq" / "__init__.py").touch()
    with Contender(prepare_side(tmp_path, str(tmp_path)), ROOT, tmp_path, 0) as contender:
        contender.tell("prepare", workload=CLAIM, folder=str(tmp_path), profile="smoke")
        with pytest.raises(ProcessLacks, match="QueueManager") as lacks:
            contender.answer()
    assert lacks.value.process.side is contender.side


def test_a_package_that_does_it_wrong_is_found_out(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src")
    manager = tmp_path / "src" / "tubeq" / "queue" / "queue_manager.py"
    wrong = "\n\nfrom functools import cache\n"
    wrong += "QueueManager.claim_next_task = cache(QueueManager.claim_next_task)\n"
    manager.write_text(manager.read_text("utf-8") + wrong, encoding="utf-8")
    data = tmp_path / "data"
    data.mkdir()
    with Contender(prepare_side(tmp_path, str(tmp_path)), ROOT, tmp_path, 0) as contender:
        contender.ask("prepare", workload=CLAIM, folder=str(data), profile="smoke")
        contender.batch(2)
        with pytest.raises(WrongResult, match="claimed twice"):
            contender.ask("check")
