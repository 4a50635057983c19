"""results/history/<machine>.ndjson: absolute times, a line a (commit, workload), kept as what they
are: of machines of that day. No trend or verdict is made of them; the history is in counts/ and
ratios/ (package_files.py, series.py).

A line that cannot be read is named as file:line in `Reading.problems` and skipped; the file itself
is never rewritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timezone
from pathlib import Path

from benchmarks.common import git
from benchmarks.common.project import root
from benchmarks.records.packages import moment
from benchmarks.records.record import BadRecord, Commit, WorkloadRecord

RESULTS = root() / "results"


@dataclass
class Reading:
    """What a history holds, and what in it could not be read ("file:line: why")."""

    records: list[WorkloadRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(root: Path | None = None) -> Reading:
    """Every record of every machine under a results folder, in the order of files and lines."""
    reading = Reading()
    for path in sorted(((root or RESULTS) / "history").glob("*.ndjson")):
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            reading.problems.append(f"{path.name}: {error.strerror}")
            continue
        for number, raw in enumerate(lines, start=1):
            if not raw.strip():
                continue
            try:
                reading.records.append(WorkloadRecord.from_json(json.loads(raw.decode("utf-8"))))
            except (BadRecord, ValueError, RecursionError) as error:
                reading.problems.append(f"{path.name}:{number}: {error}")
    return reading


def series(
    records: Iterable[WorkloadRecord],
    workload: str,
    machine: str | None = None,
    profile: str | None = None,
) -> list[WorkloadRecord]:
    """One workload's records, oldest commit first; of a commit the last one that was measured."""
    points: dict[tuple[str, str, str], WorkloadRecord] = {}
    for record in sorted(records, key=lambda each: moment(each.measured_at)):
        is_asked = machine in {None, record.machine} and profile in {None, record.profile}
        if is_asked and record.workload == workload:
            points[record.commit.sha, record.machine, record.profile] = record
    return sorted(points.values(), key=lambda record: moment(record.commit.committed_at))


def commit_of(revision: str = "HEAD", repository: Path | None = None) -> Commit:
    """A revision of the repository, as it is recorded; HEAD is dirty if tracked files differ, but
    for what the lab writes under results/.

    Raises UnknownRevision, or InfrastructureError if git cannot answer: no repository, say.
    """
    folder = repository or RESULTS.parent
    sha = git.resolve(folder, revision)
    committed_at, subject = git.describe(folder, sha)
    dirty = revision == "HEAD" and git.is_dirty(folder, but_for_results=True)
    utc = moment(committed_at).astimezone(timezone.utc)
    return Commit(sha, subject, utc.isoformat(timespec="seconds"), dirty)


def file_stem(machine: str) -> str:
    """A machine's name as every file system takes it."""
    return re.sub(r"[^a-z0-9._-]+", "-", machine.lower()).strip("-.") or "machine"
