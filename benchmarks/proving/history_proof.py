"""Measures the history itself: how often it finds a planted step, or a step where there is none.

Histories are drawn from a pool of records of one package, with a plant and without: blocks of
neighbours, without replacement, so that their correlation (a phase of load) is preserved (the block
bootstrap; Künsch 1989, "The jackknife and the bootstrap for general stationary observations"). A
history with a step has records without the plant, then with it. asv's own step detection gets the
same series, as ratios and as the absolute times that the same processes took.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import chain, pairwise
from statistics import fmean, median, stdev
from typing import Any, NamedTuple

from benchmarks.common.statistics import chi_square_interval, clopper_pearson
from benchmarks.judging.change_points import change_points
from benchmarks.records.packages import Package
from benchmarks.records.series import Kind, Point

HISTORIES, LENGTH, BLOCK = 40, 30, 5
STEP_BETWEEN = (10, 20)
"""Where in a history a step begins: both sides are long enough to be a level."""
WITHIN = 1
"""A step counts as found where a change point is at most this many records away from it."""
ONE_PACKAGE = 40
"""This many records of one package, in the order they were measured: "commits" without a change."""
SERIES = ("latency_p50_ms", "latency_p95_ms", "service_time_ms", "throughput_per_s")
COUNTED = "instructions"
KINDS = ("time", COUNTED)
FOUND_OF_40 = 38
"""Steps that must be found, out of 40 histories, by the median time and by instructions."""
EXACT_STEP = 1.10
"""The planted times are also scaled to exactly this step: the plant itself costs a little more."""
LIMITS = {"latency_p50_ms": 0.01, "latency_p95_ms": 0.025, COUNTED: 0.002}
"""The largest spread, one standard deviation, that the history may have."""
_CONFIDENCE = 0.95

Record = Mapping[str, Any]
SCALED = "ours, plant scaled to 10 %"
"""The planted records, with their own spread."""
ADDED = "ours, 10 % added"
"""Records without the plant, later ones multiplied: a step that does not change the spread."""


class Value(NamedTuple):
    """A record's ratio with its interval, and the absolute figure that belongs to it."""

    ratio: float
    low: float
    high: float
    absolute: float

    def times(self, factor: float) -> Value:
        """The record with all values multiplied."""
        return Value(*(factor * figure for figure in self))


Stepped = tuple[list[Value], int]
"""A history, and the index of the first record after its step."""
Detect = Callable[[Sequence[Value]], list[int]]
"""The indices at which a series has a change point; asv finds only those for the worse."""


def proof(records: Sequence[Record], seed: int = 20) -> dict[str, Any]:
    """The result of the proof on the pool, whose records are in the order of their measurement.

    Returns:
        {"records": numbers of each kind, "spread": {series: {sigma, low, high, limit, ratio_mean}},
        "one_package": {series: change points in 40 records}, "load_1m":
        [lowest, median, highest], "claims": see `claims`, "steps": [{series, by: "ours" | "asv,
        ratio" | "asv, absolute", step: mean size, histories, found, found_low, found_high,
        false_alarms, flat_histories, flat_alarms, flat_low, flat_high}], "sizes", "confidence"}.
    """
    chance = random.Random(seed)
    spread, one_package = {}, {}
    steps: list[dict[str, Any]] = []
    for series in (*SERIES, COUNTED):
        real, planted = _values(records, series, False), _values(records, series, True)
        if len(real) > 1:
            spread[series] = _spread(series, real, planted)
        if len(real) >= ONE_PACKAGE:
            one_package[series] = len(_ours(series, real[:ONE_PACKAGE]))
        if len(real) >= LENGTH and len(planted) >= STEP_BETWEEN[1]:
            steps += _steps(series, real, planted, chance)
    loads = [each["load_1m"] for each in records if "load_1m" in each]
    found = {
        "records": {
            f"{kind}{', planted' if planted else ''}": sum(
                each["kind"] == kind and each["planted"] is planted for each in records
            )
            for kind in KINDS
            for planted in (False, True)
        },
        "loads": sorted({each["load"] for each in records if each["kind"] == "time"}),
        "load_1m": [min(loads), median(loads), max(loads)] if loads else [],
        "packages": sorted({each["package"] for each in records}),
        "spread": spread,
        "one_package": one_package,
        "steps": steps,
        "sizes": {"histories": HISTORIES, "length": LENGTH, "block": BLOCK, "within": WITHIN},
        "confidence": _CONFIDENCE,
    }
    return {**found, "claims": claims(found)}


def claims(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The claims of the history: {what, found, holds}; those without records yet are left out."""
    judged = [
        (f"spread of {series} at most {100 * row['limit']:.1f} %", f"{100 * row['sigma']:.2f} %",
         row["sigma"] <= row["limit"])
        for series, row in found["spread"].items() if row["limit"]
    ] + [
        (f"no change point of {series} in {ONE_PACKAGE} records of one package", str(count),
         not count)
        for series, count in found["one_package"].items()
    ] + [
        (f"a step of {100 * row['step']:+.0f} % of {row['series']} found in {FOUND_OF_40} of 40",
         f"{row['found']} of {row['histories']}",
         40 * row["found"] >= FOUND_OF_40 * row["histories"])
        for row in found["steps"]
        if (row["series"], row["by"]) in ((SERIES[0], SCALED), (COUNTED, "ours"))
    ]  # fmt: skip
    return [dict(zip(("what", "found", "holds"), each)) for each in judged]


def _values(records: Sequence[Record], series: str, planted: bool) -> list[Value]:
    """The figures of a series' records, in order; for a count, both are the count."""
    own = [each for each in records if each["planted"] is planted]
    if series == COUNTED:
        counts = [float(each[COUNTED]) for each in own if each["kind"] == COUNTED]
        return [Value(each, each, each, each) for each in counts]
    metrics = [each["metrics"].get(series) for each in own if each["kind"] == "time"]
    return [Value._make((*each["ratio"], each["value"])) for each in metrics if each]


def _steps(
    series: str, real: Sequence[Value], planted: Sequence[Value], chance: random.Random
) -> Iterator[dict[str, Any]]:
    """What each detection finds in histories with a step, and in flat ones."""

    def drawn(pool: Sequence[Value], count: int) -> list[Value]:
        """Blocks of neighbours, without replacement, cut to that many records."""
        blocks = [pool[first : first + BLOCK] for first in range(0, len(pool), BLOCK)]
        chance.shuffle(blocks)
        return list(chain.from_iterable(blocks))[:count]

    def stepped(later: Sequence[Value]) -> Stepped:
        place = chance.randint(*STEP_BETWEEN)
        return [*drawn(real, place), *drawn(later, LENGTH - place)], place

    histories = [stepped(planted) for _ in range(HISTORIES)]
    flat = [drawn(real, LENGTH) for _ in range(HISTORIES)]
    ours = partial(_ours, series)
    yield _judged(series, "ours", ours, histories, flat)
    for field in ("ratio",) if series == COUNTED else ("ratio", "absolute"):
        yield _judged(series, f"asv, {field}", partial(_asv, series, field), histories, flat)
    if series == COUNTED:
        return
    factor = 1 / EXACT_STEP if series.endswith("_per_s") else EXACT_STEP
    means = [fmean(math.log(each.ratio) for each in values) for values in (planted, real)]
    scale = math.exp(means[1] - means[0]) * factor
    scaled = [each.times(scale) for each in planted]
    yield _judged(series, SCALED, ours, [stepped(scaled) for _ in range(HISTORIES)], flat)
    places = [chance.randint(*STEP_BETWEEN) for _ in flat]
    histories = [
        ([*each[:place], *(value.times(factor) for value in each[place:])], place)
        for each, place in zip(flat, places)
    ]
    yield _judged(series, ADDED, ours, histories, flat)


def _ours(series: str, values: Sequence[Value]) -> list[int]:
    kind: Kind = "instructions" if series == COUNTED else "time"
    package = Package("", "", "", "")
    points = [Point(package, place, *value[:3]) for place, value in enumerate(values)]
    return [each.index for each in change_points(points, kind)]


def _asv(series: str, field: str, values: Sequence[Value]) -> list[int]:
    """asv finds steps upward only: a rate is given to it inverted."""
    asv: Any = import_module("asv.step_detect")
    figures = [getattr(each, field) for each in values]
    given = [1 / each if series.endswith("_per_s") else each for each in figures]
    threshold = 0.01 if series == COUNTED else 0.05
    found = asv.detect_regressions(asv.detect_steps(given), threshold)
    return [after for _, after, _, _ in found[2] or ()]


def _judged(
    series: str, by: str, detect: Detect, drawn: Sequence[Stepped], flat: Sequence[list[Value]]
) -> dict[str, Any]:
    found = false_alarms = 0
    sizes = []
    for history, place in drawn:
        places = detect(history)
        hits = [each for each in places if abs(each - place) <= WITHIN]
        found += bool(hits)
        false_alarms += len(places) - len(hits)
        ratios = [each.ratio for each in history]
        sizes.append(fmean(ratios[place:]) / fmean(ratios[:place]) - 1)
    flat_alarms = sum(bool(detect(history)) for history in flat)
    ends = clopper_pearson(found, len(drawn), _CONFIDENCE)
    flat_ends = clopper_pearson(flat_alarms, len(flat), _CONFIDENCE)
    return {
        "series": series, "by": by, "step": fmean(sizes), "histories": len(drawn),
        "found": found, "found_low": ends[0], "found_high": ends[1], "false_alarms": false_alarms,
        "flat_histories": len(flat), "flat_alarms": flat_alarms,
        "flat_low": flat_ends[0], "flat_high": flat_ends[1],
    }  # fmt: skip


def _spread(series: str, values: Sequence[Value], planted: Sequence[Value]) -> dict[str, Any]:
    """Standard deviations: of the log-ratio, also with the plant, and of the absolute times."""
    logs = [math.log(each.ratio) for each in values]
    mean, sigma = fmean(logs), stdev(logs)
    low, high = chi_square_interval(sigma, len(logs), _CONFIDENCE)
    total = math.fsum((each - mean) ** 2 for each in logs)
    pairs = math.fsum((a - mean) * (b - mean) for a, b in pairwise(logs))
    return {
        "sigma": sigma, "low": low, "high": high, "limit": LIMITS.get(series),
        "mean": math.exp(mean),
        "absolute_sigma": stdev(math.log(each.absolute) for each in values),
        "planted_sigma": stdev(math.log(each.ratio) for each in planted) if planted[1:] else None,
        "autocorrelation": pairs / total if total else 0.0,
    }  # fmt: skip
