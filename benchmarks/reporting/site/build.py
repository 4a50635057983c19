"""Fills the templates and writes the pages: everything that the site is, in one pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.common.project import project
from benchmarks.judging.targets import Limits
from benchmarks.records.histograms import BadHistogram
from benchmarks.records.history import Reading
from benchmarks.records.packages import moment
from benchmarks.records.record import Commit
from benchmarks.reporting import plots
from benchmarks.reporting.site import compared, words
from benchmarks.reporting.site.svg import Picture
from benchmarks.reporting.site.views import Change, Group, Line, gathered, groups

HERE = Path(__file__).parent
_NEWEST_CHANGES = 5
_SMALLEST_COUNTED = 0.01
"""Of counters, what moves by less is left to the workload's own page."""
COLUMNS = ("latency_p50_ms", "latency_p95_ms", "throughput_per_s")
"""Of the table of all commits."""


@dataclass(frozen=True)
class Material:
    """What a site is built from.

    Args:
        reading: the history.
        limits: by workload and metric, as of thresholds.toml.
        about: by workload, a sentence on what it does.
        comparisons: JSON of lab.gate, the newest first.
        proof: what `proof_view` made of the proof's JSON; None without.
        peers: what `peers_view` made of each file of results/peers; their page is left out without.
        files: history files to be offered for download.
        asv_html: a folder that `asv publish` wrote, to be copied beside the pages.
        repository_url: where commits can be seen, such as "https://forge.example/o/name"; "" for
            nowhere: then nothing on the site leads away from it.
    """

    reading: Reading
    limits: Limits
    about: Mapping[str, str]
    comparisons: Sequence[Mapping[str, Any]] = ()
    proof: Mapping[str, Any] | None = None
    peers: Sequence[Mapping[str, Any]] = ()
    files: Sequence[Path] = ()
    asv_html: Path | None = None
    repository_url: str = ""


def build(
    material: Material, out: Path, progress: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Write the site into a folder that exists and is empty; every page written."""
    shutil.copytree(HERE / "assets", out / "assets")
    (out / "workloads").mkdir()
    (out / "data").mkdir()
    for file in material.files:
        shutil.copyfile(file, out / "data" / file.name)
    if material.asv_html is not None:
        shutil.copytree(material.asv_html, out / "asv")
    progress("looking for change points")
    found = groups(material.reading.records, material.limits, material.about)
    changes = sorted(
        (change for group in found for line in group.lines for change in line.changes),
        key=lambda change: (moment(change.commit.committed_at), change.metric),
        reverse=True,
    )
    commits = _commits(found, changes)
    pages = _pages(has_peers=bool(material.peers), has_asv=material.asv_html is not None)
    writer = _Writer(out, templates(), pages)
    writer.page(
        "index.html", "index.html",
        groups=found, changes=[entry for entry in commits if entry["changes"]][:_NEWEST_CHANGES],
        problems=material.reading.problems, facts=_facts(found, material.comparisons),
    )  # fmt: skip
    for name in sorted({line.name for group in found for line in group.lines}):
        lines = [(group, line) for group in found for line in group.lines if line.name == name]
        progress(f"drawing {name}")
        views = [_workload_view(group, line) for group, line in lines]
        writer.page(
            "workload.html", f"workloads/{lines[0][1].page}",
            name=name, about=lines[0][1].about, views=views,
        )  # fmt: skip
    progress("writing the other pages")
    writer.page(
        "commits.html", "commits.html",
        commits=commits, repository_url=material.repository_url.rstrip("/"),
    )  # fmt: skip
    writer.page(
        "comparison.html", "comparison.html", earlier=material.comparisons[1:],
        **comparison_view(material.comparisons[0] if material.comparisons else None),
    )  # fmt: skip
    writer.page("proof.html", "proof.html", proof=material.proof)
    if material.peers:
        writer.page("peers.html", "peers.html", peers=material.peers)
    writer.page("method.html", "method.html", files=[file.name for file in material.files])
    return writer.written


def comparison_view(comparison: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the comparison's template needs: each workload with its pictures."""
    if comparison is None:
        return {"comparison": None, "views": [], "overall": None}
    views = []
    strongest = []
    for number, workload in enumerate(comparison.get("workloads", ())):
        name, latencies = workload["name"], workload.get("latencies") or {}
        rows = compared.metric_rows(workload)
        pictures = [
            compared.effects(rows, f"effects-{number}", f"Effects on {name}") if rows else None,
            compared.quantile_shift(name, latencies, f"shift-{number}"),
            compared.cumulative(name, latencies, f"ecdf-{number}"),
        ]
        views.append({"workload": workload, "pictures": [each for each in pictures if each]})
        headline = next((row for row in rows if row[0] == "P95"), rows[0] if rows else None)
        if headline:
            strongest.append((f"{name} {headline[0]}", headline[1]))
    overall = None
    if len(strongest) > 1:
        overall = compared.effects(strongest, "overall", "Effect on each workload")
    return {"comparison": comparison, "views": views, "overall": overall}


class _Writer:
    def __init__(self, out: Path, environment: Any, pages: Sequence[Mapping[str, str]]) -> None:
        self.written: list[Path] = []
        self._out = out
        self._environment = environment
        self._pages = pages
        self._built_at = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")

    def page(self, template: str, href: str, **values: Any) -> None:
        """Fill a template into a page."""
        text = self._environment.get_template(template).render(
            up="../" * href.count("/"),
            here=href,
            pages=self._pages,
            built_at=self._built_at,
            **values,
        )
        path = self._out / href
        path.write_text(text, encoding="utf-8", newline="\n")
        self.written.append(path)


def templates() -> Any:
    """The templates, with autoescape, the filters of `words`, and an error for what is missing."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["project"] = project().name
    environment.filters |= {
        "label": words.label,
        "short": words.short,
        "shown": words.shown,
        "share": words.share,
        "count": words.count,
        "side": lambda name: "the work tree" if name == "WORK" else name,
        "fingerprint": fingerprint,
    }
    return environment


def fingerprint(environment: Mapping[str, Any]) -> str:
    """What of a machine matters to its figures, in one line."""
    named = {
        "cpu": "{}", "cores": "{} cores", "kernel": "kernel {}", "python": "{}",
        "sqlite": "SQLite {}", "filesystem": "{}", "load_1m": "load {}",
    }  # fmt: skip
    found = [text.format(environment[key]) for key, text in named.items() if environment.get(key)]
    return " · ".join(found)


def _pages(*, has_peers: bool, has_asv: bool) -> list[dict[str, str]]:
    pages = [
        {"href": "index.html", "name": "Overview"},
        *([{"href": "peers.html", "name": "Peers"}] if has_peers else []),
        {"href": "comparison.html", "name": "Comparison"},
        {"href": "proof.html", "name": "Proof"},
        {"href": "commits.html", "name": "Commits"},
        {"href": "method.html", "name": "Method"},
    ]
    return [*pages, {"href": "asv/index.html", "name": "asv"}] if has_asv else pages


def _facts(found: Sequence[Group], comparisons: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    lines = [line for group in found for line in group.lines]
    commits = {record.commit.sha: record.commit for line in lines for record in line.points}
    judged = [bound for line in lines for bound in line.bounds.values()]
    return {
        "workloads": len({line.name for line in lines}),
        "commits": len(commits),
        "newest": max(
            commits.values(), key=lambda commit: moment(commit.committed_at), default=None
        ),
        "limits": len(judged),
        "beyond": sum(not bound.within for bound in judged),
        "verdict": comparisons[0]["verdict"] if comparisons else "",
    }


def _workload_view(group: Group, line: Line) -> dict[str, Any]:
    key = line.key
    pictures: list[Picture] = []
    timed = [record for record in line.points if record.histogram]
    if timed and timed[-1] is line.last:
        kept = dict(zip(("now", "before", "first"), dict.fromkeys(
            index for index in (len(timed) - 1, len(timed) - 2, 0) if index >= 0)))  # fmt: skip
        with suppress(BadHistogram):  # the percentiles are in the table all the same
            pictures.append(
                plots.percentiles(
                    [timed[index] for index in kept.values()],
                    [f"{text} ({timed[i].commit.sha[:7]})" for text, i in kept.items()],
                    f"{key}-percentiles",
                )
            )
    for metric, trend in line.trends.items():
        if metric != line.headline:
            pictures.append(plots.trend(trend, f"{key}-{metric}"))
    whole = {
        counter: trend.values
        for counter, trend in line.counters.items()
        if len(trend.values) == len(next(iter(line.counters.values())).values)
    }
    if whole:
        commits = next(iter(line.counters.values())).commits
        pictures.append(plots.counters(line.name, whole, commits, f"{key}-counters"))
    headline = line.trends.get(line.headline)
    columns = [
        metric for metric in dict.fromkeys((*COLUMNS, line.headline)) if metric in line.last.metrics
    ]
    return {
        "group": group,
        "line": line,
        "pictures": pictures,
        "columns": columns,
        "headline_wide": plots.trend(headline, f"{key}-wide", wide=True) if headline else None,
        "headline_narrow": plots.trend(headline, f"{key}-narrow") if headline else None,
    }


def _matters(change: Change) -> bool:
    """Whether the overview tells it: P99, as in the gate, is too much other programs' doing."""
    if change.counted:
        return abs(change.point.change) >= _SMALLEST_COUNTED
    return change.metric != "latency_p99_ms"


def _commits(found: Sequence[Group], changes: Sequence[Change]) -> list[dict[str, Any]]:
    commits: dict[str, Commit] = {}
    workloads: dict[str, set[str]] = {}
    begun: dict[str, list[Change]] = {}
    for change in gathered([change for change in changes if _matters(change)]):
        begun.setdefault(change.commit.sha, []).append(change)
    for group in found:
        for line in group.lines:
            for record in line.points:
                commits[record.commit.sha] = record.commit
                workloads.setdefault(record.commit.sha, set()).add(line.name)
    return [
        {
            "commit": commit,
            "count": len(workloads[commit.sha]),
            "changes": begun.get(commit.sha, []),
        }
        for commit in sorted(
            commits.values(), key=lambda commit: moment(commit.committed_at), reverse=True
        )
    ]
