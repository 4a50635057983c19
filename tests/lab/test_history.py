"""The old absolute lines: read whatever is in them, and shown apart; commits as git knows them."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import main
from benchmarks.records import history

from .git_repository import Repository
from .synthetic_history import HOSTILE, MACHINE, WORKLOADS, append, commit, run_of, write_history


def lines(root):
    return (root / "history" / f"{MACHINE}.ndjson").read_text("utf-8").splitlines()


def test_every_line_is_read(tmp_path):
    write_history(tmp_path, 3)
    assert len(lines(tmp_path)) == 3 * len(WORKLOADS)
    reading = history.read(tmp_path)
    assert reading.problems == []
    assert {record.workload for record in reading.records} == set(WORKLOADS)


def test_corrupt_lines_are_named_and_cost_nothing_else(tmp_path):
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


def test_no_history_is_an_empty_one(tmp_path):
    assert history.read(tmp_path).records == []


def test_a_series_is_in_the_order_of_commits_not_of_lines(tmp_path):
    for number in (2, 0, 1):
        append(run_of(number, 3), tmp_path)
    found = history.series(history.read(tmp_path).records, WORKLOADS[0])
    assert [record.commit for record in found] == [commit(number) for number in range(3)]


def test_of_a_commit_that_was_measured_twice_the_last_one_is_shown(tmp_path):
    for calls in (400, 600):
        append(run_of(0, 1, calls=calls), tmp_path)
    (point,) = history.series(history.read(tmp_path).records, WORKLOADS[0])
    assert point.calls == 600


@pytest.fixture
def repository(tmp_path):
    made = Repository(tmp_path / "repository")
    made.commit(HOSTILE, {"file": "1"})
    made.commit("second")
    return made.folder


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
