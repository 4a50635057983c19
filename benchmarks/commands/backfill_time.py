"""The part of `backfill` that measures time: each package interleaved with the anchor."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import contenders
from benchmarks.commands.compare import working_folder
from benchmarks.common.exits import BadInput, InfrastructureError
from benchmarks.common.git import UnknownRevision
from benchmarks.common.progress import Progress
from benchmarks.common.project import project, root
from benchmarks.contenders.revisions import Side, source_tree
from benchmarks.judging.gate import Settings, WorkloadVerdict
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
ROOT_OF_REFERENCE = Path(contenders.__file__).parent
_BATCHES = 20
"""Half of the batches that a gate runs: what differs between processes outweighs them."""
_WAITING_BATCHES = 5
_LONG = ("latency_p99_ms", "service_time_ms")
_NEW_SERIES = (
    "a new series of ratios begins: the anchor or the machine is another. After a new anchor also "
    "measure the newest packages with the old one (backfill --only time --newest 3 --anchor OLD), "
    "so that the two series overlap"
)


class AnchorLacks(Exception):
    """The anchor has not what a workload needs."""


def anchor_package(revision: str | None = None) -> Package:
    """The package that times are compared with: the revision's, or the one in results/anchor.

    Raises:
        BadInput: there is none.
    """
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
    """The newest first, then in an order whose every stretch has old and new ones: by the van der
    Corput sequence, the digits of a count in base 2 read backwards."""

    def reversed_bits(number: int) -> int:
        return int(f"{number:032b}"[::-1], 2)

    newest_first = list(reversed(packages))
    places = sorted(range(len(packages)), key=reversed_bits)
    return [newest_first[place] for place in places]


class _Told:
    """Tells on standard error which of all workloads is measured, and when the last one will be."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total = progress, total
        self._began = time.monotonic()
        self._number, self._name = 0, ""

    def begins(self, number: int, name: str) -> None:
        """Workload `number`, from 0."""
        self._number, self._name = number, name
        self.batch_is_done("", 0, 0)

    def batch_is_done(self, _text: str, _done: int, _total: int) -> None:
        """One pair of batches of it is done."""
        about = left_in_words(self._began, self._number, self._total)
        self._progress.tell(f"timing {self._name}{about}; workloads", self._number, self._total)


def left_in_words(began: float, done: int, total: int) -> str:
    """ ", about 35 min left", once something is done."""
    if not done:
        return ""
    left_s = (time.monotonic() - began) / done * (total - done)
    return (
        f", about {left_s / 3600:.1f} h left"
        if left_s > 5400
        else (f", about {max(1, round(left_s / 60))} min left")
    )


def missing(
    packages: Iterable[Package], names: Sequence[str], folders: Sequence[Path], again: bool
) -> list[tuple[Package, str]]:
    """What none of the folders of a series has, in the order of the packages; each once."""
    kept = [] if again else [by_package(folder) for folder in folders]
    once = {package.key: package for package in packages}
    return [
        (package, name)
        for package in once.values()
        for name in names
        if not any(name in each.get(package.key, {}) for each in kept)
    ]


def measure_times(
    packages: Sequence[Package],
    anchor: Package,
    names: Sequence[str],
    ends_at: float,
    options: argparse.Namespace,
    progress: Progress,
) -> tuple[int, int, int]:
    """Measure what is not kept: how many workloads were begun, are kept, and were wrong."""
    environment = ratios.environment(f"anchor {anchor.key}")
    folder = ratios.folder_of(options.results, environment)
    folders = (folder, ratios.folder_of(RESULTS, environment))
    jobs = missing(spread(packages), names, folders, options.again)
    if not any(each.is_dir() for each in folders) and any(
        True for each in folders for _ in each.parent.glob("*-anchor-*")
    ):
        print(_NEW_SERIES, file=sys.stderr)
    companions = Companions(anchor, folders)
    with_histograms = {distinct_packages(ROOT)[-1].key, anchor.key}

    def compared(package: Package, name: str, place: Path, tell: Tell) -> dict[str, Any]:
        keeps_calls = package.key in with_histograms
        return companions.measure(
            name, partial(_compared, package, name, options.pairs, place, tell, keeps_calls)
        )

    done = _work_off(jobs, compared, ends_at, folder, environment, progress)
    forget_histograms(folder, with_histograms)
    return done


def measure_waiting(
    packages: Sequence[Package],
    names: Sequence[str],
    ends_at: float,
    options: argparse.Namespace,
    progress: Progress,
) -> tuple[int, int, int]:
    """Measure what waits as ratios to the bare reference; the numbers as of `measure_times`."""
    frozen = hashlib.sha256((ROOT_OF_REFERENCE / f"{CONTENDER}.py").read_bytes()).hexdigest()[:16]
    environment = ratios.environment(f"{CONTENDER} {frozen}")
    folder = ratios.folder_of(options.results, environment)
    folders = (folder, ratios.folder_of(RESULTS, environment))
    reference = Side(CONTENDER, "", False, Path(sys.executable), contender=CONTENDER)

    def compared(package: Package, name: str, place: Path, tell: Tell) -> dict[str, Any]:
        return measured(
            reference, side_of(package), name, options.pairs, place, tell, batches=_WAITING_BATCHES
        )

    jobs = missing(spread(packages), names, folders, options.again)
    return _work_off(jobs, compared, ends_at, folder, environment, progress)


def _work_off(
    jobs: Sequence[tuple[Package, str]],
    compared: Callable[[Package, str, Path, Tell], dict[str, Any]],
    ends_at: float,
    folder: Path,
    environment: Mapping[str, Any],
    progress: Progress,
) -> tuple[int, int, int]:
    """Measure and keep one after the other: how many were begun, are kept, and were wrong."""
    told = _Told(progress, len(jobs))
    begun = kept = wrong = 0
    with working_folder(None) as place:
        for package, name in jobs:
            if time.monotonic() > ends_at:
                break
            told.begins(begun, f"{package.sha[:7]} {name}")
            begun += 1
            try:
                found = compared(package, name, place, told.batch_is_done)
            except InfrastructureError as error:
                why = " ".join(str(error).split())[-500:]
                print(f"{package.sha[:7]} {name}: not measured: {why}", file=sys.stderr)
                continue
            if "wrong" in found:
                wrong += 1
                print(f"{package.sha[:7]} {name}: wrong: {found['wrong']}", file=sys.stderr)
                continue
            if name not in project().counted:
                found = short(found)
            keep(folder, package, environment, name, found)
            kept += 1
    return begun, kept, wrong


def _compared(
    package: Package,
    name: str,
    pairs: int,
    place: Path,
    tell: Tell,
    histograms: bool,
    base: Package,
) -> dict[str, Any]:
    return measured(side_of(base), side_of(package), name, pairs, place, tell, histograms)


class Companions:
    """What each workload is compared with: the anchor; where that lacks it, the first package of
    the history that has it, which the record names.

    Args:
        anchor: of the series.
        folders: of the series; what their records name is used again.
    """

    def __init__(self, anchor: Package, folders: Sequence[Path]) -> None:
        self._anchor = anchor
        self._instead: dict[str, Package] = {}
        known = {each.key: each for each in self._later()}
        for folder in folders:
            for workloads in by_package(folder).values():
                for name, own in workloads.items():
                    key = own.get("companion", {}).get("key")
                    if key in known:
                        self._instead.setdefault(name, known[key])

    def _later(self) -> list[Package]:
        with suppress(UnknownRevision):
            return distinct_packages(ROOT, f"{self._anchor.sha}..HEAD")
        return []

    def measure(
        self, workload: str, measure: Callable[[Package], dict[str, Any]]
    ) -> dict[str, Any]:
        """What `measure(companion)` gives, with the first companion that has the workload."""
        instead = self._instead.get(workload)
        candidates = [instead] if instead else [self._anchor, *self._later()]
        for companion in candidates:
            try:
                found = measure(companion)
            except AnchorLacks as error:
                reason = str(error)
                continue
            if companion is not self._anchor and "metrics" in found:
                self._instead[workload] = companion
                found["companion"] = {"key": companion.key, "sha": companion.sha}
            return found
        return {"lacks": reason}


def side_of(package: Package) -> Side:
    """The package's sources, run by this interpreter with this environment's dependencies."""
    source = source_tree(ROOT, package.sha) / project().source
    return Side(package.sha[:7], package.sha, False, Path(sys.executable), (source.parent,))


def measured(
    base: Side,
    head: Side,
    workload: str,
    pairs: int,
    place: Path,
    tell: Tell,
    histograms: bool = False,
    batches: int = _BATCHES,
) -> dict[str, Any]:
    """What `records.ratios` keeps of one workload; {"lacks": why}, or {"wrong": why}.

    Raises:
        AnchorLacks: the base lacks it.
        InfrastructureError: it failed.
        KeyboardInterrupt: Ctrl-C; what was measured by then is not enough.
    """
    settings = replace(Settings(), looks=(pairs,), batches=batches)
    seed = int.from_bytes(os.urandom(4), "big")
    method = Method(place, settings, confirms=False, tell=tell, seed=seed)
    load_1m = fingerprint()["load_1m"]
    rounds = Rounds(base, head, [workload], method)
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
    record = {**as_ratios(found), "load_1m": load_1m}
    if histograms:
        run = rounds.results[workload]
        record["histograms"] = {
            "package": encode_histogram(call for pair in run for call in pair.head_calls),
            "companion": encode_histogram(call for pair in run for call in pair.base_calls),
        }
    return record


def as_ratios(found: WorkloadVerdict) -> dict[str, Any]:
    """A workload's figures in the form of records.ratios."""
    return {
        "metrics": {
            each.metric: {
                "ratio": ratios.ratio_of([1 + effect for effect in each.processes]),
                "processes": [_rounded(1 + effect) for effect in each.processes],
                "value": _rounded(each.head),
                "companion_value": _rounded(each.base),
            }
            for each in found.metrics
        },
        "pairs": found.pairs,
        "calls": found.calls,
        "confidence": ratios.CONFIDENCE,
        "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "elapsed_s": _rounded(found.elapsed_s),
    }


def short(found: dict[str, Any]) -> dict[str, Any]:
    """Without what only the workloads that are measured of every package keep: a file stays below
    20 kB with all workloads in it."""
    metrics = {
        metric: {"ratio": each["ratio"], "value": each["value"]}
        for metric, each in found.get("metrics", {}).items()
        if metric not in _LONG
    }
    return {**found, "metrics": metrics} if metrics else found


def forget_histograms(folder: Path, but_for: Iterable[str]) -> None:
    """Take the histograms out of the files of a series, but for those packages': a reader
    opens the newest package's only."""
    for each in read(folder):
        if each.package.key not in but_for:
            for name, own in each.workloads.items():
                if "histograms" in own:
                    rest: Mapping[str, Any] = {
                        key: value for key, value in own.items() if key != "histograms"
                    }
                    keep(folder, each.package, each.environment, name, rest)


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
