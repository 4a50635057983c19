"""The page that compares with other queues: one picture, then tables that fit a phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.common.project import project
from benchmarks.reporting.peers import count, short, tables, target_line, titles
from benchmarks.reporting.site.svg import (
    PAINT,
    Picture,
    headline,
    log_ticks,
    new_axes,
    new_figure,
    picture,
)
from benchmarks.reporting.site.words import slug, tick

_WIDTH = 380.0
_ROW = 22.0


def peers_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs of one file of results/peers.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not such a file.
    """
    machine = str(document["environment"]["machine"])
    part = ""
    if document["quick"]:
        part = "This was a quick run, which shows that all works; its figures say little."
    if document["interrupted"]:
        part = "This run was interrupted: it holds what was measured until then."
    found = tables(document)
    return {
        "machine": machine,
        "key": slug(machine),
        "environment": document["environment"],
        "commit": document.get("commit"),
        "measured_at": str(document["measured_at"])[:16].replace("T", " "),
        "part": part,
        "picture": overview(document, f"peers-{slug(machine)}"),
        "tables": [each for each in found if not each.is_prose],
        "prose": [each for each in found if each.is_prose],
        "targets": [(target_line(each), each["met"]) for each in document.get("targets", ())],
    }


def overview(document: Mapping[str, Any], name: str) -> Picture | None:
    """Lifecycles a second and what SIGKILL loses; from P99 to the slowest of most processes. None
    without figures."""
    names, lost = titles(document), _lost(document)
    smallest = min((row["depth"] for row in document["verbs"]), default=0)
    rates = {
        row["queue"]: row["figures"]["lifecycles_per_s"]
        for row in document["verbs"]
        if row["depth"] == smallest and row["durability"] == "normal" and row["figures"]
    }
    order = sorted(rates, key=lambda queue: rates[queue])
    if not order:
        return None
    most = max((row["processes"] for row in document["contention"]), default=0)
    tails = {
        row["queue"]: (row["figures"]["p99_ms"], row["figures"]["slowest_ms"])
        for row in document["contention"]
        if row["processes"] == most
        and row["durability"] == "normal"
        and row["figures"].get("p99_ms")
    }
    figure = new_figure(_WIDTH, _ROW * len(order) * (2 if tails else 1) + 110.0)
    axes = _lying(figure, [names[each] for each in order], 2 if tails else 1, 1)
    description = []
    for place, queue in enumerate(order):
        loses = lost.get(queue, "not tried")
        paint = "better" if loses == "loses none" else "worse" if queue in lost else "muted"
        axes.barh([place], [rates[queue]], height=0.6, color=PAINT[paint])
        axes.annotate(
            f"{count(rates[queue])}, {loses}", (rates[queue], place), xytext=(4, 0), va="center",
            textcoords="offset points", fontsize=10, color=PAINT["ink"],
        )  # fmt: skip
        description.append(f"{names[queue]}: {count(rates[queue])} lifecycles/s, {loses}")
    axes.set_xlim(0, max(rates.values()) * 2.3)
    axes.xaxis.set_major_formatter(lambda value, _: tick(value))
    axes.locator_params(axis="x", nbins=3)
    axes.set_title("Lifecycles/s, and tasks lost to SIGKILL", loc="left", fontsize=11)
    if tails:
        description += _draw_tails(figure, names, order, tails, most)
    headline(figure, "Speed and safety")
    return picture(
        figure, name, "Lifecycles a second against what SIGKILL loses; tails of many processes",
        "; ".join(description),
    )  # fmt: skip


def _draw_tails(
    figure: Any,
    names: Mapping[str, str],
    order: list[str],
    tails: Mapping[str, tuple[float, float]],
    processes: int,
) -> list[str]:
    order = [each for each in order if each in tails]
    axes = _lying(figure, [names[each] for each in order], 2, 2)
    description = []
    for place, queue in enumerate(order):
        p99, slowest = tails[queue]
        paint = PAINT["one" if queue.startswith(project().name) else "muted"]
        axes.plot([p99, slowest], [place, place], color=paint, linewidth=2.2)
        axes.scatter([p99, slowest], [place, place], s=[26, 60], color=paint, marker="|")
        description.append(f"{names[queue]}: P99 {short(p99)} ms, slowest {short(slowest)} ms")
    ends = [end for queue in order for end in tails[queue]]
    axes.set_xscale("log")
    axes.set_xlim(min(ends) / 1.3, max(ends) * 1.3)
    log_ticks(axes, *axes.get_xlim())
    axes.xaxis.set_major_formatter(lambda value, _: tick(value))
    axes.set_title(f"{processes} processes: P99 to slowest, ms", loc="left", fontsize=11)
    return description


def _lost(document: Mapping[str, Any]) -> dict[str, str]:
    """By queue, what the run with SIGKILL cost it."""
    found = {}
    for row in document["crash"]:
        if figures := row["figures"]:
            faults = [f"loses {count(figures['lost'])}"] if figures["lost"] else []
            if figures["doubly_completed"]:
                faults.append(f"{count(figures['doubly_completed'])} twice")
            found[row["queue"]] = ", ".join(faults) or "loses none"
    return found


def _lying(figure: Any, names: list[str], rows: int, row: int) -> Any:
    """Axes whose rows lie: names on the left, values to the right."""
    axes = new_axes(figure, rows, row)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=PAINT["grid"], linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", colors=PAINT["ink"])
    axes.set_ylim(-0.6, len(names) - 0.4)
    return axes
