"""Tables that fit their terminal: the least important columns are dropped, long cells wrap, and
where even that is not enough each row becomes a few lines. What came from outside, such as a title,
is made visible in them: no character of it is obeyed.

Nothing but the standard library: importing rich takes as long as everything else that a command
which prints a table does.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_ELASTIC_WIDTH = 16
"""Columns that a column which wraps needs to be readable."""
_MOST_LINES = 3
_GAP, _MARGIN = "   ", "  "
_SGR = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36",
}  # fmt: skip
_TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


class Cell(NamedTuple):
    """Text that is safe to print, and its style: words such as "bold red"."""

    text: str
    style: str = ""


class Page(NamedTuple):
    """What is printed on: its width in columns (None where nothing is to be cut), whether in
    colors, and whether it can show Unicode."""

    width: int | None
    colored: bool = False
    unicode: bool = True


def safe(value: object, style: str = "") -> Cell:
    """A value as a cell: "" for None, whole numbers with their thousands apart."""
    text = "" if value is None else f"{value:,}" if type(value) is int else str(value)
    return Cell(visible(text), style)


def visible(text: str) -> str:
    """The text with everything that could steer a terminal written out as an escape.

    That is control characters, line ends, lone surrogates, and the format characters that turn
    the direction of writing; a joiner inside an emoji stays.
    """
    return "".join(map(_visible, text)) if not text.isprintable() else text


def _visible(character: str) -> str:
    steers = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    turns = unicodedata.bidirectional(character) in _TURNS
    return repr(character)[1:-1] if steers or turns else character


def painted(text: str, style: str, page: Page) -> str:
    """The text in that style, where the page has colors."""
    if not (page.colored and style and text):
        return text
    return f"\x1b[{';'.join(_SGR[word] for word in style.split())}m{text}\x1b[0m"


def width_of(text: str) -> int:
    """The terminal columns that text takes; never fewer than it does."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if character == "\ufe0f":  # makes a wide emoji of the character before it
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _split(text: str, width: int) -> tuple[str, str]:
    """As many characters as fit into so many columns, at least one, and the rest."""
    if text.isascii():
        end = max(width, 1)
    else:
        end, used = 1, _character_width(text[0])
        while end < len(text) and (used := used + _character_width(text[end])) <= width:
            end += 1
    return text[:end], text[end:]


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most so many columns, broken between words where that is possible."""
    lines = [""]
    for word in text.split(" "):
        rest = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and width_of(rest) > width:
            rest = word
            lines.append("")
        while width_of(rest) > width:
            lines[-1], rest = _split(rest, width)
            lines.append("")
        lines[-1] = rest
    return lines


class Line(NamedTuple):
    """A line, broken between words where the terminal is too narrow.

    Args:
        wrap: False for what may be copied, such as a command.
    """

    text: str
    style: str = ""
    wrap: bool = True

    def lines(self, page: Page) -> list[str]:
        """The line as it is printed."""
        text = visible(self.text).lstrip()
        indent = len(self.text) - len(self.text.lstrip())
        broken = wrapped(text, page.width - indent) if self.wrap and page.width else [text]
        return [" " * indent + painted(line, self.style, page) for line in broken]


class Table:
    """A table with a header.

    Args:
        columns: their names.
        rows: the values of each row, as `safe` takes them, or cells.
        right: the columns that are aligned to the right.
        elastic: the columns that wrap where the terminal is narrow.
        drop: the columns that are left out there, the first one first.
        title: a line above it.
        most_lines: a cell is cut after so many lines, unless the page has no width.
        caption: a line below it.
    """

    def __init__(
        self,
        *columns: str,
        rows: Iterable[Iterable[object]] = (),
        right: Sequence[str] = (),
        elastic: Sequence[str] = (),
        drop: Sequence[str] = (),
        title: str | None = None,
        most_lines: int = _MOST_LINES,
        caption: str = "",
    ) -> None:
        self._names = columns
        self._right, self._elastic, self._drop = right, elastic, drop
        self._title = title and visible(title)
        self._most_lines = most_lines
        self._caption = caption
        self._rows = [list(map(_cell, row)) for row in rows]

    def lines(self, page: Page) -> Iterator[str]:
        """The table as it is printed."""
        shown = list(range(len(self._names)))
        room = page.width
        for name in self._drop:
            if room is None or self._needed_by(shown) <= room:
                break
            shown = [index for index in shown if self._names[index] != name]
        if self._title:
            yield painted(self._title, "bold", page)
        if room is not None and self._needed_by(shown) > room:
            yield from self._stacked(room)
        else:
            yield from self._drawn(page, self._widths(shown, room))
        if self._caption:
            yield painted(_MARGIN + self._caption, "dim", page)

    def _natural(self, index: int) -> int:
        return max(
            width_of(self._names[index]), *(width_of(row[index].text) for row in self._rows), 0
        )

    def _needed(self, index: int) -> int:
        natural = self._natural(index)
        return min(natural, _ELASTIC_WIDTH) if self._names[index] in self._elastic else natural

    def _needed_by(self, shown: Sequence[int]) -> int:
        return sum(map(self._needed, shown)) + _frame(len(shown))

    def _widths(self, shown: Sequence[int], room: int | None) -> dict[int, int]:
        """The width of each column; elastic ones share what the others leave."""
        widths = {index: self._natural(index) for index in shown}
        elastic = [index for index in shown if self._names[index] in self._elastic]
        if room is not None:
            fixed = sum(width for index, width in widths.items() if index not in elastic)
            free = room - _frame(len(shown)) - fixed
            elastic.sort(key=widths.__getitem__)
            for position, index in enumerate(elastic):
                widths[index] = min(widths[index], free // (len(elastic) - position))
                free -= widths[index]
        return widths

    def _drawn(self, page: Page, widths: dict[int, int]) -> Iterator[str]:
        yield ""
        head = [Cell(self._names[index], "bold") for index in widths]
        yield self._line(page, head, widths)
        rule = "─" if page.unicode else "-"
        yield _MARGIN + rule * (sum(widths.values()) + len(_GAP) * (len(widths) - 1))
        for row in self._rows:
            columns = [
                [Cell(line, row[index].style) for line in self._cell_lines(row[index], width, page)]
                for index, width in widths.items()
            ]
            for number in range(max(map(len, columns))):
                cells = [each[number] if number < len(each) else Cell("") for each in columns]
                yield self._line(page, cells, widths)
        yield ""

    def _cell_lines(self, cell: Cell, width: int, page: Page) -> list[str]:
        lines = wrapped(cell.text, width)
        if page.width is None or len(lines) <= self._most_lines:
            return lines
        *kept, last = lines[: self._most_lines]
        ellipsis = "…" if page.unicode else "..."
        return [*kept, _split(last, width - len(ellipsis))[0].rstrip() + ellipsis]

    def _line(self, page: Page, cells: Sequence[Cell], widths: dict[int, int]) -> str:
        parts = []
        for cell, (index, width) in zip(cells, widths.items()):
            padding = " " * (width - width_of(cell.text))
            text = painted(cell.text, cell.style, page)
            right = self._names[index] in self._right
            parts.append(padding + text if right else text + padding)
        return (_MARGIN + _GAP.join(parts)).rstrip()

    def _stacked(self, room: int) -> Iterator[str]:
        """A few lines a row: its first cell, then short ones with their names, then long ones."""
        for row in self._rows:
            zone = " UTC" if "(UTC)" in self._names[0] else ""
            yield from wrapped(row[0].text + zone, room)
            named = [(name, cell.text) for name, cell in zip(self._names[1:], row[1:]) if cell.text]
            short = "  ".join(f"{name} {text}" for name, text in named if name not in self._elastic)
            long = [text for name, text in named if name in self._elastic]
            for text in filter(None, [short, *long]):
                limit = self._most_lines if text is not short else None
                yield from (_MARGIN + line for line in wrapped(text, room - 2)[:limit])


class Sheet:
    """Names and values, one pair a line; those of None and "" are left out."""

    def __init__(self, facts: Iterable[tuple[str, object]]) -> None:
        cells = ((name, _cell(fact)) for name, fact in facts)
        self._facts = [(name, cell) for name, cell in cells if cell.text]

    def lines(self, page: Page) -> Iterator[str]:
        """The sheet as it is printed."""
        indent = max((len(name) for name, _ in self._facts), default=0) + 2
        for name, cell in self._facts:
            width = None if page.width is None else max(page.width - indent, _ELASTIC_WIDTH)
            lines = [cell.text] if width is None else wrapped(cell.text, width)
            for number, line in enumerate(lines):
                label = "" if number else painted(name, "dim", page)
                padding = " " * (indent - (0 if number else len(name)))
                yield f"{label}{padding}{painted(line, cell.style, page)}"


def _cell(value: object) -> Cell:
    return value if isinstance(value, Cell) else safe(value)


def _frame(count: int) -> int:
    """Columns around and between so many."""
    return len(_MARGIN) + len(_GAP) * (count - 1)
