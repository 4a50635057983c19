"""results/history/<machine>.ndjson: what was measured, a line a (commit, workload), append-only.

Two branches that append to one file merge without a conflict (.gitattributes: `merge=union`), so
the order of lines means nothing: series are ordered by the time of the commit. A commit that was
measured again has more lines; `series` folds them into one point by adding their histograms.

A line that cannot be read is named as file:line in `Reading.problems`, copied once to
<machine>.ndjson.rejected, and skipped; the history file itself is never rewritten.

    append(run: RunRecord, root: Path | None = None) -> Path | None
    read(root: Path | None = None) -> Reading
    series(records, workload, machine=None, profile=None) -> list[WorkloadRecord]
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.common import git
from benchmarks.common.project import root
from benchmarks.records.histograms import BadHistogram, merge_histograms
from benchmarks.records.record import (
    CLOCK_STEPS,
    QUANTILES,
    BadRecord,
    Commit,
    Measure,
    RunRecord,
    WorkloadRecord,
    order_interval,
)

RESULTS = root() / "results"


@dataclass
class Reading:
    """What a history holds, and what in it could not be read ("file:line: why")."""

    records: list[WorkloadRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def append(run: RunRecord, root: Path | None = None) -> Path | None:
    """Add a run's lines to its machine's file, and say which file that is.

    A run of a dirty tree is no fact about its commit: nothing is written and None returned. All
    lines go in one write, after a newline if the last writer was killed in the middle of a line.

    Args:
        root: the results folder; the repository's own if None.

    Raises:
        OSError: the file cannot be written.
    """
    records = [record for record in run.workloads if not record.commit.dirty]
    if not records:
        return None
    folder = (root or RESULTS) / "history"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file_stem(records[0].machine)}.ndjson"
    text = "".join(f"{_line(record)}\n" for record in records)
    with path.open("ab+") as file:
        if file.seek(0, 2):
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                text = "\n" + text
        file.write(text.encode("utf-8"))
    return path


def read(root: Path | None = None) -> Reading:
    """Every record of every machine under a results folder, in the order of files and lines."""
    reading = Reading()
    for path in sorted(((root or RESULTS) / "history").glob("*.ndjson")):
        one = read_file(path)
        reading.records += one.records
        reading.problems += one.problems
    return reading


def read_file(path: Path) -> Reading:
    """One machine's history; see the module for what happens to a line that cannot be read."""
    reading = Reading()
    rejected: list[str] = []
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        reading.problems.append(f"{path.name}: {error.strerror}")
        return reading
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        try:
            reading.records.append(WorkloadRecord.from_json(json.loads(raw.decode("utf-8"))))
        except (BadRecord, ValueError, RecursionError) as error:
            reading.problems.append(f"{path.name}:{number}: {error}")
            rejected.append(raw.decode("utf-8", "backslashreplace").rstrip("\r"))
    if rejected:
        with suppress(OSError):  # what may not be written to can be read all the same
            _keep_aside(path.with_name(path.name + ".rejected"), rejected)
    return reading


def series(
    records: Iterable[WorkloadRecord],
    workload: str,
    machine: str | None = None,
    profile: str | None = None,
) -> list[WorkloadRecord]:
    """One workload's records, a point a commit, oldest commit first; repeats are folded."""
    points: dict[tuple[str, str, str], list[WorkloadRecord]] = {}
    for record in records:
        if (
            record.workload == workload
            and machine in {None, record.machine}
            and profile in {None, record.profile}
        ):
            key = (record.commit.sha, record.machine, record.profile)
            points.setdefault(key, []).append(record)
    folded = [fold(group) for group in points.values()]
    return sorted(folded, key=lambda record: moment(record.commit.committed_at))


def fold(group: Sequence[WorkloadRecord]) -> WorkloadRecord:
    """Several measurements of one commit as one: histograms added, never percentiles averaged.

    Throughput is all operations over all time; other values their median; counters and environment
    the last ones measured. A percentile that the sum has too few calls for is left out.
    """
    ordered = sorted(group, key=lambda record: moment(record.measured_at))
    last = ordered[-1]
    if len(ordered) == 1:
        return last
    metrics: dict[str, Measure] = {}
    for name in {name: None for record in ordered for name in record.metrics}:
        values = sorted(record.metrics[name].value for record in ordered if name in record.metrics)
        metrics[name] = Measure(values[len(values) // 2])
    calls = sum(record.calls for record in ordered)
    encoded = [record.histogram for record in ordered if record.histogram is not None]
    text = last.histogram
    merged = _sum_of(encoded)
    if merged is not None:
        text = merged.encode().decode("ascii")
        metrics |= _folded_latencies(ordered, merged)
    operations = sum(record.operations for record in ordered)
    elapsed_s = math.fsum(record.elapsed_s for record in ordered)
    if operations and elapsed_s > 0:
        metrics["throughput_per_s"] = Measure(operations / elapsed_s)
    return replace(
        last,
        metrics=metrics,
        calls=calls,
        operations=operations,
        elapsed_s=elapsed_s,
        histogram=text,
    )


def commit_of(revision: str = "HEAD", repository: Path | None = None) -> Commit:
    """A revision of the repository, as it is recorded; HEAD is dirty if tracked files differ.

    What the lab writes under results/ does not make a tree dirty.

    Raises:
        UnknownRevision: git knows no such revision.
        InfrastructureError: git cannot answer: there is no repository, say.
    """
    folder = repository or RESULTS.parent
    sha = git.resolve(folder, revision)
    committed_at, subject = git.describe(folder, sha)
    dirty = revision == "HEAD" and git.is_dirty(folder, but_for_results=True)
    utc = moment(committed_at).astimezone(timezone.utc)
    return Commit(sha, subject, utc.isoformat(timespec="seconds"), dirty)


def moment(text: str) -> datetime:
    """A recorded time; Python 3.10 does not know the Z that others write for +00:00."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def file_stem(machine: str) -> str:
    """A machine's name as every file system takes it."""
    return re.sub(r"[^a-z0-9._-]+", "-", machine.lower()).strip("-.") or "machine"


def _line(record: WorkloadRecord) -> str:
    return json.dumps(record.to_json(), separators=(",", ":"), sort_keys=True, allow_nan=False)


def _keep_aside(path: Path, lines: Sequence[str]) -> None:
    kept = set(path.read_text("utf-8", "replace").splitlines()) if path.exists() else set()
    new = [line for line in dict.fromkeys(lines) if line not in kept]
    if new:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in new)


def _folded_latencies(ordered: Sequence[WorkloadRecord], merged: Any) -> dict[str, Measure]:
    calls = merged.get_total_count()

    def at(rank: int) -> float:
        # Half a rank back: the histogram rounds the count it looks for up.
        return float(merged.get_value_at_percentile((rank - 0.5) / calls * 100)) / 1e6

    metrics = {}
    step_ns = ordered[-1].environment.get("clock_resolution_ns") or 0
    for name, quantile in QUANTILES.items():
        ranks = order_interval(calls, quantile)
        middle_ms = at(math.ceil(quantile * calls))
        if ranks is not None and middle_ms * 1e6 >= CLOCK_STEPS * step_ns:
            metrics[f"latency_{name}_ms"] = Measure(middle_ms, at(ranks[0]), at(ranks[1]))
    timed = [record for record in ordered if record.calls and "latency_max_ms" in record.metrics]
    if timed:
        metrics["latency_max_ms"] = Measure(
            max(record.metrics["latency_max_ms"].value for record in timed)
        )
        metrics["latency_mean_ms"] = Measure(
            math.fsum(record.metrics["latency_mean_ms"].value * record.calls for record in timed)
            / sum(record.calls for record in timed)
        )
    return metrics


def _sum_of(encoded: Sequence[str]) -> Any:
    """The added histograms; None without any, or if one is broken: then values stay apart."""
    try:
        return merge_histograms(encoded) if encoded else None
    except BadHistogram:
        return None
