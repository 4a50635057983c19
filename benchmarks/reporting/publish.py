"""The record made readable: one static site of the history, and a report of one run.

What is written opens from a file: no server, no script that is needed to read, nothing loaded from
elsewhere.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.common.exits import BadInput
from benchmarks.judging.targets import Limits
from benchmarks.records import history
from benchmarks.records.packages import Package
from benchmarks.records.series import Series, current, read_series
from benchmarks.reporting.filling import ASSETS, fill
from benchmarks.reporting.peers import peers_view
from benchmarks.reporting.site.build import comparison_pages, front_pages, workload_pages
from benchmarks.reporting.site.comparison_page import normal
from benchmarks.reporting.site.overview import workloads
from benchmarks.reporting.site.proof import gate_proof, history_proof
from benchmarks.reporting.site.report import write_report

__all__ = ["MARKER", "NotOurs", "Published", "check", "publish", "read_peers", "write_report"]
MARKER = ".performance-lab"
"""Names a folder as one that `publish` may replace."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Published:
    """A site that was written: its first page, how many pages, what could not be read."""

    index: Path
    pages: int
    problems: tuple[str, ...] = ()


class NotOurs(BadInput):
    """The folder to publish into holds something else."""


def publish(
    out: Path,
    results: Path | None = None,
    *,
    packages: Sequence[Package] = (),
    limits: Limits | None = None,
    about: Mapping[str, str] | None = None,
    last_comparison: Path | None = None,
    asv_html: Path | None = None,
    repository_url: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> Published:
    """Build the site from a results folder.

    It is built in a folder of its own and then put in its place, so that a reader never sees half
    of one and an interrupted run leaves the old one.

    Args:
        out: made, or replaced if an earlier call made it, or it is empty.
        results: the results folder; the repository's own if None.
        packages: the distinct ones of the history, oldest first; those of the records without.
        about: by workload, a sentence on what it does.
        last_comparison: JSON of a comparison that is not among results/comparisons.
        asv_html: what `asv publish` wrote; left out if there is no such folder.
        repository_url: the address under which /commit/<sha> shows a commit.

    Raises:
        BadInput: `out` holds something that is not a published site (NotOurs), or a newer lab wrote
            a file of the history.
        OSError: it cannot be written.
    """
    root = results or history.RESULTS
    out = out.resolve()
    check(out, repository_url)
    progress("reading the history")
    old = history.read(root)
    series = current(read_series(root, packages)) or current(read_series(root, []))
    problems = list(old.problems)
    comparisons = _comparisons(root, last_comparison, problems)
    proof = _views([root / "proof" / "matrix.json"], gate_proof, problems)
    of_history = _views([root / "proof" / "history.json"], history_proof, problems)
    peers, of_peers = read_peers(root / "peers")
    problems += of_peers
    anchor = _anchor(root, series)
    progress("looking for change points")
    found = workloads(series, limits or {})
    pages = [
        *front_pages(found, anchor, problems),
        *workload_pages(found, old.records, about or {}, progress),
        *comparison_pages(comparisons),
        *([("peers.html", "peers.html", {"peers": peers})] if peers else []),
        ("proof.html", "proof.html", {"proof": proof, "history": of_history}),
        ("method.html", "method.html", {}),
    ]
    has_asv = asv_html is not None and (asv_html / "index.html").is_file()
    common = {
        "has_peers": bool(peers), "has_asv": has_asv, "anchor": anchor,
        "repository": repository_url.rstrip("/"),
        "built_at": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }  # fmt: skip
    progress("writing the pages")
    with _replacing(out) as made:
        shutil.copytree(ASSETS, made / "assets")
        if asv_html and has_asv:
            shutil.copytree(asv_html, made / "asv")
        for template, href, values in pages:
            up = "../" * href.count("/")
            fill(template, made / href, here=href, up=up, **common, **values)
    written = sum(href.endswith(".html") for _, href, _ in pages)
    return Published(out / "index.html", written, tuple(problems))


def check(out: Path, repository_url: str = "") -> None:
    """Raise NotOurs of a folder that is not ours to replace, and of what is no address."""
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARKER).exists())):
        raise NotOurs(f"{out} is not a site published earlier: choose another folder")
    if repository_url and not repository_url.startswith(("https://", "http://")):
        raise NotOurs(f"not a web address: {repository_url}")


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A folder next to `out`, put in its place at the end; removed where there is an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        made.chmod(0o755)
        (made / MARKER).write_text("made by python -m benchmarks publish\n", encoding="utf-8")
        yield made
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def read_peers(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Each machine's comparison with other queues as its page needs it; what is unreadable."""
    problems: list[str] = []
    return _views(sorted(folder.glob("*.json")), peers_view, problems), problems


def _comparisons(root: Path, last: Path | None, problems: list[str]) -> list[dict[str, Any]]:
    """Those of results/comparisons and the last one, newest first."""
    paths = [*sorted((root / "comparisons").glob("*.json")), *filter(None, [last])]
    by_time = {each["started_at"]: each for each in _views(paths, normal, problems)}
    return [by_time[moment] for moment in sorted(by_time, reverse=True)]


def _views(
    paths: Sequence[Path], view: Callable[[Mapping[str, Any]], _T], problems: list[str]
) -> list[_T]:
    """What pages show of those JSON files that exist; one that is not of the kind is a problem."""
    from jinja2 import TemplateError

    found = []
    for path in filter(Path.is_file, paths):
        try:
            found.append(view(json.loads(path.read_text("utf-8"))))
        except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError,
                TemplateError) as error:  # fmt: skip
            problems.append(f"{path.name}: {type(error).__name__}: {error}")
    return found


def _anchor(root: Path, series: Sequence[Series]) -> str:
    """The anchor's short commit: as results/anchor names it, the package's first commit while
    series of two anchors are current."""
    keys = {each.companion.rpartition(" ")[2] for each in series if each.companion}
    path = root / "anchor"
    if len(keys) <= 1 and path.is_file():
        return path.read_text("utf-8").strip()[:12]
    packages = series[0].packages if series else ()
    return next((each.sha[:7] for each in packages if each.key in keys), "commit")
