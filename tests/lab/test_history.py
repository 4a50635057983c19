"""The history: appended to, read whatever is in it, folded without averaging."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from benchmarks.__main__ import main
from benchmarks.records import history
from benchmarks.records.record import RunRecord

from .synthetic_history import HOSTILE, MACHINE, WORKLOADS, commit, run_of, write_history


def lines(root):
    return (root / "history" / f"{MACHINE}.ndjson").read_text("utf-8").splitlines()


def test_a_run_adds_a_line_a_workload(tmp_path):
    write_history(tmp_path, 3)
    assert len(lines(tmp_path)) == 3 * len(WORKLOADS)
    reading = history.read(tmp_path)
    assert reading.problems == []
    assert {record.workload for record in reading.records} == set(WORKLOADS)


def test_what_is_there_is_never_rewritten(tmp_path):
    write_history(tmp_path, 1)
    before = lines(tmp_path)
    history.append(run_of(1, 2), tmp_path)
    assert lines(tmp_path)[: len(before)] == before


def test_a_dirty_tree_is_no_fact_about_its_commit(tmp_path):
    run = run_of(0, 1)
    dirty = replace(commit(0), dirty=True)
    workloads = tuple(replace(record, commit=dirty) for record in run.workloads)
    assert history.append(RunRecord(workloads), tmp_path) is None
    assert not (tmp_path / "history").exists()


def test_corrupt_lines_are_named_kept_aside_and_cost_nothing_else(tmp_path):
    write_history(tmp_path, 2)
    path = tmp_path / "history" / f"{MACHINE}.ndjson"
    good = path.read_bytes().splitlines()
    bad = [b'{"half": ', b"\xff\xfe\x00", b"[]", b"<<<<<<< HEAD", b"[" * 5000]
    path.write_bytes(b"\n".join([good[0], *bad, *good[1:], b"", b"   "]) + b"\n")
    before = path.read_bytes()
    reading = history.read(tmp_path)
    assert len(reading.records) == len(good)
    assert [problem.split(": ")[0] for problem in reading.problems] == [
        f"{path.name}:{number}" for number in range(2, 7)
    ]
    assert path.read_bytes() == before
    aside = path.with_name(path.name + ".rejected")
    assert len(aside.read_text("utf-8").splitlines()) == len(bad)
    history.read(tmp_path)
    assert len(aside.read_text("utf-8").splitlines()) == len(bad)


def test_after_a_writer_was_killed_within_a_line_the_next_line_is_whole(tmp_path):
    write_history(tmp_path, 1)
    path = tmp_path / "history" / f"{MACHINE}.ndjson"
    path.write_bytes(path.read_bytes()[:-40])
    history.append(run_of(1, 2), tmp_path)
    reading = history.read(tmp_path)
    assert len(reading.problems) == 1
    assert len(reading.records) == 2 * len(WORKLOADS) - 1


def test_no_history_is_an_empty_one(tmp_path):
    assert history.read(tmp_path).records == []


def test_a_machine_cannot_name_a_path(tmp_path):
    run = run_of(0, 1)
    workloads = tuple(replace(record, machine="../../Ev il") for record in run.workloads)
    path = history.append(RunRecord(workloads), tmp_path)
    assert path is not None
    assert path.parent == tmp_path / "history"


def test_a_series_is_in_the_order_of_commits_not_of_lines(tmp_path):
    for number in (2, 0, 1):
        history.append(run_of(number, 3), tmp_path)
    found = history.series(history.read(tmp_path).records, WORKLOADS[0])
    assert [record.commit for record in found] == [commit(number) for number in range(3)]


def test_repeats_of_a_commit_are_one_point_of_all_calls(tmp_path):
    first, again = run_of(0, 1, calls=400), run_of(0, 1, calls=600)
    history.append(first, tmp_path)
    history.append(again, tmp_path)
    (point,) = history.series(history.read(tmp_path).records, WORKLOADS[0])
    assert point.calls == 1000
    assert point.metrics["latency_p99_ms"].low is not None
    p95 = point.metrics["latency_p95_ms"].value
    ends = sorted(run.workloads[0].metrics["latency_p95_ms"].value for run in (first, again))
    assert ends[0] * 0.98 <= p95 <= ends[1] * 1.02
    slowest = max(run.workloads[0].metrics["latency_max_ms"].value for run in (first, again))
    assert point.metrics["latency_max_ms"].value == pytest.approx(slowest, rel=1e-5)


def test_two_broken_histograms_still_make_a_point(tmp_path):
    run = run_of(0, 1)
    for _ in range(2):
        workloads = tuple(replace(record, histogram="broken") for record in run.workloads)
        history.append(RunRecord(workloads), tmp_path)
    (point,) = history.series(history.read(tmp_path).records, WORKLOADS[0])
    assert "latency_p95_ms" in point.metrics


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()

    def git(*arguments):
        own = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", folder, *own, *arguments], check=True, capture_output=True)

    git("init", "-q")
    (folder / "file").write_text("1")
    git("add", "file")
    git("commit", "-q", "-m", HOSTILE)
    git("commit", "-q", "--allow-empty", "-m", "second")
    return folder


def test_a_commit_is_as_git_knows_it(repository):
    first = history.commit_of("HEAD~1", repository)
    assert first.subject == HOSTILE
    assert first.committed_at.endswith("+00:00")
    assert not history.commit_of("HEAD", repository).dirty
    (repository / "file").write_text("2")
    assert history.commit_of("HEAD", repository).dirty
    assert not history.commit_of("HEAD~1", repository).dirty


@pytest.mark.parametrize("revision", ["no-such", "--help", "-n1", ""])
def test_what_is_no_revision_is_said(repository, revision):
    with pytest.raises(ValueError, match=r"\w"):
        history.commit_of(revision, repository)


def test_the_old_lines_are_shown_apart(tmp_path, capsys):
    write_history(tmp_path, 3)
    assert main(["history", "--old", "--results", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "no trend is made of them" in printed
    assert "claim-lifo-1e3" in printed
