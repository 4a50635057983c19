"""What the site's pages show of the history: a template, a file and its values each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from benchmarks.records.histograms import BadHistogram
from benchmarks.records.history import file_stem
from benchmarks.records.packages import moment
from benchmarks.records.record import WorkloadRecord
from benchmarks.records.series import INSTRUCTIONS
from benchmarks.reporting import words
from benchmarks.reporting.site import chart, comparison_page, overview
from benchmarks.reporting.site.canvas import Picture
from benchmarks.reporting.site.overview import Workload

Page = tuple[str, str, Mapping[str, Any]]
"""A template, the file it is filled into, values."""


def front_pages(found: Sequence[Workload], anchor: str, problems: Sequence[str]) -> Iterator[Page]:
    """The overview, all changes, and what others show of them: the feed, the badge."""
    events = overview.events(found)
    stale: dict[str, list[str]] = {}
    for each in found:
        for what, metric in (("time", each.lead.metric), ("instructions", INSTRUCTIONS)):
            if metric in each.series and each.series[metric].age.packages:
                stale.setdefault(f"{what}, {each.series[metric].age}", []).append(each.name)
    ages = [each.age.packages for own in found for each in own.series.values()]
    yield "index.html", "index.html", {
        "workloads": found, "events": events, "problems": problems, "spark": chart.spark,
        "noise": {each.name: overview.visible(each.lead) for each in found},
        "stale": [f"{text}: {', '.join(names)}" for text, names in stale.items()],
        "newest_missing": max(ages, default=0),
    }  # fmt: skip
    yield "changes.html", "changes.html", {"events": events}
    yield "feed.xml", "feed.xml", {"events": events}
    left, right = "speed", "not measured"
    if found:
        lead = found[0].lead
        left = f"{found[0].name} {words.short(lead.metric)}"
        right = found[0].now(lead.metric) + (f" of {anchor}" if lead.metric != INSTRUCTIONS else "")
    yield "badge.svg", "badge.svg", {"left": left, "right": right}


def workload_pages(
    found: Sequence[Workload], records: Sequence[WorkloadRecord], about: Mapping[str, str],
    progress: Callable[[str], None],
) -> Iterator[Page]:  # fmt: skip
    """A page a workload: its series, and the absolute times of earlier days, newest first."""
    old: dict[str, list[WorkloadRecord]] = {}
    for record in sorted(records, key=lambda each: moment(each.commit.committed_at), reverse=True):
        old.setdefault(record.workload, []).append(record)
    by_name = {each.name: each for each in found}
    for name in sorted({*by_name, *old}):
        progress(f"drawing {name}")
        own = by_name.get(name)
        yield "workload.html", f"workloads/{file_stem(name)}.html", {
            "name": name, "each": own, "about": about.get(name, ""), "old": old.get(name, []),
            "visible": overview.visible, "pictures": [*_pictures(own)] if own else [],
            "counted": _counted(own) if own else None,
        }  # fmt: skip


def comparison_pages(comparisons: Sequence[Mapping[str, Any]]) -> Iterator[Page]:
    """A page each of the `normal` comparisons, and their list."""
    kept = {f"comparisons/{words.slug(each['started_at'])}.html": each for each in comparisons}
    for href, each in kept.items():
        values = {**comparison_page.values(each), "back": "../comparisons.html"}
        yield "comparison.html", href, values
    yield "comparisons.html", "comparisons.html", {"comparisons": kept}


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


def _counted(own: Workload) -> Picture | None:
    counters = [each for each in own.counters if each != INSTRUCTIONS]
    name = f"{words.slug(own.name)}-counters"
    return chart.steps(own.counted, counters, own.name, name) if counters else None
