"""A table that fits its terminal: columns that matter least go, then its rows are stacked.

It needs rich, which `render.table` imports when something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

_LEAST_ELASTIC = 16
"""Cells that a column which wraps needs to be worth reading."""
_MOST_LINES = 3
_WITHOUT_END = 1000


class FittingTable(Table):
    """See `render.table`."""

    def __init__(self, title: str | None, elastic: Sequence[str], drop: Sequence[str]) -> None:
        super().__init__(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
        self._elastic = frozenset(elastic)
        self._drop = tuple(drop)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width
        kept = list(self.columns)
        for name in self._drop:
            if self._least_width(kept) <= room:
                break
            kept = [column for column in kept if column.header != name]
        if self._least_width(kept) <= room:
            shown = copy(self)
            shown.columns = [_renumbered(column, index) for index, column in enumerate(kept)]
            shown._limit_lines(room)
            yield from Table.__rich_console__(shown, console, options)
        else:
            yield from self._stacked(room)

    def _least_width(self, columns: Sequence[Column]) -> int:
        """Cells without which something would be cut that should not be."""
        return sum(self._needed(column) for column in columns) + _frame(len(columns))

    def _needed(self, column: Column) -> int:
        whole = max(cell_len(str(each)) for each in (column.header, *column._cells))
        return min(whole, _LEAST_ELASTIC) if column.header in self._elastic else whole

    def _limit_lines(self, room: int) -> None:
        """Cut what would fill more than a few lines on a terminal."""
        elastic = [column for column in self.columns if column.header in self._elastic]
        if room >= _WITHOUT_END or not elastic:
            return
        fixed = [column for column in self.columns if column not in elastic]
        free = room - _frame(len(self.columns)) - sum(map(self._needed, fixed))
        for column in elastic:
            column._cells = [
                _cut(each, _MOST_LINES * max(free // len(elastic), _LEAST_ELASTIC))
                for each in column._cells
            ]

    def _stacked(self, room: int) -> Iterator[Any]:
        """A few lines a row: its first cell, then the short ones with their names, and the long."""
        if self.title:
            yield Text(str(self.title), style="bold")
        for number in range(self.row_count):
            first, *others = [(column, _text(column._cells[number])) for column in self.columns]
            yield first[1] + " UTC" if "(UTC)" in str(first[0].header) else first[1]
            short = Text("  ").join(
                Text.assemble((f"{column.header} ", "dim"), cell)
                for column, cell in others
                if cell and column.header not in self._elastic
            )
            long = [cell for column, cell in others if cell and column.header in self._elastic]
            for cell in filter(None, [short, *(_cut(each, _MOST_LINES * room) for each in long)]):
                yield Padding(cell, (0, 0, 0, 2))


def _frame(count: int) -> int:
    """Cells between and around so many columns."""
    return 3 * count + 1


def _renumbered(column: Column, index: int) -> Column:
    made = copy(column)
    made._index = index
    return made


def _text(cell: Any) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))


def _cut(cell: Any, most: int) -> Text:
    made = _text(cell).copy()
    made.truncate(most, overflow="ellipsis")
    return made
