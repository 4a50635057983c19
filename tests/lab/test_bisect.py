"""The bisection finds the commit with few questions, and steps round those it cannot judge."""

from __future__ import annotations

import pytest

from benchmarks.commands.bisect import bisect
from benchmarks.judging.gate import Verdict

COMMITS = [f"commit-{number:02}" for number in range(20)]


class History:
    """Answers as the gate would."""

    def __init__(self, first_bad: int, unclear: tuple[int, ...] = ()) -> None:
        self.asked: list[str] = []
        self._first_bad = first_bad
        self._unclear = unclear

    def __call__(self, commit: str) -> Verdict:
        self.asked.append(commit)
        index = COMMITS.index(commit)
        if index in self._unclear:
            return Verdict.INCONCLUSIVE
        return Verdict.REGRESSED if index >= self._first_bad else Verdict.UNCHANGED


@pytest.mark.parametrize("first_bad", range(20))
def test_it_finds_the_commit(first_bad: int) -> None:
    history = History(first_bad)
    found = bisect(COMMITS, history)
    assert found.first_bad == COMMITS[first_bad]
    assert len(history.asked) <= 6
    assert [commit for commit, _ in found.steps] == history.asked


@pytest.mark.parametrize("first_bad", range(20))
def test_commits_that_cannot_be_judged_are_passed_over(first_bad: int) -> None:
    found = bisect(COMMITS, History(first_bad, unclear=(8, 9, 10)))
    assert COMMITS[first_bad] in found.suspects
    assert (found.first_bad is None) is (8 <= first_bad <= 11)
    assert set(found.suspects) <= set(COMMITS[8:12]) or len(found.suspects) == 1


def test_nothing_to_find() -> None:
    assert bisect(COMMITS, History(99)).suspects == []
    assert bisect([], History(0)).steps == []
