"""What others show of the lab: a badge, and an Atom feed of changes."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from benchmarks.common.project import project
from benchmarks.records.packages import moment
from benchmarks.reporting.site.overview import Event

_ATOM = "http://www.w3.org/2005/Atom"
_NEWEST = 40


def badge(left: str, right: str, colour: str = "#13703f") -> str:
    """Two words on a small plate, readable on any ground."""
    widths = [round(6.6 * len(text) + 12) for text in (left, right)]
    svg = ET.Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "width": str(sum(widths)), "height": "20",
        "role": "img", "aria-label": f"{left}: {right}", "font-size": "11",
        "font-family": "Verdana, DejaVu Sans, sans-serif", "text-anchor": "middle",
    })  # fmt: skip
    ET.SubElement(svg, "title").text = f"{left}: {right}"
    start = 0
    for text, width, fill in zip((left, right), widths, ("#444c56", colour)):
        ET.SubElement(svg, "rect", {
            "x": str(start), "width": str(width), "height": "20", "fill": fill,
        })  # fmt: skip
        ET.SubElement(svg, "text", {
            "x": f"{start + width / 2:g}", "y": "14", "fill": "#fff",
        }).text = text  # fmt: skip
        start += width
    return ET.tostring(svg, encoding="unicode") + "\n"


def atom(events: Sequence[Event]) -> str:
    """The newest changes as a feed; its links are relative to where the feed is."""
    newest = max((moment(each.first.committed_at) for each in events), default=None)
    feed = ET.Element("feed", {"xmlns": _ATOM})
    ET.SubElement(feed, "title").text = f"{project().name}: changes of speed"
    ET.SubElement(feed, "id").text = f"urn:lab:{project().name}"
    ET.SubElement(feed, "updated").text = newest.isoformat() if newest else "1970-01-01T00:00:00Z"
    author = ET.SubElement(feed, "author")
    ET.SubElement(author, "name").text = f"{project().name} performance lab"
    for each in events[:_NEWEST]:
        entry = ET.SubElement(feed, "entry")
        ET.SubElement(entry, "title").text = each.sentence
        ET.SubElement(entry, "id").text = f"urn:lab:{project().name}:{each.key}"
        ET.SubElement(entry, "updated").text = moment(each.first.committed_at).isoformat()
        ET.SubElement(entry, "link", {"href": f"changes.html#c-{each.key}"})
        counted = f" Counted: {each.explanation}." if each.explanation else ""
        commands = " or ".join(each.commands)
        ET.SubElement(
            entry, "summary"
        ).text = f"{each.range}, {each.first.subject}.{counted} To check it: {commands}"
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(feed, encoding="unicode")}\n'
