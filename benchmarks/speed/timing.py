"""Taking turns: candidates are measured round after round, in random order, in one process.

A figure is the median over the rounds, a ratio the median of the rounds' ratios: what disturbs the
machine for a while disturbs all candidates of that round alike. Garbage is collected before every
turn and as usual in it, so that no candidate pays for what another left behind.
"""

from __future__ import annotations

import gc
import random
import shutil
import statistics
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from benchmarks.measuring.sample import settled_garbage

Key = TypeVar("Key", bound=Hashable)
Rounds = Sequence[Sequence[float]]
"""Seconds of each call, by round."""

console = Console(stderr=True)


def timed(call: Callable[[], object], warm_up: int, count: int) -> list[float]:
    """Seconds of each of `count` calls, after some that fill the caches."""
    for _ in range(warm_up):
        call()
    seconds: list[float] = []
    append = seconds.append
    for _ in range(count):
        began = perf_counter()
        call()
        append(perf_counter() - began)
    return seconds


def interleaved(
    turns: Mapping[Key, Callable[[], list[float]]], rounds: int, what: str
) -> dict[Key, list[list[float]]]:
    """What each candidate's turn gave, by round; the order within a round is drawn anew."""
    found: dict[Key, list[list[float]]] = {key: [] for key in turns}
    order = list(turns)
    with settled_garbage():
        for _ in steps(range(rounds), what):
            random.shuffle(order)
            for key in order:
                gc.collect()
                found[key].append(turns[key]())
    return found


def percentile(seconds: Sequence[float], part: float) -> float:
    """The value below which that part of the values lies, in microseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1e6


def typical_us(rounds: Rounds, part: float) -> float:
    """The median over the rounds of that percentile, in microseconds."""
    return statistics.median(percentile(seconds, part) for seconds in rounds)


def ratio(mine: Rounds, floor: Rounds, part: float = 0.5) -> float:
    """The median over the rounds of how many times the floor's percentile mine is."""
    pairs = zip(mine, floor)
    return statistics.median(percentile(own, part) / percentile(bare, part) for own, bare in pairs)


def per_s(rounds: Rounds, operations: int = 1) -> float:
    """The median over the rounds of how many operations a second were done, `operations` a call."""
    return statistics.median(operations * len(seconds) / sum(seconds) for seconds in rounds)


def rate_ratio(mine: Rounds, floor: Rounds) -> float:
    """The median over the rounds of how many times the floor's rate mine is."""
    pairs = zip(mine, floor)
    return statistics.median((sum(bare) / len(bare)) / (sum(own) / len(own)) for own, bare in pairs)


def steps(each: Iterable[Key], what: str) -> Iterator[Key]:
    """The same, with a progress bar on standard error."""
    yield from track(list(each), what, console=console, transient=True)


def require_disk(folder: Path, needed_bytes: int) -> None:
    """Make sure that the folder's disk has so much room.

    Raises:
        RuntimeError: it has not; the message says what to do.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise RuntimeError(
            f"{folder} has {free / 1e9:.1f} GB left, and this needs {needed_bytes / 1e9:.1f} GB: "
            "free some, name another disk's folder in TMPDIR, or use --quick"
        )
