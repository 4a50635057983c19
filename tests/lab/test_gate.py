"""The gate's decisions on samples whose truth is known."""

from __future__ import annotations

import json
import math
import random
from collections import Counter as Tally
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.judging.gate import (
    Comparison,
    Counter,
    ExitCode,
    MetricSample,
    MetricVerdict,
    Settings,
    Verdict,
    WorkloadVerdict,
    judge,
    overall,
)
from benchmarks.reporting.junit import comparison_junit as junit
from benchmarks.reporting.markdown import comparison_markdown as markdown
from benchmarks.reporting.text import reasons, sentence

SETTINGS = Settings()
METRICS = ("latency_p50_ms", "latency_p95_ms", "service_time_ms", "throughput_per_s")
WORKLOADS = ("claim", "lifecycle")


def heavy_tailed(chance: random.Random) -> float:
    """Most processes are quiet; one in seven shared its minute with another program."""
    return chance.gauss(0, 0.012 if chance.random() < 0.85 else 0.15)


def sample(log_ratios: list[float]) -> MetricSample:
    values = [1.0] * len(log_ratios)
    return MetricSample(log_ratios, values, [math.exp(each) for each in log_ratios])


def decided(chance: random.Random, change: float) -> Verdict:
    """The sequential rule on simulated processes, whose metrics are correlated."""
    keys = [(workload, metric) for workload in WORKLOADS for metric in METRICS]
    ratios: dict[tuple[str, str], list[float]] = {key: [] for key in keys}
    verdict = Verdict.INCONCLUSIVE
    for look in SETTINGS.looks:
        while len(ratios[keys[0]]) < look:
            shared = {workload: heavy_tailed(chance) for workload in WORKLOADS}
            for key in keys:
                shift = change if key[0] == "claim" else 0.0
                ratios[key].append(shift + 0.5 * shared[key[0]] + 0.85 * heavy_tailed(chance))
        found = judge({key: sample(each) for key, each in ratios.items()}, SETTINGS)
        verdict = overall(each.verdict for each in found.values())
        if verdict is not Verdict.INCONCLUSIVE:
            break
    return verdict


def one(metric: str, *log_ratios: float) -> MetricVerdict:
    return judge({("claim", metric): sample(list(log_ratios))}, SETTINGS)["claim", metric]


QUIET = (0.001, -0.002, 0.003, 0.0, -0.001, 0.002, -0.003, 0.001)


def shifted(by: float, spread: float = 1.0) -> list[float]:
    return [by + spread * each for each in QUIET]


def test_no_alarm_without_a_change() -> None:
    chance = random.Random(1)
    verdicts = Tally(decided(chance, 0.0) for _ in range(150))
    assert verdicts[Verdict.REGRESSED] == verdicts[Verdict.IMPROVED] == 0
    assert verdicts[Verdict.UNCHANGED] > 140


def test_no_planted_change_of_ten_percent_passes() -> None:
    chance = random.Random(2)
    verdicts = Tally(decided(chance, math.log(1.1)) for _ in range(150))
    assert verdicts[Verdict.UNCHANGED] == verdicts[Verdict.IMPROVED] == 0
    assert verdicts[Verdict.REGRESSED] > 140


def test_looking_thrice_does_not_multiply_false_alarms() -> None:
    # With no relevance threshold all that holds alarms down is the error spent at each look.
    bare = replace(SETTINGS, relevance=0.0, resolution=0.0, error=0.05)
    chance, alarms, runs = random.Random(4), 0, 1500
    for _ in range(runs):
        ratios: list[float] = []
        for look in bare.looks:
            ratios += [chance.gauss(0, 0.02) for _ in range(look - len(ratios))]
            found = judge({("s", "m"): sample(ratios)}, bare)["s", "m"]
            if found.verdict is Verdict.REGRESSED:
                alarms += 1
                break
    assert alarms / runs < 0.05


@pytest.mark.parametrize(
    ("by", "spread", "verdict"),
    [
        (0.0, 1.0, Verdict.UNCHANGED),
        (0.04, 1.0, Verdict.UNCHANGED),  # certain, but too small to count
        (0.10, 1.0, Verdict.REGRESSED),
        (-0.10, 1.0, Verdict.IMPROVED),
        (0.0, 30.0, Verdict.INCONCLUSIVE),  # too wide
        (0.08, 40.0, Verdict.INCONCLUSIVE),  # large, but not certain
        (3.0, 30.0, Verdict.REGRESSED),  # so large that no width hides it
    ],
)
def test_verdicts(by: float, spread: float, verdict: Verdict) -> None:
    assert one("latency_p95_ms", *shifted(by, spread)).verdict is verdict


def test_throughput_is_better_when_higher() -> None:
    # Log-ratios are of costs: above 0 is worse, so throughput has gone down.
    found = one("throughput_per_s", *shifted(0.10))
    assert found.verdict is Verdict.REGRESSED
    assert found.effect == pytest.approx(math.exp(-0.10) - 1, abs=1e-3)
    assert found.low < found.effect < found.high < 0
    assert found.higher_is_better


def test_p99_has_wider_bounds_and_does_not_decide() -> None:
    found = one("latency_p99_ms", *shifted(0.07))
    assert found.verdict is Verdict.UNCHANGED
    assert not found.decides
    noisy = one("latency_p99_ms", *shifted(0.0, 60.0))
    assert noisy.verdict is Verdict.INCONCLUSIVE
    assert WorkloadVerdict("claim", [noisy]).verdict is Verdict.UNCHANGED
    worse = one("latency_p99_ms", *shifted(0.2))
    assert WorkloadVerdict("claim", [worse]).verdict is Verdict.REGRESSED


def test_the_worst_metric_decides() -> None:
    metrics = [one("latency_p50_ms", *QUIET), one("latency_p95_ms", *shifted(0.1))]
    assert WorkloadVerdict("claim", metrics).verdict is Verdict.REGRESSED
    assert overall([]) is Verdict.UNCHANGED
    assert overall([Verdict.UNCHANGED, Verdict.IMPROVED]) is Verdict.IMPROVED
    assert overall([Verdict.IMPROVED, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE


def counts(base: float, head: float, counter: str = "instructions", **more: Any) -> Counter:
    return Counter(counter, base, head, **{"noise": 0.003, "limit": 0.015, **more})


def test_counters_explain_and_some_decide() -> None:
    steps = Counter("vm_steps", 30.0, 32.0)
    query = Counter("statements", 3.0, 4.0, limit=0.05)
    same = Counter("fsyncs", 1.0, 1.0, limit=0.05)
    found = WorkloadVerdict("claim", [one("latency_p50_ms", *QUIET)], counters=[steps, same])
    assert found.explanation == "+2 vm_steps per operation"
    assert found.verdict is Verdict.UNCHANGED
    assert replace(found, counters=[query]).verdict is Verdict.REGRESSED
    assert replace(found, counters=[replace(query, exact=False)]).verdict is Verdict.UNCHANGED
    assert replace(found, counters=[replace(same, base=0.0)]).verdict is Verdict.REGRESSED
    assert replace(found, counters=[same]).explanation == ""


@pytest.mark.parametrize(
    ("head", "moved", "verdict"),
    [
        (1.002, False, Verdict.UNCHANGED),
        (1.01, True, Verdict.UNCHANGED),
        (1.02, True, Verdict.REGRESSED),
        (0.98, True, Verdict.IMPROVED),
    ],
)
def test_instructions_decide_alone(head: float, moved: bool, verdict: Verdict) -> None:
    counter = counts(1000.0, 1000.0 * head)
    assert counter.has_moved is moved
    assert WorkloadVerdict("claim", [], counters=[counter]).verdict is verdict


def comparison(*metrics: MetricVerdict, **fields: object) -> Comparison:
    workload = WorkloadVerdict(
        "claim", metrics, 8, 64_000, counters=[Counter("fsyncs", 1, 1, limit=0.05)]
    )
    made = Comparison(
        {"name": "main", "commit": "a" * 40, "dirty": False},
        {"name": "WORK", "commit": "b" * 40, "dirty": True},
        "2026-11-22T20:00:00+00:00",
        SETTINGS,
        workloads=[workload] if metrics else [],
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("log_ratios", "code"),
    [
        (QUIET, ExitCode.PASS),
        (shifted(-0.2), ExitCode.PASS),
        (shifted(0.2), ExitCode.REGRESSION),
        (shifted(0.0, 50.0), ExitCode.INCONCLUSIVE),
    ],
)
def test_exit_codes(log_ratios: list[float], code: ExitCode) -> None:
    assert comparison(one("latency_p50_ms", *log_ratios)).exit_code is code


def test_nothing_measured_is_no_pass() -> None:
    assert comparison().exit_code is ExitCode.INCONCLUSIVE
    interrupted = comparison(one("latency_p50_ms", *QUIET), interrupted=True)
    assert interrupted.exit_code is ExitCode.INCONCLUSIVE


def test_wrong_results_are_a_regression() -> None:
    quiet = comparison(one("latency_p50_ms", *QUIET))
    quiet.workloads = [replace(quiet.workloads[0], wrong="a task was claimed twice")]
    assert quiet.exit_code is ExitCode.REGRESSION
    assert "claimed twice" in markdown(quiet)


@pytest.mark.parametrize("pairs", [1, 2, 3])
def test_of_few_pairs_nothing_is_said(pairs: int) -> None:
    found = one("latency_p95_ms", *[0.5 + 1e-6 * number for number in range(pairs)])
    assert found.verdict is Verdict.INCONCLUSIVE
    few = comparison(found)
    assert few.exit_code is ExitCode.INCONCLUSIVE
    for text in (markdown(few), junit(few), *reasons(few.workloads[0])):
        assert "enough process pairs" in text or "too few pairs" in text
        assert "would have been seen" not in text
        assert "e+" not in text


def test_the_json_form_is_as_described() -> None:
    made = comparison(one("latency_p95_ms", *shifted(0.0, 1e4)), one("latency_p50_ms", *QUIET))
    read = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert read["schema"] == 2
    assert read["verdict"] == "inconclusive"
    assert read["exit_code"] == 4
    assert read["workloads"][0]["metrics"][1]["verdict"] == "unchanged"
    assert read["workloads"][0]["explanation"] == ""
    assert read["settings"]["looks"] == [8, 16, 32]


def test_reports_say_what_counts() -> None:
    made = comparison(
        one("latency_p95_ms", *shifted(0.2)),
        one("throughput_per_s", *shifted(0.0, 50.0)),
        skipped=[{"name": "rescue", "reason": "main: no rescue"}],
    )
    text = markdown(made)
    assert "regressed" in text
    assert "would have been seen" in text
    assert "**rescue**: skipped: main: no rescue" in text
    suites = ET.fromstring(junit(made))
    claim = next(each for each in suites if each.get("name") == "claim")
    assert (claim.get("failures"), claim.get("errors")) == ("1", "1")
    assert suites.find("testsuite[@name='rescue']/testcase/skipped") is not None


def said(metrics: list[MetricVerdict], *counters: Counter, **fields: object) -> str:
    made = comparison(**fields)
    if metrics or counters:
        made.workloads = [WorkloadVerdict("claim", metrics, 8, counters=counters)]
    return sentence(made)


def test_one_sentence_says_it_all() -> None:
    slower = [one("latency_p95_ms", *shifted(0.1044)), one("latency_p50_ms", *QUIET)]
    query = Counter("statements", 1.0, 2.0, limit=0.05)
    more = counts(1000.0, 1021.0)
    quiet = [one("latency_p95_ms", *QUIET)]
    assert said(slower, query, more) == (
        "claim P95 is 11 % slower, sure to 99 %, because of +1 statement"
    )
    assert said(slower, more).endswith("sure to 99 %, because of +2.1 % instructions")
    assert said(slower, counts(1000.0, 1000.0)).endswith("sure to 99 %, and no count says why")
    assert said([], more) == (
        "claim takes 2.1 % more instructions, counted exactly; its time was not measured"
    )
    assert said(quiet, more, query).startswith(
        "claim takes 2.1 % more instructions (+1 statement), counted exactly; its time did not"
    )
    assert said(quiet, counts(1000.0, 1010.0)).startswith(
        "nothing is slower: 1 workload counted, 1 timed; most moved claim +1.0 % instructions; a "
    )
    assert "is not known" in said([one("latency_p95_ms", *shifted(0.0, 60.0))])
    assert said([], equal=True).startswith("WORK (bbbbbbbbbb) and main (aaaaaaaaaa) have the same")
    throughput = [one("throughput_per_s", *shifted(0.10))]
    assert said(throughput, more).startswith("claim throughput is 9.5 % lower, sure to 99 %")
