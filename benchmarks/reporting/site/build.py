"""Fills the templates and writes the pages: everything that the site is, in one pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.judging.targets import Limits
from benchmarks.records import history
from benchmarks.records.histograms import BadHistogram
from benchmarks.records.packages import moment
from benchmarks.records.record import WorkloadRecord
from benchmarks.records.series import INSTRUCTIONS, Series
from benchmarks.reporting.site import chart, comparison_page, feed, overview, words
from benchmarks.reporting.site.filling import ASSETS, templates
from benchmarks.reporting.site.overview import SHOWN, Found, Workload

_MOST_ON_FRONT = 6
_UNSTABLE = 0.075
"""Half as much again as the change that counts: what only shows larger ones is unstable."""


@dataclass(frozen=True)
class Material:
    """What a site is built from.

    Args:
        series: the current series of the history.
        old: absolute times of earlier days.
        problems: what could not be read.
        limits: by workload and counter, as of targets.toml.
        about: by workload, a sentence on what it does.
        comparisons: their JSON, the newest first.
        proof, history_proof: what `proof_view` and `history_view` made; None without.
        peers: what `peers_view` made of each file of results/peers; their page is left out without.
        asv_html: a folder that `asv publish` wrote, to be copied to asv/.
        anchor: a name of the commit that ratios are to.
        repository_url: where commits can be seen; "" for nowhere: then nothing leads away.
    """

    series: Sequence[Series]
    old: Sequence[WorkloadRecord] = ()
    problems: Sequence[str] = ()
    limits: Limits = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    comparisons: Sequence[Mapping[str, Any]] = ()
    proof: Mapping[str, Any] | None = None
    history_proof: Mapping[str, Any] | None = None
    peers: Sequence[Mapping[str, Any]] = ()
    asv_html: Path | None = None
    anchor: str = ""
    repository_url: str = ""


def build(
    material: Material, out: Path, progress: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Write the site into a folder that exists and is empty; every page written."""
    shutil.copytree(ASSETS, out / "assets")
    (out / "workloads").mkdir()
    if material.asv_html is not None:
        shutil.copytree(material.asv_html, out / "asv")
    progress("looking for change points")
    found = overview.workloads(material.series, material.limits, material.about)
    events = overview.events(found)
    write = _Writer(out, _pages(material), material.repository_url.rstrip("/"))
    write.page("index.html", "index.html", **_index(material, found, events))
    write.page("changes.html", "changes.html", events=events)
    _write_workloads(material, found, write, progress)
    progress("writing the other pages")
    kept = []
    for each in material.comparisons:
        href = f"comparisons/{words.slug(each['started_at'])}.html"
        comparison_page.write(each, out / href, back="../comparisons.html")
        write.written.append(out / href)
        kept.append((href, each))
    write.page("comparisons.html", "comparisons.html", comparisons=kept)
    write.page("proof.html", "proof.html", proof=material.proof, history=material.history_proof)
    if material.peers:
        write.page("peers.html", "peers.html", peers=material.peers)
    write.page("method.html", "method.html")
    (out / "feed.xml").write_text(feed.atom(events), encoding="utf-8", newline="\n")
    left, right = "speed", "not measured"
    if found:
        lead = found[0].lead
        left = f"{found[0].name} {words.short(lead.metric)}"
        right = overview.newest(lead.points[-1], lead.metric)
        right += f" of {material.anchor}" if lead.metric != INSTRUCTIONS else ""
    (out / "badge.svg").write_text(feed.badge(left, right), encoding="utf-8", newline="\n")
    return write.written


class _Writer:
    def __init__(self, out: Path, pages: Sequence[Mapping[str, str]], repository: str) -> None:
        self.written: list[Path] = []
        self._out = out
        self._environment = templates()
        self._environment.globals["repository"] = repository
        self._pages = pages
        self._built_at = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")

    def page(self, template: str, href: str, **values: Any) -> None:
        """Fill a template into a page."""
        text = self._environment.get_template(template).render(
            up="../" * href.count("/"), here=href, pages=self._pages, built_at=self._built_at,
            **values,
        )  # fmt: skip
        path = self._out / href
        path.write_text(text, encoding="utf-8", newline="\n")
        self.written.append(path)


def _pages(material: Material) -> list[dict[str, str]]:
    names = {
        "index": "Overview", "changes": "Changes", "comparisons": "Comparisons",
        **({"peers": "Peers"} if material.peers else {}), "proof": "Proof", "method": "Method",
        **({"asv/index": "asv"} if material.asv_html is not None else {}),
    }  # fmt: skip
    return [{"href": f"{href}.html", "name": name} for href, name in names.items()]


def _index(
    material: Material, found: Sequence[Workload], events: Sequence[overview.Event]
) -> dict[str, Any]:
    newest = len(found[0].lead.packages) if found else 0
    told = [each for each in events if not each.is_small]
    recent = [each for each in told if each.span[1] >= newest - overview.LATELY]
    unstable = [
        (each.name, words.share(overview.visible(series)).lstrip("+"))
        for each in found
        for series in [each.lead]
        if overview.visible(series) > _UNSTABLE
    ]
    stale: dict[str, list[str]] = {}
    for each in found:
        for kind, metrics in (("time", (each.lead.metric,)), ("instructions", (INSTRUCTIONS,))):
            series = each.series.get(metrics[0])
            if series is not None and series.age.packages:
                stale.setdefault(f"{kind}, {series.age}", []).append(each.name)
    behind = max((each.age.packages for one in found for each in one.series.values()), default=0)
    return {
        "workloads": found,
        "sentence": overview.sentence(found[0], material.anchor) if found else "",
        "anchor": material.anchor,
        "worse": [each for each in recent if each.foremost.change.worse][:_MOST_ON_FRONT],
        "better": [each for each in told if not each.foremost.change.worse][:_MOST_ON_FRONT],
        "stale": [f"{text}: {', '.join(names)}" for text, names in stale.items()],
        "newest_missing": behind,
        "unstable": unstable,
        "lately": overview.LATELY,
        "total": len(events),
        "problems": material.problems,
        "sparks": {
            each.name: chart.spark(each.lead, each.changes[each.lead.metric]) for each in found
        },
    }


def _write_workloads(
    material: Material,
    found: Sequence[Workload],
    write: _Writer,
    progress: Callable[[str], None],
) -> None:
    names = {each.name: each for each in found}
    old: dict[str, list[WorkloadRecord]] = {}
    for record in sorted(
        material.old, key=lambda each: moment(each.commit.committed_at), reverse=True
    ):
        old.setdefault(record.workload, []).append(record)
    for name in sorted({*names, *old}):
        progress(f"drawing {name}")
        own = names.get(name)
        write.page(
            "workload.html", f"workloads/{history.file_stem(name)}.html", name=name, each=own,
            about=material.about.get(name, ""), old=old.get(name, []), anchor=material.anchor,
            **(_workload(own) if own else {}),
        )  # fmt: skip


def _workload(own: Workload) -> dict[str, Any]:
    slug = words.slug(own.name)
    pictures = [
        chart.trend(series, own.changes[metric], f"{slug}-{words.slug(metric)}",
                    own.limits.get(metric) if metric == INSTRUCTIONS else None)
        for metric, series in own.series.items()
        if metric in SHOWN
    ]  # fmt: skip
    curve = next((
        each.record["histograms"] for each in own.lead.points[::-1]
        if each.record.get("histograms")), None)  # fmt: skip
    if curve is not None:
        named = {"the package": curve["package"], "its companion": curve["companion"]}
        with suppress(BadHistogram):
            pictures.append(chart.percentiles(named, own.name, f"{slug}-percentiles"))
    changes = [Found(own, metric, each) for metric in own.series for each in own.changes[metric]]
    changes.sort(key=lambda each: each.change.first.place, reverse=True)
    counted = own.series.get(INSTRUCTIONS)
    counters = [each for each in own.counters if each != INSTRUCTIONS]
    return {
        "pictures": pictures,
        "rows": [_row(own, metric) for metric in own.series],
        "changes": changes,
        "counters": _counters(own),
        "counted": chart.steps(counted.points, counters, own.name, f"{slug}-counters")
        if counted and counters
        else None,
    }


def _row(own: Workload, metric: str) -> dict[str, str]:
    series = own.series[metric]
    measured = series.points[-1].record.get("metrics", {}).get(metric, {})
    value, companion = (
        words.shown(metric, measured[key]) if key in measured else ""
        for key in ("value", "companion_value")
    )
    return {
        "label": words.label(metric), "now": own.now(metric), "interval": own.interval(metric),
        "visible": words.share(overview.visible(series)).lstrip("+"), "value": value,
        "companion": companion,
    }  # fmt: skip


def _counters(own: Workload) -> list[dict[str, Any]]:
    key = own.lead.companion.rpartition(" ")[2]
    counted = own.series.get(INSTRUCTIONS)
    points = counted.points if counted else ()
    anchor = next((each.counters for each in points if each.package.key == key), {})
    return [
        {
            "label": words.label(name), "now": words.count(value),
            "anchor": words.count(anchor[name]) if name in anchor else "",
            "limit": words.count(own.limits[name]) if name in own.limits else "",
            "within": value <= own.limits.get(name, value),
        }
        for name, value in own.counters.items()
    ]  # fmt: skip
