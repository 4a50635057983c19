"""The record made readable: one static site of the history, and a report of one run.

    publish(out: Path, results: Path | None = None, ...) -> Published
    write_report(run: RunRecord, folder: Path) -> Report      # .html, .markdown, .pictures

Both need matplotlib and jinja2 (ImportError without). What they write opens from a file: no server,
no script that is needed to read, nothing loaded from elsewhere.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput
from benchmarks.judging.targets import Limits
from benchmarks.records import history
from benchmarks.records.record import RunRecord
from benchmarks.reporting.site import build, compared, report
from benchmarks.reporting.site.peers import peers_view
from benchmarks.reporting.site.proof import proof_view

MARKER = ".performance-lab"
"""Names a folder as one that `publish` may replace."""


@dataclass(frozen=True)
class Published:
    """A site that was written: its first page, how many pages, what could not be read."""

    index: Path
    pages: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A run's report: a page, the same as Markdown, and the pictures that both show."""

    html: Path
    markdown: Path
    pictures: tuple[Path, ...]


class NotOurs(BadInput):
    """The folder to publish into holds something else."""


def publish(
    out: Path,
    results: Path | None = None,
    *,
    limits: Limits | None = None,
    about: Mapping[str, str] | None = None,
    last_comparison: Path | None = None,
    asv_html: Path | None = None,
    repository_url: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> Published:
    """Build the site from a results folder.

    It is built beside `out` and then put in its place, so that a reader never sees half of one and
    an interrupted run leaves the old one.

    Args:
        out: made, or replaced if an earlier call made it, or it is empty.
        results: the results folder; the repository's own if None.
        limits: as of lab.thresholds.
        about: by workload, a sentence on what it does.
        last_comparison: JSON of a comparison that is not among results/comparisons.
        asv_html: what `asv publish` wrote; left out if there is no such folder.
        repository_url: https:// address under which /commit/<sha> shows a commit.
        progress: told what is being done.

    Raises:
        NotOurs: `out` holds something that is not a published site.
        OSError: it cannot be written.
    """
    root = results or history.RESULTS
    out = out.resolve()
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARKER).exists())):
        raise NotOurs(f"{out} is not a site published earlier: choose another folder")
    if repository_url and not repository_url.startswith(("https://", "http://")):
        raise NotOurs(f"not a web address: {repository_url}")
    progress("reading the history")
    reading = history.read(root)
    comparisons, problems = read_comparisons(root, last_comparison)
    proof, proof_problems = read_proof(root / "proof" / "matrix.json")
    peers, peers_problems = read_peers(root / "peers")
    reading.problems += [*problems, *proof_problems, *peers_problems]
    has_asv = asv_html is not None and (asv_html / "index.html").is_file()
    material = build.Material(
        reading=reading,
        limits=limits or {},
        about=about or {},
        comparisons=comparisons,
        proof=proof,
        peers=peers,
        files=sorted((root / "history").glob("*.ndjson")),
        asv_html=asv_html if has_asv else None,
        repository_url=repository_url,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        made.chmod(0o755)
        (made / MARKER).write_text("made by python -m benchmarks publish\n", encoding="utf-8")
        pages = build.build(material, made, progress)
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return Published(out / "index.html", len(pages), tuple(reading.problems))


def write_report(run: RunRecord, folder: Path) -> Report:
    """Write a run's report into a folder, over an earlier one: report.html, report.md, pictures.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    html, markdown, pictures = report.report(run)
    paths = []
    for drawn in pictures:
        path = folder / f"{drawn.name}.svg"
        path.write_text(drawn.file(), encoding="utf-8", newline="\n")
        paths.append(path)
    for name, text in (("report.html", html), ("report.md", markdown)):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return Report(folder / "report.html", folder / "report.md", tuple(paths))


def read_comparisons(
    results: Path, last: Path | None = None
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The comparisons of results/comparisons and the last one, newest first; what is unreadable."""
    found: dict[str, Mapping[str, Any]] = {}
    problems: list[str] = []
    paths = sorted((results / "comparisons").glob("*.json"))
    for path in [*paths, *([last] if last is not None else [])]:
        comparison, wrong = _json(path)
        problems += wrong
        if comparison is not None:
            try:
                whole = compared.normal(comparison)
            except (KeyError, TypeError, ValueError) as error:
                problems.append(f"{path.name}: not a comparison: {type(error).__name__}: {error}")
            else:
                found[whole["started_at"]] = whole
    return [found[moment] for moment in sorted(found, reverse=True)], problems


def read_proof(path: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The proof as its page needs it, None where there is none; and why it cannot be read."""
    table, problems = _json(path)
    if table is None or not table.get("tools"):
        return None, problems
    try:
        return proof_view(table), problems
    except (KeyError, TypeError, AttributeError) as error:
        return None, [f"{path.name}: not a proof's matrix: {type(error).__name__}: {error}"]


def read_peers(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Each machine's comparison with other queues as its page needs it; what is unreadable."""
    views = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.json")):
        document, wrong = _json(path)
        problems += wrong
        if document is None:
            continue
        try:
            views.append(peers_view(document))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(f"{path.name}: not of peers: {type(error).__name__}: {error}")
    return views, problems


def _json(path: Path) -> tuple[dict[str, Any] | None, list[str]]:
    if not path.is_file():
        return None, []
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return None, [f"{path.name}: {error}"]
    if not isinstance(value, dict):
        return None, [f"{path.name}: not a JSON object"]
    return value, []
