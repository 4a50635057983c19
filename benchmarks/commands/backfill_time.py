"""The part of `backfill` that measures time: each package interleaved with the anchor."""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import contenders
from benchmarks.commands.compare import working_folder
from benchmarks.common.exits import BadInput, InfrastructureError, in_a_line
from benchmarks.common.git import UnknownRevision
from benchmarks.common.output import now, warn
from benchmarks.common.progress import Progress
from benchmarks.common.project import project, root
from benchmarks.contenders.revisions import Side, source_tree
from benchmarks.judging.gate import MetricVerdict, Settings
from benchmarks.judging.reference import CONTENDER
from benchmarks.judging.rounds import HeadLacks, Method, Rounds, Tell
from benchmarks.measuring.interleave import stock_folder
from benchmarks.records import ratios
from benchmarks.records.environment import fingerprint
from benchmarks.records.histograms import encode_histogram
from benchmarks.records.history import RESULTS
from benchmarks.records.package_files import by_package, keep, read
from benchmarks.records.packages import Package, distinct_packages

ROOT = root()
_BATCHES = 20
"""Half of the batches that a gate runs: differences between processes outweigh those between
batches."""
_WAITING_BATCHES = 5
_LONG = ("latency_p99_ms", "service_time_ms")
_NEW_SERIES = (
    "a new series of ratios begins: the anchor or the machine is another. After a new anchor also "
    "measure the newest packages with the old one (backfill --only time --newest 3 --anchor OLD), "
    "so that the two series overlap"
)
Found = dict[str, Any]
"""What is stored for a workload; {"lacks": why}; or {"wrong": why}, which is not stored."""


class AnchorLacks(Exception):
    """The anchor lacks what a workload needs."""


@dataclass
class Work:
    """What is to be measured, and how many workloads were begun, stored, and wrong.

    Args:
        ends_at: of time.monotonic(): no workload is begun later.
    """

    packages: Sequence[Package]
    options: argparse.Namespace
    progress: Progress
    ends_at: float
    begun: int = 0
    kept: int = 0
    wrong: int = 0

    def folders(self, folder_of: Callable[..., Path], environment: Mapping[str, Any]) -> list[Path]:
        """The folders of a series: for new results, and of published ones."""
        return [folder_of(results, environment) for results in (self.options.results, RESULTS)]

    def missing(
        self, packages: Iterable[Package], names: Sequence[str], folders: Sequence[Path]
    ) -> list[tuple[Package, str]]:
        """What is missing in all folders of a series, in the order of the packages; each once."""
        kept = [] if self.options.again else [by_package(folder) for folder in folders]
        once = {package.key: package for package in packages}
        return [
            (package, name)
            for package in once.values()
            for name in names
            if not any(name in each.get(package.key, {}) for each in kept)
        ]


def anchor_package(revision: str | None = None) -> Package:
    """The package that times are compared with: the revision's, or the one in results/anchor;
    BadInput where it is missing."""
    path = RESULTS / "anchor"
    try:
        name = revision or path.read_text(encoding="utf-8").split()[0]
        return distinct_packages(ROOT, name)[-1]
    except (OSError, IndexError):
        raise BadInput(
            f"{path} names no commit to compare with: write one into it, or give --anchor REV"
        ) from None
    except UnknownRevision as error:
        raise BadInput(f"the anchor: {error}") from None


def spread(packages: Sequence[Package]) -> list[Package]:
    """The newest first, then in an order that mixes old and new ones in every stretch: by the van
    der Corput sequence, the digits of a count in base 2 read backwards."""
    places = sorted(range(len(packages)), key=lambda number: int(f"{number:032b}"[::-1], 2))
    return [packages[-1 - place] for place in places]


def measure_times(work: Work, anchor: Package, names: Sequence[str]) -> None:
    """Measure what is not stored, as ratios to the anchor."""
    environment = ratios.environment(f"anchor {anchor.key}")
    folders = work.folders(ratios.folder_of, environment)
    others = [other for each in folders for other in each.parent.glob("*-anchor-*")]
    if others and not any(each.is_dir() for each in folders):
        warn(_NEW_SERIES)
    companions = Companions(anchor, folders)
    with_histograms = {distinct_packages(ROOT)[-1].key, anchor.key}

    def compared(package: Package, name: str, place: Path, tell: Tell) -> Found:
        head, pairs, whole = side_of(package), work.options.pairs, package.key in with_histograms
        return companions.measure(
            name, lambda base: measured(side_of(base), head, name, pairs, place, tell, whole)
        )

    _work_off(work, names, environment, folders, compared)
    _forget_histograms(folders[0], with_histograms)


def measure_waiting(work: Work, names: Sequence[str]) -> None:
    """Measure workloads that wait, as ratios to the bare reference."""
    source = Path(contenders.__file__).parent / f"{CONTENDER}.py"
    frozen = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    environment = ratios.environment(f"{CONTENDER} {frozen}")
    reference = Side(CONTENDER, "", False, Path(sys.executable), contender=CONTENDER)

    def compared(package: Package, name: str, place: Path, tell: Tell) -> Found:
        head, pairs = side_of(package), work.options.pairs
        return measured(reference, head, name, pairs, place, tell, batches=_WAITING_BATCHES)

    _work_off(work, names, environment, work.folders(ratios.folder_of, environment), compared)


def _work_off(
    work: Work, names: Sequence[str], environment: Mapping[str, Any], folders: Sequence[Path],
    compared: Callable[[Package, str, Path, Tell], Found],
) -> None:  # fmt: skip
    """Measure and store the workloads of the packages one after the other."""
    jobs = work.missing(spread(work.packages), names, folders)
    with working_folder(None) as place:
        for (package, name), tell in work.progress.each(
            jobs, lambda job: f"timing {job[0].sha[:7]} {job[1]}", "workloads", work.ends_at
        ):
            work.begun += 1
            try:
                found = compared(package, name, place, tell)
            except InfrastructureError as error:
                warn(f"{package.sha[:7]} {name}: not measured: {in_a_line(error)}")
                continue
            if "wrong" in found:
                work.wrong += 1
                warn(f"{package.sha[:7]} {name}: wrong: {found['wrong']}")
                continue
            keep(folders[0], package, environment, name,
                 found if name in project().counted else _short(found))  # fmt: skip
            work.kept += 1


class Companions:
    """What each workload is compared with: the anchor; where that lacks it, the first package of
    the history that has it, which the record names.

    Args:
        anchor: of the series.
        folders: of the series; companions named in their records are used again.
    """

    def __init__(self, anchor: Package, folders: Sequence[Path]) -> None:
        self._candidates = [anchor]
        with suppress(UnknownRevision):
            self._candidates += distinct_packages(ROOT, f"{anchor.sha}..HEAD")
        self._instead: dict[str, Package] = {}
        known = {each.key: each for each in self._candidates[1:]}
        for folder in folders:
            for workloads in by_package(folder).values():
                for name, own in workloads.items():
                    key = own.get("companion", {}).get("key")
                    if key in known:
                        self._instead.setdefault(name, known[key])

    def measure(self, workload: str, measure: Callable[[Package], Found]) -> Found:
        """What `measure(companion)` gives, with the first companion that has the workload."""
        instead = self._instead.get(workload)
        for companion in [instead] if instead else self._candidates:
            try:
                found = measure(companion)
            except AnchorLacks as error:
                reason = str(error)
                continue
            if companion is not self._candidates[0] and "metrics" in found:
                self._instead[workload] = companion
                found["companion"] = {"key": companion.key, "sha": companion.sha}
            return found
        return {"lacks": reason}


def side_of(package: Package) -> Side:
    """The package's sources, run by this interpreter with this environment's dependencies."""
    source = source_tree(ROOT, package.sha) / project().source
    return Side(package.sha[:7], package.sha, False, Path(sys.executable), (source.parent,))


def measured(
    base: Side, head: Side, workload: str, pairs: int, place: Path, tell: Tell,
    histograms: bool = False, batches: int = _BATCHES,
) -> Found:  # fmt: skip
    """What `records.ratios` stores for one workload.

    Raises:
        AnchorLacks: the base lacks it.
        InfrastructureError: it failed.
        KeyboardInterrupt: Ctrl-C; what was measured by then is not enough.
    """
    settings = replace(Settings(), looks=(pairs,), batches=batches)
    seed = int.from_bytes(os.urandom(4), "big")
    load_1m = fingerprint()["load_1m"]
    rounds = Rounds(base, head, [workload], Method(place, settings, math.inf, False, tell, seed))
    try:
        timed = rounds.run()
    except HeadLacks as error:
        return {"lacks": str(error)}
    finally:
        shutil.rmtree(stock_folder(place, 1, head, workload), ignore_errors=True)
    if timed.interrupted:
        raise KeyboardInterrupt
    if timed.skipped:
        raise AnchorLacks(timed.skipped[0]["reason"])
    found = timed.workloads[0]
    if found.wrong:
        return {"wrong": found.wrong}
    record: Found = {
        "metrics": {each.metric: _as_ratio(each) for each in found.metrics},
        "pairs": found.pairs, "calls": found.calls, "confidence": ratios.CONFIDENCE,
        "measured_at": now(), "elapsed_s": _rounded(found.elapsed_s), "load_1m": load_1m,
    }  # fmt: skip
    if histograms:
        run = rounds.results[workload]
        record["histograms"] = {
            "package": encode_histogram(call for pair in run for call in pair.head_calls),
            "companion": encode_histogram(call for pair in run for call in pair.base_calls),
        }
    return record


def _as_ratio(found: MetricVerdict) -> dict[str, Any]:
    """A figure in the form of records.ratios."""
    processes = [1 + effect for effect in found.processes]
    return {
        "ratio": ratios.ratio_of(processes), "processes": [*map(_rounded, processes)],
        "value": _rounded(found.head), "companion_value": _rounded(found.base),
    }  # fmt: skip


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def _short(found: Found) -> Found:
    """Without details that only the workloads measured for every package need: a file stays below
    20 kB with all workloads in it."""
    metrics = {metric: {"ratio": each["ratio"], "value": each["value"]}
               for metric, each in found.get("metrics", {}).items() if metric not in _LONG
               }  # fmt: skip
    return {**found, "metrics": metrics} if metrics else found


def _forget_histograms(folder: Path, but_for: Iterable[str]) -> None:
    """Remove the histograms from the files of a series, except for those packages: readers open
    only the newest package's."""
    for each in read(folder):
        for name, own in each.workloads.items():
            if "histograms" in own and each.package.key not in but_for:
                rest = {key: value for key, value in own.items() if key != "histograms"}
                keep(folder, each.package, each.environment, name, rest)
