"""Where a series changed its level, by ruptures, and where the machine did.

The library finds the segments; what is around it makes it fit for latencies. Values become
logarithms (a change is a share), a lone spike is clipped to two deviations from its running median
(a slow commit is no change point), the noise is taken from the differences of neighbours (a step
does not widen it), and steps below `SMALLEST` are dissolved.

`PENALTY` was chosen on 200 synthetic series each of 12 to 200 commits. With normal noise, heavy
tails or 5 % spikes, at most 2.5 % of flat series raise an alarm (at most 5.5 % where neighbours
correlate by 0.4); with 20 commits and 3 % of noise, 82 % of changes by 10 % are found, and all by
20 %. Slow drift shows as a staircase.

Counters are exact: there every difference is a change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import pairwise
from statistics import median
from typing import Any

PENALTY = 8.0
SMALLEST = 0.03
SHORTEST_SEGMENT = 3
_WINDOW = 7
_LEAST_NOISE = 2e-3
NOTED = ("cpu", "kernel", "python", "sqlite", "system", "filesystem", "machine")
"""What of an environment is told where it changed; load and free memory change all the time."""


@dataclass(frozen=True)
class ChangePoint:
    """The first point of a new level.

    Args:
        index: of that point in the series.
        before, after: medians of the segments on both sides.
        change: after / before - 1; infinite from zero.
        worse: whether the change is for the worse.
        environment: what changed of the machine at this point or the neighbouring ones.
    """

    index: int
    before: float
    after: float
    change: float
    worse: bool
    environment: tuple[str, ...] = ()


def change_points(
    values: Sequence[float], *, higher_is_better: bool = False, exact: bool = False
) -> list[ChangePoint]:
    """Change points of a series in order of its commits.

    Args:
        values: finite; a series with values of 0 or below is judged unscaled.
        exact: the values are deterministic counters.
    """
    count = len(values)
    if exact:
        starts = [
            index
            for index in range(1, count)
            if not math.isclose(values[index], values[index - 1], rel_tol=1e-4, abs_tol=1e-9)
        ]
    elif count < 2 * SHORTEST_SEGMENT or min(values) == max(values):
        starts = []
    else:
        starts = _segment(values)
    if not starts:
        return []
    edges = [0, *starts, count]
    levels = [median(values[left:right]) for left, right in pairwise(edges)]
    return [
        ChangePoint(
            index=start,
            before=before,
            after=after,
            change=after / before - 1 if before else math.copysign(math.inf, after),
            worse=(after < before) if higher_is_better else (after > before),
        )
        for start, before, after in zip(starts, levels, levels[1:])
    ]


def environment_changes(environments: Sequence[Mapping[str, Any]]) -> dict[int, tuple[str, ...]]:
    """By index of a series, what changed since the point before: "sqlite 3.40.1 → 3.46.0"."""
    found = {}
    for index in range(1, len(environments)):
        before, after = environments[index - 1], environments[index]
        notes = tuple(
            f"{name} {before[name]} → {after[name]}"
            for name in before
            if name.lower().startswith(NOTED) and name in after and before[name] != after[name]
        )
        if notes:
            found[index] = notes
    return found


def annotated(
    points: Sequence[ChangePoint], environments: Mapping[int, tuple[str, ...]]
) -> list[ChangePoint]:
    """The change points, with what changed of the machine within one commit of each."""
    return [
        replace(
            point,
            environment=tuple(
                note
                for index in range(point.index - 1, point.index + 2)
                for note in environments.get(index, ())
            ),
        )
        for point in points
    ]


def _segment(values: Sequence[float]) -> list[int]:
    import numpy as np

    raw = np.asarray(values, dtype=float)
    positive = bool(raw.min() > 0)
    scaled = np.log(raw) if positive else raw
    unit = 1.0 if positive else float(np.median(np.abs(raw))) or 1.0
    padded = np.pad(scaled, _WINDOW // 2, mode="edge")
    running = np.median(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW), axis=1)
    noise = float(np.median(np.abs(np.diff(scaled)))) / 0.6745 / math.sqrt(2)
    noise = max(noise, _LEAST_NOISE * unit)
    clipped = running + np.clip(scaled - running, -2 * noise, 2 * noise)
    finder = import_module("ruptures").KernelCPD(kernel="linear", min_size=SHORTEST_SEGMENT)
    penalty = PENALTY * noise**2 * math.log(len(raw))
    starts = [int(end) for end in finder.fit(clipped.reshape(-1, 1)).predict(pen=penalty)[:-1]]
    smallest = math.log1p(SMALLEST) if positive else SMALLEST * unit
    while starts:
        edges = [0, *starts, len(raw)]
        levels = [float(np.median(scaled[a:b])) for a, b in pairwise(edges)]
        steps = [abs(after - before) for before, after in pairwise(levels)]
        if min(steps) >= smallest:
            break
        starts.pop(steps.index(min(steps)))
    return starts
