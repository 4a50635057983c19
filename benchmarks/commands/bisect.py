"""Find the commit that made a workload slower: a bisection that the gate decides at each step.

Where the change can be counted (instructions, statements), counts alone decide each step: exactly,
and within seconds. Otherwise time is measured at each step.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from benchmarks.commands.compare import ROOT, add_measuring, asked, chosen_workloads, compare
from benchmarks.common.exits import ExitCode
from benchmarks.common.git import commits_after, describe, resolve
from benchmarks.contenders.revisions import BuildFailed
from benchmarks.judging.gate import Comparison, Verdict
from benchmarks.reporting.text import reasons, sentence

Judge = Callable[[str], Verdict]
"""The gate's verdict on a commit against the good one."""


@dataclass
class Found:
    """The result of a bisection.

    Args:
        first_bad: the commit; None where several are left in `suspects`.
        suspects: commits of which one is the first bad one, oldest first.
        steps: (commit, verdict) in the order in which they were tried.
    """

    first_bad: str | None
    suspects: list[str]
    steps: list[tuple[str, Verdict]] = field(default_factory=list)

    @property
    def is_unclear(self) -> bool:
        """Whether BAD itself could not be judged."""
        return not self.suspects and any(each is Verdict.INCONCLUSIVE for _, each in self.steps)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("good", metavar="GOOD", help="a revision that was fast")
    parser.add_argument("bad", metavar="BAD", help="a later one that is slow")
    parser.add_argument("workload", metavar="WORKLOAD", nargs=1, help="what became slow")
    add_measuring(parser, workloads=False)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(options: argparse.Namespace) -> int:
    """Bisect, and show the commit; 0 when one was found, 1 when BAD is no slower than GOOD, 4 when
    several are left or BAD could not be judged."""
    chosen_workloads(options.workload)
    good = resolve(ROOT, options.good)
    commits = commits_after(ROOT, good, resolve(ROOT, options.bad))
    comparisons: dict[str, Comparison] = {}
    found = bisect(commits, _judge(good, options, comparisons))
    if options.json:
        steps = [{"commit": commit, "verdict": verdict} for commit, verdict in found.steps]
        compared = {commit: each.to_json() for commit, each in comparisons.items()}
        content = {"first_bad": found.first_bad, "suspects": found.suspects, "steps": steps}
        print(json.dumps({**content, "comparisons": compared}, indent=1))
    else:
        _show(found, comparisons)
    if found.first_bad:
        return ExitCode.PASS
    return ExitCode.INCONCLUSIVE if found.suspects or found.is_unclear else ExitCode.REGRESSION


def _judge(good: str, options: argparse.Namespace, comparisons: dict[str, Comparison]) -> Judge:
    """Compares commits with the good one, by counts alone if those distinguish good from bad; adds
    the results to `comparisons`."""
    wanted = asked(options)
    counts_decide = not wanted.times

    def say(text: str) -> None:
        if not options.quiet:
            print(text, file=sys.stderr, flush=True)

    def compared(commit: str) -> Comparison:
        nonlocal counts_decide
        if wanted.counts:
            comparison = compare(good, commit, replace(wanted, times=False))
            counts_decide = counts_decide or comparison.verdict is Verdict.REGRESSED
            if counts_decide or comparison.equal or comparison.interrupted:
                return comparison
        return compare(good, commit, replace(wanted, counts=False, confirms=True))

    def judge(commit: str) -> Verdict:
        say(f"{commit[:10]} {_subject(commit)}")
        try:
            comparison = compared(commit)
        except BuildFailed as error:
            say(f"  skipped: {error}")
            return Verdict.INCONCLUSIVE
        if comparison.interrupted:
            raise KeyboardInterrupt
        comparisons[commit] = comparison
        say(f"  {comparison.verdict}: {sentence(comparison)}")
        return comparison.verdict

    return judge


def bisect(commits: list[str], judge: Judge) -> Found:
    """The first of the commits, oldest first, that is regressed, if the last one is.

    One that cannot be judged is skipped for its neighbours, as `git bisect skip` does.
    """
    steps: list[tuple[str, Verdict]] = []

    def ask(index: int) -> Verdict:
        verdict = judge(commits[index])
        steps.append((commits[index], verdict))
        return verdict

    if not commits or ask(len(commits) - 1) is not Verdict.REGRESSED:
        return Found(None, [], steps)
    known_good, known_bad = -1, len(commits) - 1
    unclear: set[int] = set()
    while between := [each for each in range(known_good + 1, known_bad) if each not in unclear]:
        middle = (known_good + known_bad) // 2
        tried = min(between, key=lambda each: abs(each - middle))
        verdict = ask(tried)
        if verdict is Verdict.REGRESSED:
            known_bad = tried
        elif verdict is Verdict.INCONCLUSIVE:
            unclear.add(tried)
        else:
            known_good = tried
    suspects = commits[known_good + 1 : known_bad + 1]
    return Found(suspects[0] if len(suspects) == 1 else None, suspects, steps)


def _subject(commit: str) -> str:
    return describe(ROOT, commit)[1]


def _show(found: Found, comparisons: dict[str, Comparison]) -> None:
    if found.first_bad:
        print(f"first bad commit: {found.first_bad} {_subject(found.first_bad)}")
        for workload in comparisons[found.first_bad].workloads:
            for reason in reasons(workload):
                print(f"  {reason}")
            if workload.explanation:
                print(f"  counted: {workload.explanation}")
    elif found.suspects:
        print("one of these, which could not be judged apart:")
        for commit in found.suspects:
            print(f"  {commit[:10]} {_subject(commit)}")
    elif found.is_unclear:
        print("It is undecided whether BAD is slower than GOOD: see the doctor.")
    else:
        print("BAD is not slower than GOOD, as far as can be seen: nothing to look for.")
