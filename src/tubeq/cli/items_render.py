"""What items look like in a terminal."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from tubeq.cli.tables import Sheet, Table
from tubeq.cli.words import clock_length, one_decimal
from tubeq.domain.clock import from_timestamp
from tubeq.domain.counts import Count, is_comparable
from tubeq.domain.items import Item

_BLOCKS, _PLAIN = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_PLOT_COLUMNS = 60
_BESIDE_PLOT = 55
_MOST_ROWS = 24


def item_table(items: Iterable[Item], over: str) -> Table:
    """One row an item, in the given order."""
    return Table(
        "id", "score", "views", f"+{over}", "length", "published (UTC)", "channel", "title",
        right=("score", "views", f"+{over}", "length"), elastic=("channel", "title"),
        drop=("score", "published (UTC)", "length", "channel", f"+{over}", "views"),
        rows=(
            (each.source_id, one_decimal(each.score), _views(each.counts), _gain(each.growth),
             clock_length(each.duration_s), (each.published_at or "")[:10], each.channel,
             each.title)
            for each in items
        ),
    )  # fmt: skip


def item_sheet(item: Item, over: str) -> Sheet:
    """Everything about one item; what is not known is left out."""
    facts: dict[str, object] = {
        "id": item.source_id,
        "title": item.title,
        "channel": " ".join(filter(None, (item.channel, item.handle, item.channel_id))),
        "address": item.url,
        "score": one_decimal(item.score),
        "views": _views(item.counts),
        f"views in {over}": _gain(item.growth),
        "likes": item.likes,
        "comments": item.comments,
        "length": clock_length(item.duration_s),
        "published": item.published_at and f"{item.published_at[:19]} UTC",
        "seen": f"{item.times_seen:,} times, from {item.first_seen_at[:19]} to "
        f"{item.last_seen_at[:19]} UTC",
        "description": item.description,
    }
    return Sheet(facts.items())


def counts_table(counts: Sequence[Count]) -> Table:
    """The counts over time, the last 24 of them."""
    pairs = list(zip([None, *counts], counts))[-_MOST_ROWS:]
    earlier = len(counts) - len(pairs)
    return Table(
        "at (UTC)", "views", "gained", "likes", "comments",
        right=("views", "gained", "likes", "comments"), drop=("comments", "likes"),
        rows=(
            (each.at[:16], _views(each), _gain(_gained(before, each)), each.likes, each.comments)
            for before, each in pairs
        ),
        caption=f"{earlier:,} earlier ones: see --json" if earlier else "",
    )  # fmt: skip


def _gained(before: Count | None, count: Count) -> int | None:
    if before is None or not is_comparable(before, count):
        return None
    return (count.views or 0) - (before.views or 0)


def plot(counts: Sequence[Count], encoding: str | None, width: int = 120) -> str | None:
    """Views over time as a line of blocks, or of ASCII where the stream is not UTF-8; None for
    fewer than two.

    Args:
        width: of the terminal; a plot narrower than 8 columns would show nothing.
    """
    signs = _BLOCKS if "utf" in (encoding or "").lower() else _PLAIN
    line = sparkline(counts, signs, max(8, min(_PLOT_COLUMNS, width - _BESIDE_PLOT)))
    if line is None:
        return None
    known = [count for count in counts if count.views is not None]
    return (
        f"views  {known[0].at[:10]} {known[0].views:,}  {line}  {known[-1].views:,} "
        f"{known[-1].at[:10]}"
    )


def sparkline(counts: Sequence[Count], signs: str, columns: int = _PLOT_COLUMNS) -> str | None:
    """Views over time, one character for each interval between the first and the last count.

    An interval without a count has the views of the one before.
    """
    known = [(_epoch_s(count.at), count.views) for count in counts if count.views is not None]
    if len(known) < 2:
        return None
    start, end = known[0][0], known[-1][0]
    width = min(columns, max(2 * len(known), 8))
    times = [at for at, _ in known]
    ends = (start + (end - start) * (column + 1) / width for column in range(width))
    heights = [known[max(bisect_right(times, each) - 1, 0)][1] for each in ends]
    low, high = min(heights), max(heights)
    steps = len(signs) - 1
    return "".join(signs[round(steps * (each - low) / (high - low or 1))] for each in heights)


def _epoch_s(at: str) -> float:
    try:
        return from_timestamp(at).timestamp()
    except ValueError:  # written by another program
        return 0.0


def _views(count: Count) -> str:
    """ "~17,000,000" where that is rounded."""
    views = "" if count.views is None else f"{count.views:,}"
    return f"~{views}" if count.views_exact is False else views


def _gain(value: int | None) -> str:
    return "" if value is None else f"{value:+,}"
