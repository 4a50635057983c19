"""What the Windows leg passed, expected to fail and left out, with the reasons:
`python -m tests.windows.summary reports/windows*.xml`, of which a later file has what was run once
more. Exit code 1 if a test failed, or if fewer than 95 % of those that were not left out passed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

LEAST = 0.95
PASSED, FAILED, EXPECTED, LEFT_OUT = "passed", "failed", "expected to fail", "left out"

Outcomes = dict[str, tuple[str, str]]
"""By test: what became of it, and the reason."""


def outcomes(path: str) -> Outcomes:
    """Those of one run."""
    found = {}
    for case in ET.parse(path).iter("testcase"):
        skipped = case.find("skipped")
        state, reason = PASSED, ""
        if case.find("failure") is not None or case.find("error") is not None:
            state = FAILED
        elif skipped is not None:
            state = EXPECTED if skipped.get("type") == "pytest.xfail" else LEFT_OUT
            reason = str(skipped.get("message"))
        found[f"{case.get('classname')}::{case.get('name')}"] = state, reason
    return found


def main(paths: Sequence[str]) -> int:
    """Print it; the exit code."""
    first, *again = map(outcomes, paths)
    last: Outcomes = {**first}
    for each in again:
        last |= each
    states = Counter(state for state, _ in last.values())
    print(", ".join(f"{count} {state}" for state, count in states.most_common()))
    for (state, reason), count in Counter(last.values()).most_common():
        if reason:
            print(f"{state}: {count} x {reason}")
    for test, (state, _) in last.items():
        if first.get(test, (FAILED, ""))[0] == FAILED:
            print(f"{state} in the end: {test}")
    share = states[PASSED] / max(len(last) - states[LEFT_OUT], 1)
    print(f"{share:.1%} of the tests that were not left out passed (at least {LEAST:.0%})")
    return 1 if states[FAILED] or share < LEAST else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
