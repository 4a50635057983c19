"""What the Windows leg passed, expected to fail and left out, with the reasons:
`python -m tests.windows.summary reports/windows.xml`. Exit code 1 if fewer than 95 % of the tests
that were not left out passed."""

from __future__ import annotations

import sys
from collections import Counter
from xml.etree import ElementTree as ET

LEAST = 0.95


def summary(path: str) -> tuple[str, float]:
    """The text, and the share of passed tests among those that were not left out."""
    states: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {"expected to fail": Counter(), "left out": Counter()}
    for case in ET.parse(path).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            state = "failed"
        elif skipped is None:
            state = "passed"
        else:
            state = "expected to fail" if skipped.get("type") == "pytest.xfail" else "left out"
            reasons[state][str(skipped.get("message"))] += 1
        states[state] += 1
    lines = [", ".join(f"{count} {state}" for state, count in states.most_common())]
    for state, counts in reasons.items():
        lines += [f"{state}: {count} x {reason}" for reason, count in counts.most_common()]
    tried = states.total() - states["left out"]
    return "\n".join(lines), states["passed"] / max(tried, 1)


def main() -> int:
    text, share = summary(sys.argv[1])
    print(text)
    print(f"{share:.1%} of the tests that were not left out passed (at least {LEAST:.0%})")
    return 0 if share >= LEAST else 1


if __name__ == "__main__":
    raise SystemExit(main())
