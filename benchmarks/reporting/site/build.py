"""Fills the templates and writes the pages: everything that the site is, in one pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.judging.targets import Limits
from benchmarks.records.histograms import BadHistogram
from benchmarks.records.history import file_stem
from benchmarks.records.packages import moment
from benchmarks.records.record import WorkloadRecord
from benchmarks.records.series import INSTRUCTIONS, Series
from benchmarks.reporting.site import chart, comparison_page, overview, words
from benchmarks.reporting.site.canvas import ASSETS
from benchmarks.reporting.site.filling import fill
from benchmarks.reporting.site.overview import Event, Workload

_MOST_ON_FRONT = 6
_LATELY = 30
"""A change for the worse needs a look for so many packages."""
_UNSTABLE = 0.075
"""Half as much again as the change that counts: what only shows larger ones is unstable."""
_Page = tuple[str, str, Mapping[str, Any]]
"""A template, the file it is filled into, values."""


@dataclass(frozen=True)
class Site:
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
    old: Sequence[WorkloadRecord]
    problems: Sequence[str]
    limits: Limits
    about: Mapping[str, str]
    comparisons: Sequence[Mapping[str, Any]]
    proof: Mapping[str, Any] | None
    history_proof: Mapping[str, Any] | None
    peers: Sequence[Mapping[str, Any]]
    asv_html: Path | None
    anchor: str
    repository_url: str

    def write(self, out: Path, progress: Callable[[str], None]) -> int:
        """Write the site into a folder that exists; how many pages it has."""
        shutil.copytree(ASSETS, out / "assets")
        if self.asv_html is not None:
            shutil.copytree(self.asv_html, out / "asv")
        common = {
            "menu": self._menu(), "anchor": self.anchor,
            "repository": self.repository_url.rstrip("/"),
            "built_at": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        }  # fmt: skip
        written = [
            fill(template, out / href, here=href, up="../" * href.count("/"), **common, **values)
            for template, href, values in self._pages(progress)
        ]
        return sum(path.suffix == ".html" for path in written)

    def _menu(self) -> dict[str, str]:
        return {
            "index.html": "Overview", "changes.html": "Changes", "comparisons.html": "Comparisons",
            **({"peers.html": "Peers"} if self.peers else {}), "proof.html": "Proof",
            "method.html": "Method", **({"asv/index.html": "asv"} if self.asv_html else {}),
        }  # fmt: skip

    def _pages(self, progress: Callable[[str], None]) -> Iterator[_Page]:
        progress("looking for change points")
        found = overview.workloads(self.series, self.limits)
        events = overview.events(found)
        yield "index.html", "index.html", self._index(found, events)
        yield "changes.html", "changes.html", {"events": events}
        yield from self._workload_pages({each.name: each for each in found}, progress)
        progress("writing the other pages")
        compared = {f"comparisons/{words.slug(each['started_at'])}.html": each
                    for each in self.comparisons}  # fmt: skip
        for href, each in compared.items():
            values = {**comparison_page.values(each), "back": "../comparisons.html"}
            yield "comparison.html", href, values
        yield "comparisons.html", "comparisons.html", {"comparisons": compared}
        yield "proof.html", "proof.html", {"proof": self.proof, "history": self.history_proof}
        if self.peers:
            yield "peers.html", "peers.html", {"peers": self.peers}
        yield "method.html", "method.html", {}
        yield "feed.xml", "feed.xml", {"events": events}
        yield "badge.svg", "badge.svg", self._badge(found)

    def _badge(self, found: Sequence[Workload]) -> dict[str, str]:
        if not found:
            return {"left": "speed", "right": "not measured"}
        lead = found[0].lead
        of = f" of {self.anchor}" if lead.metric != INSTRUCTIONS else ""
        return {"left": f"{found[0].name} {words.short(lead.metric)}",
                "right": overview.newest(lead.points[-1], lead.metric) + of}  # fmt: skip

    def _index(self, found: Sequence[Workload], events: Sequence[Event]) -> dict[str, Any]:
        newest = len(found[0].lead.packages) if found else 0
        large = [each for each in events if not each.is_small]
        worse = [each for each in large if each.foremost.change.worse]
        stale: dict[str, list[str]] = {}
        for each in found:
            for what, metric in (("time", each.lead.metric), ("instructions", INSTRUCTIONS)):
                if metric in each.series and each.series[metric].age.packages:
                    age = each.series[metric].age
                    stale.setdefault(f"{what}, {age}", []).append(each.name)
        ages = [each.age.packages for own in found for each in own.series.values()]
        noise = {each.name: overview.visible(each.lead) for each in found}
        return {
            "workloads": found,
            "sentence": overview.sentence(found[0], self.anchor) if found else "",
            "worse": [each for each in worse if each.span[1] >= newest - _LATELY][:_MOST_ON_FRONT],
            "better": [each for each in large if not each.foremost.change.worse][:_MOST_ON_FRONT],
            "stale": [f"{text}: {', '.join(names)}" for text, names in stale.items()],
            "newest_missing": max(ages, default=0),
            "unstable": {name: each for name, each in noise.items() if each > _UNSTABLE},
            "lately": _LATELY,
            "total": len(events),
            "problems": self.problems,
            "spark": chart.spark,
        }

    def _workload_pages(
        self, found: Mapping[str, Workload], progress: Callable[[str], None]
    ) -> Iterator[_Page]:
        old: dict[str, list[WorkloadRecord]] = {}
        newest_first = sorted(self.old, key=lambda each: moment(each.commit.committed_at))[::-1]
        for record in newest_first:
            old.setdefault(record.workload, []).append(record)
        for name in sorted({*found, *old}):
            progress(f"drawing {name}")
            own = found.get(name)
            yield "workload.html", f"workloads/{file_stem(name)}.html", {
                "name": name, "each": own, "about": self.about.get(name, ""),
                "old": old.get(name, []), "visible": overview.visible,
                "pictures": [*_pictures(own)] if own else [],
                "counted": _counted(own) if own else None,
            }  # fmt: skip


def _pictures(own: Workload) -> Iterator[chart.Picture]:
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


def _counted(own: Workload) -> chart.Picture | None:
    counters = [each for each in own.counters if each != INSTRUCTIONS]
    name = f"{words.slug(own.name)}-counters"
    return chart.steps(own.counted, counters, own.name, name) if counters else None
