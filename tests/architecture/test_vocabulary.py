"""The field's terms in plain English: expressions that this project once invented stay away.

Not read: results/ and CHANGELOG.md, which say what was; SQL, whose names databases hold; and the
names below, which programs use.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = [
    *sorted((ROOT / "src").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
    *sorted((ROOT / "examples").glob("*")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
]
BANNED = {
    r"a sign of life": "a heartbeat",
    r"a whole life|whole lives": "lifecycle",
    r"\ba text\b": "a string, text",
    r"\banew\b": "again",
    r"\banybody\b|\bnobody\b|\bsomebody\b|\bwhoever\b": "the process, the caller, no worker, ...",
    r"\bbarren\b": "failed_start",
    r"\bbears?\b|\bborne\b": "has, holds",
    r"\bbeside\b": "next to, compared with",
    r"\bbury\b|\bburied\b|\bmourn\w*": "reap, record_crash",
    r"\bCare\b|\bcare\.py": "maintenance",
    r"\bcrew\b": "worker_threads",
    r"\bgoes? by it\b": "uses it",
    r"\bhats?\b": "sample buffer",
    r"\bhe\b|\bhim\b|\bhis\b": "the process, the writer, ...",
    r"(?<!there )\bis no (file|folder|path|number|name|idea|task|database|directory|address|plugin|"
    r"JSON)\b": "is not a ...",
    r"\bkeepers?\b": "progress_saver",
    r"\bmended\b": "clamped",
    r"\bpermits?\b": "slot",
    r"\bpoliteness\b": "rate limiting",
    r"\bround again\b": "requeue",
    r"\bstand(s|ing)? in line\b|\bin the line\b": "wait in the queue",
    r"\bt(ake|akes|aken|aking|ook) over\b": "import, reassign",
    r"\bthe floor\b": "the reference",
    r"\bthe seed('s)?\b": "the original specification",
    r"\btold\b(?! apart)": "given, reported",
    r"\bturn and turn about\b": "interleaved",
}
KEPT = re.compile(
    r"limit_permit|take_permits?|\"permits?\"|\"permit\"|def permit\b|as permit\b"
    r"|base\.permit is now|claim-beside-prune|content from Somebody|\"nobody\""
)
"""A table's name, JSON keys, and the deprecated aliases of `slot`; the name of a workload, which
records hold; YouTube's own words; and the name of a Unix account."""


@pytest.mark.parametrize("term", sorted(BANNED))
def test_an_old_term_is_not_used(term: str) -> None:
    pattern = re.compile(term, re.IGNORECASE if term != r"\bCare\b|\bcare\.py" else 0)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in READ
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(KEPT.sub("", line))
    ]
    assert found == [], f"write instead: {BANNED[term]}"
