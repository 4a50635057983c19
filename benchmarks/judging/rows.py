"""What a measurement says: figures beside their limits, as JSON and as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import nan
from typing import Any


@dataclass
class Row:
    """One line of a table.

    Args:
        table: which table it belongs to.
        what: what was measured.
        figures: by name, the unit last in the name.
        limits: by the figure's name: the most that is allowed, or the least for `at_least`.
        at_least: the names of figures that are to reach their limit.
        note: what bounds a figure that does not meet its limit, or how to read the row.
    """

    table: str
    what: str
    figures: dict[str, float]
    limits: dict[str, float]
    at_least: tuple[str, ...] = ()
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether every limit holds. A figure that is missing, or no number, does not meet one."""
        return not self.missed

    @property
    def missed(self) -> list[str]:
        """The names of the figures that do not meet their limits."""
        return [name for name in self.limits if not self._meets(name)]

    def _meets(self, name: str) -> bool:
        value, limit = self.figures.get(name, nan), self.limits[name]
        return value >= limit if name in self.at_least else value <= limit

    def as_json(self) -> dict[str, Any]:
        """The row as JSON values, with `met` beside its fields."""
        return {**asdict(self), "at_least": list(self.at_least), "met": self.met}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Row:
        """The row that `as_json` was made of."""
        fields = {name: value for name, value in values.items() if name != "met"}
        return cls(**{**fields, "at_least": tuple(fields.get("at_least", ()))})


def as_markdown(rows: Iterable[Row]) -> str:
    """The rows as tables, each figure that has a limit followed by it."""
    rows = list(rows)
    lines: list[str] = []
    for table in dict.fromkeys(row.table for row in rows):
        mine = [row for row in rows if row.table == table]
        headings = list(dict.fromkeys(name for row in mine for name in row.figures))
        lines += ["", f"| {table} | {' | '.join(headings)} | |", "|---" * (len(headings) + 2) + "|"]
        for row in mine:
            cells = [_cell(row, name) for name in headings]
            lines.append(f"| {row.what} | {' | '.join(cells)} | {_verdict(row)} |")
    return "\n".join(lines).strip()


def _cell(row: Row, name: str) -> str:
    if name not in row.figures:
        return ""
    value = row.figures[name]
    whole = value >= 100 or (value == value and value == int(value))
    text = f"{value:,.0f}" if whole else f"{value:.3g}"
    if name not in row.limits:
        return text
    return f"{text} ({'≥' if name in row.at_least else '≤'} {row.limits[name]:,g})"


def _verdict(row: Row) -> str:
    verdict = ("met" if row.met else "NOT met") if row.limits else ""
    return ": ".join(part for part in (verdict, row.note) if part)
