"""A matplotlib figure as an SVG that fits a page: light and dark, readable, small, safe to inline.

Figures are drawn in the stand-in colours of `PAINT`; here they become CSS variables (--plot-ink and
so on), so that one picture follows the page, or, as a file of its own, the reader's preference.
Styles become attributes, because the site's content security policy lets no inline style through;
identifiers get the picture's name, because many pictures share a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAINT = {
    "ink": "#010101",
    "muted": "#020202",
    "grid": "#030303",
    "one": "#040404",
    "two": "#050505",
    "three": "#060606",
    "worse": "#070707",
    "better": "#080808",
    "panel": "#090909",
}
LIGHT = {
    "ink": "#1c2430",
    "muted": "#5b6675",
    "grid": "#e3e7ed",
    "one": "#2457d6",
    "two": "#0c7d74",
    "three": "#b25a00",
    "worse": "#b3261e",
    "better": "#13703f",
    "panel": "#ffffff",
}
DARK = {
    "ink": "#e8ecf2",
    "muted": "#a3afbf",
    "grid": "#2c3644",
    "one": "#82aaff",
    "two": "#4fd1c1",
    "three": "#f5b35c",
    "worse": "#ff958c",
    "better": "#6fdc9c",
    "panel": "#171d26",
}
_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"(-?\d+\.\d)\d+")
_ALLOWED = {
    "fill", "fill-opacity", "opacity", "stroke", "stroke-dasharray", "stroke-dashoffset",
    "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width", "font-size",
    "font-weight", "text-anchor",
}  # fmt: skip
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Args:
        name: of its file, without suffix; unique on a page.
        title: what it shows, in a few words.
        description: what it says, for those who do not see it.
        body: the SVG element's inner markup, already safe.
        width, height: of its coordinates.
    """

    name: str
    title: str
    description: str
    body: str
    width: float
    height: float

    def inline(self) -> str:
        """Markup for a page that defines the --plot-* colours."""
        return self._element("")

    def file(self) -> str:
        """A document of its own, light or dark as its reader prefers."""
        light, dark = (
            "".join(f"--plot-{role}:{colour};" for role, colour in colours.items())
            for colours in (LIGHT, DARK)
        )
        style = (
            f"<style>:root{{{light}}}"
            f"@media (prefers-color-scheme: dark){{:root{{{dark}}}}}</style>"
            f'<rect width="{self.width:g}" height="{self.height:g}" rx="6" '
            'fill="var(--plot-panel)"/>'
        )
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{self._element(style)}\n'

    def _element(self, style: str) -> str:
        return (
            f'<svg xmlns="{_SVG}" class="plot" role="img" viewBox="0 0 {self.width:g} '
            f'{self.height:g}" aria-labelledby="{self.name}-t {self.name}-d" '
            f'font-family="{_FONT}" stroke-linejoin="round">{style}'
            f'<title id="{self.name}-t">{_escape(self.title)}</title>'
            f'<desc id="{self.name}-d">{_escape(self.description)}</desc>{self.body}</svg>'
        )


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many CSS pixels at its natural size, on a transparent ground."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with rc_context(_settings()):
        layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.04)
        return Figure(figsize=(width / 72, height / 72), layout=layout)


def headline(figure: Figure, text: str) -> None:
    """A title at the picture's left edge, so that long row names do not push it out."""
    figure.suptitle(text, x=0.012, ha="left", fontsize=13, fontweight="bold", color=PAINT["ink"])


def new_axes(figure: Figure, rows: int = 1, row: int = 1) -> Any:
    """Axes with the site's clothes: a quiet grid, no box, text in ink and muted ink."""
    from matplotlib import rc_context

    with rc_context(_settings()):
        axes = figure.add_subplot(rows, 1, row)
        axes.set_axisbelow(True)
        axes.grid(visible=True, axis="y", color=PAINT["grid"], linewidth=1)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(PAINT["muted"])
        axes.tick_params(colors=PAINT["muted"], length=0, labelsize=12, which="both")
    return axes


def log_ticks(axes: Any, left: float, right: float, axis: str = "x") -> None:
    """Round places on a log axis, also where it spans too little for powers of ten."""
    if not 0 < left < right:
        return
    step = (right / left) ** (1 / 4)
    ticks = [float(f"{left * step**each:.1g}") for each in range(5)]
    if len(set(ticks)) < 4:
        ticks = [float(f"{left * step**each:.2g}") for each in range(5)]
    kept = [tick for tick in dict.fromkeys(ticks) if left <= tick <= right]
    axes.set_xticks(kept) if axis == "x" else axes.set_yticks(kept)
    axes.minorticks_off()


def picture(
    figure: Figure,
    name: str,
    title: str,
    description: str,
    tooltips: Mapping[str, str] | None = None,
) -> Picture:
    """The figure as a picture.

    Args:
        tooltips: by the URL given to an artist, what a pointer that rests on it is told.
    """
    from matplotlib import rc_context

    text = StringIO()
    with rc_context(_settings()):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    root = ET.fromstring(text.getvalue())
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    _clean(root, re.sub(r"[^a-z0-9]+", "-", name.lower()), tooltips or {})
    ET.register_namespace("", _SVG)
    body = "".join(ET.tostring(child, encoding="unicode") for child in root)
    body = re.sub(r"\s*\n\s*", " ", body.replace(f' xmlns="{_SVG}"', ""))
    return Picture(name, title, description, body, width, height)


def _settings() -> Any:
    ink = PAINT["ink"]
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "lab",
        "font.size": 12,
        "text.color": ink,
        "axes.labelcolor": PAINT["muted"],
        "axes.edgecolor": PAINT["muted"],
        "axes.labelsize": 12,
        "xtick.color": PAINT["muted"],
        "ytick.color": PAINT["muted"],
        "text.parse_math": False,
        "axes.unicode_minus": True,
        "axes.formatter.useoffset": False,
    }


def _clean(element: ET.Element, name: str, tooltips: Mapping[str, str]) -> None:
    for child in list(element):
        tag = child.tag.removeprefix(f"{{{_SVG}}}")
        if tag in {"metadata", "style"}:
            element.remove(child)
            continue
        _clean(child, name, tooltips)
        if tag == "g" and "id" in child.attrib:
            del child.attrib["id"]
        if tag == "a" and child.attrib.get("href") in tooltips:
            note = ET.Element(f"{{{_SVG}}}title")
            note.text = tooltips[child.attrib["href"]]
            child.insert(0, note)
    attributes = dict(element.attrib)
    style = attributes.pop("style", "")
    for declaration in style.split(";"):
        key, _, value = declaration.partition(":")
        if key.strip() in _ALLOWED:
            attributes[key.strip()] = value.strip()
    if _LINK in attributes:
        attributes["href"] = attributes.pop(_LINK)
    attributes.pop("target", None)
    element.attrib.clear()
    for key, value in attributes.items():
        element.set(key, _attribute(key, value, name))


def _attribute(key: str, value: str, name: str) -> str:
    if key in {"fill", "stroke"}:
        return _VARIABLES.get(value.lower(), value)
    if key == "id":
        return f"{name}-{value}"
    if key == "clip-path":
        return value.replace("url(#", f"url(#{name}-")
    if key == "href":
        return f"#{name}-{value[1:]}" if value.startswith("#") else value
    if key in {"d", "x", "y", "width", "height", "transform"}:
        return _NUMBER.sub(r"\1", value.replace("\n", " ")).strip()
    return value


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_VARIABLES = {colour: f"var(--plot-{role})" for role, colour in PAINT.items()}
