"""The record made readable: one static site of the history, and a report of one run.

What is written opens from a file: no server, no script that is needed to read, nothing loaded from
elsewhere.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.common.exits import BadInput
from benchmarks.judging.targets import Limits
from benchmarks.records import history
from benchmarks.records.histograms import BadHistogram
from benchmarks.records.packages import Package, moment
from benchmarks.records.record import WorkloadRecord
from benchmarks.records.series import INSTRUCTIONS, Series, current, read_series
from benchmarks.reporting import words
from benchmarks.reporting.filling import ASSETS, fill
from benchmarks.reporting.peers import peers_view
from benchmarks.reporting.site import chart, comparison_page, overview
from benchmarks.reporting.site.canvas import Picture
from benchmarks.reporting.site.overview import Workload
from benchmarks.reporting.site.proof import gate_proof, history_proof

MARKER = ".performance-lab"
"""Names a folder as one that `publish` may replace."""
_Pages = dict[str, Mapping[str, Any]]
"""By file, the values for its template: of the same name, or as of its folder."""
_TEMPLATES = {"workloads": "workload.html", "comparisons": "comparison.html"}
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
    comparisons = _comparison_pages(root / "comparisons", last_comparison, problems)
    proof = _views([root / "proof" / "matrix.json"], gate_proof, problems)
    of_history = _views([root / "proof" / "history.json"], history_proof, problems)
    peers, of_peers = read_peers(root / "peers")
    problems += of_peers
    progress("looking for change points")
    found = overview.workloads(series, limits or {})
    pages = {
        **_front_pages(found, problems),
        **_workload_pages(found, old.records, about or {}, progress),
        **comparisons,
        **({"peers.html": {"peers": peers}} if peers else {}),
        "proof.html": {"proof": proof, "history": of_history},
        "method.html": {},
    }
    has_asv = asv_html is not None and (asv_html / "index.html").is_file()
    common = {
        "has_peers": bool(peers), "has_asv": has_asv, "anchor": _anchor(root, series),
        "repository": repository_url.rstrip("/"),
        "built_at": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }  # fmt: skip
    progress("writing the pages")
    with _replacing(out) as made:
        shutil.copytree(ASSETS, made / "assets")
        if asv_html and has_asv:
            shutil.copytree(asv_html, made / "asv")
        for href, values in pages.items():
            template = _TEMPLATES.get(href.split("/")[0], href)
            up = "../" * href.count("/")
            fill(template, made / href, here=href, up=up, **common, **values)
    written = sum(href.endswith(".html") for href in pages)
    return Published(out / "index.html", written, tuple(problems))


def check(out: Path, repository_url: str = "") -> None:
    """Raise NotOurs of a folder that is not ours to replace, and of what is not an address."""
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


def _front_pages(found: Sequence[Workload], problems: Sequence[str]) -> _Pages:
    """The overview, all changes, and what others show of them: the feed, the badge."""
    events = overview.events(found)
    stale: dict[str, list[str]] = {}
    for each in found:
        for what, metric in (("time", each.lead.metric), ("instructions", INSTRUCTIONS)):
            if metric in each.series and each.series[metric].age.packages:
                stale.setdefault(f"{what}, {each.series[metric].age}", []).append(each.name)
    ages = [each.age.packages for own in found for each in own.series.values()]
    index = {
        "workloads": found, "events": events, "problems": problems, "spark": chart.spark,
        "noise": {each.name: overview.visible(each.lead) for each in found},
        "stale": [f"{text}: {', '.join(names)}" for text, names in stale.items()],
        "newest_missing": max(ages, default=0),
    }  # fmt: skip
    changes = {"events": events}
    return {"index.html": index, "changes.html": changes, "feed.xml": changes,
            "badge.svg": {"workloads": found}}  # fmt: skip


def _workload_pages(
    found: Sequence[Workload], records: Sequence[WorkloadRecord], about: Mapping[str, str],
    progress: Callable[[str], None],
) -> _Pages:  # fmt: skip
    """A page a workload: its series, and the absolute times of earlier days, newest first."""
    old: dict[str, list[WorkloadRecord]] = {}
    for record in sorted(records, key=lambda each: moment(each.commit.committed_at), reverse=True):
        old.setdefault(record.workload, []).append(record)
    by_name = {each.name: each for each in found}
    pages: _Pages = {}
    for name in sorted({*by_name, *old}):
        progress(f"drawing {name}")
        own = by_name.get(name)
        pages[f"workloads/{history.file_stem(name)}.html"] = {
            "name": name, "each": own, "about": about.get(name, ""), "old": old.get(name, []),
            "visible": overview.visible, "pictures": [*_pictures(own)] if own else [],
            "counted": chart.steps(own.counted, own.name) if own else None,
        }  # fmt: skip
    return pages


def _comparison_pages(folder: Path, last: Path | None, problems: list[str]) -> _Pages:
    """A page each of the folder's comparisons and of the last one; their list, newest first."""
    paths = [*sorted(folder.glob("*.json")), *filter(None, [last])]
    by_time = {each["started_at"]: each for each in _views(paths, comparison_page.normal, problems)}
    kept = {f"comparisons/{words.slug(each)}.html": by_time[each]
            for each in sorted(by_time, reverse=True)}  # fmt: skip
    pages = {href: {**comparison_page.values(each), "back": "../comparisons.html"}
             for href, each in kept.items()}  # fmt: skip
    return {**pages, "comparisons.html": {"comparisons": kept}}


def _pictures(own: Workload) -> Iterator[Picture]:
    slug = words.slug(own.name)
    for metric in overview.SHOWN:
        if metric in own.series:
            limit = own.limits.get(metric) if metric == INSTRUCTIONS else None
            yield chart.trend(own.series[metric], own.changes[metric],
                              f"{slug}-{words.slug(metric)}", limit)  # fmt: skip
    for point in reversed(own.lead.points):
        if encoded := point.record.get("histograms"):
            both = {"the package": encoded["package"], "its companion": encoded["companion"]}
            with suppress(BadHistogram):
                yield chart.percentiles(both, own.name, f"{slug}-percentiles")
            return
