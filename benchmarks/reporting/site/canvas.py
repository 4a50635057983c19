"""Pictures drawn as SVG by a few lines of our own: a fixed layout, nothing to load, a thousand a
second. Colours are CSS variables (--plot-ink and so on), so that one picture is light or dark, and
every style is an attribute: the site's content security policy lets no inline style through."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.reporting.filling import ASSETS

WIDTH = 440.0
BAR = 24.0
LETTER = 6.9
"""About the width of a letter."""
Span = tuple[float, float]
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its name, unique on a page; what it shows; what it says, for those who do not
    see it; the SVG element's inner markup, already safe; the height of its coordinates."""

    name: str
    title: str
    description: str
    body: str
    height: float

    def inline(self, before: str = "") -> str:
        """Markup for a page that defines the --plot-* colours."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" '
            f'viewBox="0 0 {WIDTH:g} {self.height:g}" aria-labelledby="{self.name}-t '
            f'{self.name}-d" font-family="{_FONT}" stroke-linejoin="round">{before}'
            f'<title id="{self.name}-t">{escape(self.title, quote=False)}</title>'
            f'<desc id="{self.name}-d">{escape(self.description, quote=False)}</desc>'
            f"{self.body}</svg>"
        )

    def file(self) -> str:
        """A document of its own, light or dark as its reader prefers, in the site's colours."""
        css = (ASSETS / "style.css").read_text("utf-8")
        light, dark = re.findall(r"^ *(--plot-ink.*)$", css, re.MULTILINE)
        before = (
            f"<style>:root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}</style>"
            f'<rect width="{WIDTH:g}" height="{self.height:g}" rx="6" fill="var(--plot-panel)"/>'
        )
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{self.inline(before)}\n'


class Canvas:
    """A picture with two axes; points are given as data, on a `log_x` axis above 0 only."""

    def __init__(
        self, height: float, x: Span, y: Span, *, left: float = 54.0, log_x: bool = False
    ) -> None:
        self.height, self.log_x = height, log_x
        self.left, self.right, self.top, self.bottom = left, WIDTH - 12, 36.0, height - 26.0
        self.x_span, self.y_span = x, y
        self.body = ""

    @classmethod
    def of_rows(cls, names: Sequence[str], x: Span, *, log_x: bool = False) -> Canvas:
        """A row a name, the first on top; row `n` is at height `len(names) - n - 0.5`."""
        left = min(230.0, 22 + LETTER * max(map(len, names), default=0))
        canvas = cls(BAR * len(names) + 66, x, (0.0, float(len(names))), left=left, log_x=log_x)
        for number, name in enumerate(names):
            at = canvas.y(len(names) - number - 0.5) + 4
            canvas.text(left - 8, at, name[:34], "end", "ink")
        return canvas

    def x(self, value: float) -> float:
        """Where it is, from the left."""
        ends = (*self.x_span, value)
        low, high, place = map(math.log, ends) if self.log_x else ends
        return self.left + (self.right - self.left) * (place - low) / ((high - low) or 1.0)

    def y(self, value: float) -> float:
        """Where it is, from the top; what is outside is drawn at the edge."""
        low, high = self.y_span
        share = min(1.0, max(0.0, (value - low) / ((high - low) or 1.0)))
        return self.bottom - (self.bottom - self.top) * share

    def line(self, points: Sequence[Span], paint: str, width: float = 1.6, dash: str = "") -> None:
        """Through the points."""
        dashes = {"stroke_dasharray": dash} if dash else {}
        self._mark("polyline", points=self._path(points), fill="none",
                   stroke=f"var(--plot-{paint})", stroke_width=f"{width:g}", **dashes)  # fmt: skip

    def band(self, points: Sequence[tuple[float, float, float]], paint: str) -> None:
        """Between the lows and the highs of (x, low, high)."""
        ends = [(x, high) for x, _, high in points] + [(x, low) for x, low, _ in points[::-1]]
        fill = f"var(--plot-{paint})"
        self._mark("polygon", points=self._path(ends), fill=fill, fill_opacity="0.16")

    def box(self, x: Span, y: Span, paint: str, opacity: float = 1.0) -> None:
        """A rectangle."""
        left, right = sorted(map(self.x, x))
        top, bottom = sorted(map(self.y, y))
        self._mark("rect", x=left, y=top, width=max(1.0, right - left), height=bottom - top,
                   fill=f"var(--plot-{paint})", fill_opacity=f"{opacity:g}")  # fmt: skip

    def dot(self, x: float, y: float, paint: str, radius: float = 4.0, tooltip: str = "") -> None:
        """A point; the tooltip is shown where a pointer rests on it."""
        title = f"<title>{escape(tooltip)}</title>" if tooltip else ""
        fill = f"var(--plot-{paint})"
        self._mark("circle", title, cx=self.x(x), cy=self.y(y), r=f"{radius:g}", fill=fill)

    def text(
        self, x: float, y: float, text: str, anchor: str = "start", paint: str = "muted",
        weight: str = "400",
    ) -> None:  # fmt: skip
        """Text at a place of the picture, not of the data."""
        self._mark("text", escape(text), x=x, y=y, text_anchor=anchor, font_size="13",
                   font_weight=weight, fill=f"var(--plot-{paint})")  # fmt: skip

    def y_ticks(self, written: Callable[[float], str]) -> None:
        """Round places on the left, with lines."""
        for value in round_places(*self.y_span):
            self.line([(end, value) for end in self.x_span], "grid", 1.0)
            self.text(self.left - 6, self.y(value) + 4, written(value), "end")

    def x_ticks(self, ticks: Sequence[tuple[float, str]], grid: bool = False) -> None:
        """Texts below; one that would end outside is moved in."""
        for value, written in ticks:
            if grid:
                self.line([(value, end) for end in self.y_span], "grid", 1.0)
            place = min(self.x(value), WIDTH - 2 - 0.6 * LETTER * len(written))
            self.text(place, self.height - 8, written, "middle")

    def picture(self, name: str, headline: str, title: str, description: str) -> Picture:
        """All that was drawn."""
        self.text(4, 17, headline, paint="ink", weight="700")
        return Picture(name, title, description, self.body, self.height)

    def _path(self, points: Sequence[Span]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)

    def _mark(self, tag: str, content: str = "", **attributes: float | str) -> None:
        """An element; numbers are written with one digit after the point."""
        written = ""
        for key, value in attributes.items():
            text = value if isinstance(value, str) else f"{value:.1f}"
            written += f' {key.replace("_", "-")}="{text}"'
        self.body += f"<{tag}{written}>{content}</{tag}>"


def round_places(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two, at most so many."""
    span = (high - low) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / most))
    step = next(unit * each for each in (1, 2, 5, 10, 20) if span / (unit * each) <= most)
    return [each * step for each in range(math.ceil(low / step), math.floor(high / step) + 1)]
