"""What a storage promises of its catalogue of items: `storage.items`.

Results are kept by task; the catalogue keeps one item for each source id, over all tasks, and its
counts over time. It is made from the results by *folding*, which every read of the catalogue does
first, and `prune` before it deletes: so completing a task costs nothing more. Items outlive the
results that they were made from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tubeq.domain.counts import Count
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.handles import composed
from tubeq.domain.items import Item, ItemQuery
from tubeq.domain.models import Result

OnProgress = Callable[[int, int], None]
"""Called periodically with how many are done, and the total as far as it is known."""


class ItemStore(Protocol):
    """The verbs."""

    def fold(self, progress: OnProgress | None = None) -> int:
        """Take every result that is new, or was overwritten, into its item; how many there were.

        In short transactions, each of which takes in some complete results: even if a process is
        killed half way, or several fold at once, each result counts once. Results that are stored
        meanwhile may be left for the next time. A storage that was opened read-only takes in none.
        """

    def count_unfolded(self) -> int:
        """How many results, new or overwritten, are not in any item yet."""

    def list_items(self, query: ItemQuery) -> list[Item]:
        """Items, after folding. See ItemQuery.

        Growth is the difference of comparable counts: see `domain.counts`. Those of
        `ItemSort.GROWTH` are the ones that were seen more than once, whose counts were kept in
        its period, and whose growth is known; `ItemSort.RELEVANCE` needs a search.

        Raises:
            InvalidParameters: the search text is not valid.
            StorageError: this SQLite cannot search texts.
        """

    def get_item(self, source_id: str, growth_over_s: float = 7 * 86_400.0) -> Item | None:
        """What is known of one item, after folding; None for an unknown one."""

    def counts(self, source_id: str) -> list[Count]:
        """The item's kept counts, oldest first; the last one is the latest that was seen.
        Empty for an unknown one."""

    def count_items(self) -> int:
        """How many there are, after folding."""

    def item_page(self, after: int, limit: int) -> list[tuple[int, Item]]:
        """At most `limit` items with numbers larger than `after`, in the order in which they were
        first taken in, each with its number. Does not fold."""

    def result_page(self, after: int, limit: int) -> list[tuple[int, Result]]:
        """Results of all tasks likewise, in the order in which they were first stored."""

    def counts_between(self, after: int, last: int) -> list[tuple[str, Count]]:
        """The kept counts of the items with numbers above `after`, up to `last`, each with the
        item's source id."""


MOST_SEARCHED = 1000
"""Characters of a search text."""


def search_terms(text: str) -> list[tuple[str, bool]]:
    """The words of a search text, each with whether it is a prefix of the words to find.

    Words are separated by blanks. Other characters in them are searched for, never interpreted;
    words without a letter or digit are ignored, since no index holds them.

    Raises:
        InvalidParameters: there is no word in it, or it is too long.
    """
    if len(text) > MOST_SEARCHED:
        most = f"{MOST_SEARCHED:,} characters"
        raise InvalidParameters(f"a search has at most {most}, not {len(text):,}")
    printable = "".join(each if each.isprintable() else " " for each in text)
    words = [
        (word.rstrip("*"), word.endswith("*"))
        for word in composed(printable).split()
        if any(map(str.isalnum, word))
    ]
    if not words:
        raise InvalidParameters("a search needs a word: at least one letter or digit")
    return words
