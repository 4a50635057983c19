"""The history measured on itself: what it finds of a planted step, and what it finds where none is.

Out of a pool of records of one package, with a plant and without, histories are drawn: the pool, in
the order in which it was measured, is cut into blocks of neighbours, and blocks are drawn without
replacement, so that what makes neighbours alike (a phase of load) stays (the block bootstrap;
Künsch 1989, "The jackknife and the bootstrap for general stationary observations"). A history with
a step has records without the plant, then with it.

The same series are given to asv's own step detection (asv.step_detect, with the thresholds that its
configuration here has), as ratios and as the absolute times that the same processes took.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from statistics import fmean, median, stdev
from typing import Any, NamedTuple

from benchmarks.common.statistics import chi_square_interval, clopper_pearson
from benchmarks.judging.change_points import change_points, points_of
from benchmarks.records.series import Kind

HISTORIES, LENGTH, BLOCK = 40, 30, 5
STEP_BETWEEN = (10, 20)
"""A step begins at one of these places of a history: both sides are long enough to be a level."""
WITHIN = 1
"""A step counts as found where a change point is at most so many records away from it."""
ONE_PACKAGE = 40
"""So many records of one package, in the order they were measured: "commits" without a change."""
SERIES = ("latency_p50_ms", "latency_p95_ms", "service_time_ms", "throughput_per_s")
COUNTED = "instructions"
KINDS = ("time", COUNTED)
FOUND_OF_40 = 38
"""Steps that have to be found, of 40 histories, by the median time and by instructions."""
EXACT_STEP = 1.10
"""The planted times are also scaled to just this step: the plant itself costs a little more."""
LIMITS = {"latency_p50_ms": 0.01, "latency_p95_ms": 0.025, COUNTED: 0.002}
"""The largest spread, one standard deviation, that the history may have."""
_ASV_THRESHOLD = {COUNTED: 0.01}
_ASV_RATIO_THRESHOLD = 0.05
_CONFIDENCE = 0.95

Record = Mapping[str, Any]
SCALED = "ours, plant scaled to 10 %"
"""The planted records, with their own spread."""
ADDED = "ours, 10 % added"
"""Records without the plant, later ones multiplied: a step that does not change the spread."""


class Value(NamedTuple):
    """A record's ratio with its interval, and the absolute figure beside it."""

    ratio: float
    low: float
    high: float
    absolute: float


Detect = Callable[[Sequence[Value]], list[int]]
"""The places at which a series has a change point; asv finds those for the worse alone."""


def proof(records: Sequence[Record], seed: int = 20) -> dict[str, Any]:
    """What the pool proves, as JSON.

    Args:
        records: lines of the pool, in the order in which they were measured.
        seed: of the drawing.

    Returns:
        {"records": numbers of each kind, "spread": {series: {sigma, low, high, limit, ratio_mean}},
        "one_package": {series: change points in 40 records}, "load_1m":
        [lowest, median, highest], "claims": see `claims`, "steps": [{series, by: "ours" | "asv,
        ratio" | "asv, absolute", step: mean size, histories, found, found_low, found_high,
        false_alarms, flat_histories, flat_alarms, flat_low, flat_high}], "sizes", "confidence"}.
    """
    chance = random.Random(seed)
    steps = []
    for series in (*SERIES, COUNTED):
        real, planted = (_values(records, series, is_planted) for is_planted in (False, True))
        if len(real) < LENGTH or len(planted) < STEP_BETWEEN[1]:
            continue
        drawn = [_history(real, planted, chance) for _ in range(HISTORIES)]
        flat = [_drawn(real, LENGTH, chance) for _ in range(HISTORIES)]
        for by, detect in _detectors(series).items():
            steps.append(_judged(series, by, detect, drawn, flat))
        if series != COUNTED:
            planted = _scaled(planted, real, inverted=series.endswith("_per_s"))
            drawn = [_history(real, planted, chance) for _ in range(HISTORIES)]
            steps.append(_judged(series, SCALED, _ours(series), drawn, flat))
            factor = 1 / EXACT_STEP if series.endswith("_per_s") else EXACT_STEP
            drawn = [_stepped(each, factor, chance) for each in flat]
            steps.append(_judged(series, ADDED, _ours(series), drawn, flat))
    found = {
        "records": {
            f"{kind}{', planted' if planted else ''}": sum(
                each["kind"] == kind and each["planted"] is planted for each in records
            )
            for kind in KINDS
            for planted in (False, True)
        },
        "loads": sorted({each["load"] for each in records if each["kind"] == "time"}),
        "load_1m": _range([each["load_1m"] for each in records if "load_1m" in each]),
        "packages": sorted({each["package"] for each in records}),
        "spread": {
            series: _spread(series, _values(records, series, False), _values(records, series, True))
            for series in (*SERIES, COUNTED)
            if len(_values(records, series, False)) > 1
        },
        "one_package": {
            series: len(_ours(series)(first))
            for series in (*SERIES, COUNTED)
            if len(first := _values(records, series, False)[:ONE_PACKAGE]) == ONE_PACKAGE
        },
        "steps": steps,
        "sizes": {"histories": HISTORIES, "length": LENGTH, "block": BLOCK, "within": WITHIN},
        "confidence": _CONFIDENCE,
    }
    return {**found, "claims": claims(found)}


def claims(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the history is to keep to: {what, found, holds}; what has no records yet is left out."""
    told = [
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
    return [dict(zip(("what", "found", "holds"), each)) for each in told]


def _range(values: Sequence[float]) -> list[float]:
    return [min(values), median(values), max(values)] if values else []


def _scaled(planted: Sequence[Value], real: Sequence[Value], inverted: bool) -> list[Value]:
    """The planted values with their spread as it is, and their mean moved to `EXACT_STEP`."""
    means = [fmean(math.log(each.ratio) for each in values) for values in (planted, real)]
    factor = math.exp(means[1] - means[0]) * (1 / EXACT_STEP if inverted else EXACT_STEP)
    return [Value(*(factor * figure for figure in each)) for each in planted]


def _stepped(
    flat: Sequence[Value], factor: float, chance: random.Random
) -> tuple[list[Value], int]:
    place = chance.randint(*STEP_BETWEEN)
    later = [Value(*(factor * figure for figure in each)) for each in flat[place:]]
    return [*flat[:place], *later], place


def _values(records: Sequence[Record], series: str, planted: bool) -> list[Value]:
    """The figures of a series' records, in order; a count is its own absolute."""
    kind = COUNTED if series == COUNTED else "time"
    own = [each for each in records if each["kind"] == kind and each["planted"] is planted]
    if series == COUNTED:
        counts = [float(each[COUNTED]) for each in own]
        return [Value(each, each, each, each) for each in counts]
    found = [each["metrics"][series] for each in own if series in each["metrics"]]
    found_ratios = [(each["ratio"], each["value"]) for each in found]
    return [Value(ratio[0], ratio[1], ratio[2], value) for ratio, value in found_ratios]


def _history(
    real: Sequence[Any], planted: Sequence[Any], chance: random.Random
) -> tuple[list[Any], int]:
    """A history with a step, and the place of the first record with the plant."""
    place = chance.randint(*STEP_BETWEEN)
    return [*_drawn(real, place, chance), *_drawn(planted, LENGTH - place, chance)], place


def _drawn(pool: Sequence[Any], count: int, chance: random.Random) -> list[Any]:
    """Blocks of neighbours, without replacement, cut to so many records."""
    blocks = [pool[first : first + BLOCK] for first in range(0, len(pool), BLOCK)]
    chance.shuffle(blocks)
    return [each for block in blocks for each in block][:count]


def _ours(series: str) -> Detect:
    kind: Kind = "instructions" if series == COUNTED else "time"

    def detect(values: Sequence[Value]) -> list[int]:
        points = [
            replace(point, low=value.low, high=value.high)
            for point, value in zip(points_of([each.ratio for each in values]), values)
        ]
        return [each.index for each in change_points(points, kind)]

    return detect


def _asv(series: str, field: str) -> Detect:
    """asv finds steps upward only: a rate is given to it inverted."""
    threshold = _ASV_THRESHOLD.get(series, _ASV_RATIO_THRESHOLD)

    def detect(values: Sequence[Value]) -> list[int]:
        asv: Any = import_module("asv.step_detect")
        figures = [getattr(each, field) for each in values]
        given = [1 / each if series.endswith("_per_s") else each for each in figures]
        found = asv.detect_regressions(asv.detect_steps(given), threshold)
        return [after for _, after, _, _ in found[2]] if found[2] else []

    return detect


def _detectors(series: str) -> dict[str, Detect]:
    found = {"ours": _ours(series), "asv, ratio": _asv(series, "ratio")}
    return found if series == COUNTED else {**found, "asv, absolute": _asv(series, "absolute")}


def _judged(
    series: str,
    by: str,
    detect: Detect,
    drawn: Sequence[tuple[list[Any], int]],
    flat: Sequence[list[Any]],
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
    """The standard deviation of the log-ratio, with its interval (chi-square), that of the
    absolute times, and that with the plant, which has a spread of its own."""
    logs = [math.log(each.ratio) for each in values]
    sigma = stdev(logs)
    low, high = chi_square_interval(sigma, len(logs), _CONFIDENCE)
    return {
        "sigma": sigma, "low": low, "high": high, "limit": LIMITS.get(series),
        "mean": math.exp(fmean(logs)),
        "absolute_sigma": stdev(math.log(each.absolute) for each in values),
        "planted_sigma": stdev(math.log(each.ratio) for each in planted) if planted[1:] else None,
        "autocorrelation": _autocorrelation(logs),
    }  # fmt: skip


def _autocorrelation(values: Sequence[float]) -> float:
    """Of neighbours."""
    middle = fmean(values)
    total = math.fsum((each - middle) ** 2 for each in values)
    pairs = math.fsum((a - middle) * (b - middle) for a, b in pairwise(values))
    return pairs / total if total else 0.0


def markdown(found: Mapping[str, Any], command: str) -> str:
    """The proof as Markdown."""
    lines = ["| claim | measured | |", "|---|--:|---|"]
    for each in found["claims"]:
        verdict = "holds" if each["holds"] else "**missed**"
        lines.append(f"| {each['what']} | {each['found']} | {verdict} |")
    alarms = f"change points in {ONE_PACKAGE} records"
    lines += [
        "",
        f"| series | one sigma | limit | with the plant | absolute times | {alarms} |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for series, row in found["spread"].items():
        limit = f"{100 * row['limit']:.1f} %" if row["limit"] else ""
        planted = f"{100 * row['planted_sigma']:.2f} %" if row["planted_sigma"] else ""
        lines.append(
            f"| {series} | {100 * row['sigma']:.2f} % ({100 * row['low']:.2f} to "
            f"{100 * row['high']:.2f} %) | {limit} | {planted} "
            f"| {100 * row['absolute_sigma']:.1f} % | {found['one_package'].get(series, '')} |"
        )
    lines += [
        "",
        "| series | by | step | found | 95 % interval | other alarms | alarms without a step |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in found["steps"]:
        lines.append(
            f"| {row['series']} | {row['by']} | {100 * row['step']:+.1f} % | {row['found']} of "
            f"{row['histories']} | {100 * row['found_low']:.0f} to {100 * row['found_high']:.0f} % "
            f"| {row['false_alarms']} | {row['flat_alarms']} of {row['flat_histories']} |"
        )
    numbers = ", ".join(f"{count} {kind}" for kind, count in found["records"].items())
    lines += ["", f"From {numbers}. Made by `{command}`."]
    if found["load_1m"]:
        low, middle, high = found["load_1m"]
        lines.append(f"The load average meanwhile: {low} to {high}, in the median {middle:.3g}.")
    return "\n".join(lines) + "\n"
