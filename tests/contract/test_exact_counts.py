"""storage.items: growth is taken between comparable counts, and stand-ins replace no facts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.support import held
from tubeq.domain.counts import is_comparable
from tubeq.domain.items import Item, ItemQuery, ItemSort
from tubeq.domain.models import Idea
from tubeq.storage import Storage

DAY_S = 86_400.0


def look(storage: Storage, source_id: str = "v", **columns: Any) -> Item:
    """Have a listing, or a video's own page, tell this; what is known then."""
    storage.complete(held(storage), [Idea(source_id, **columns)])
    item = storage.items.get_item(source_id)
    assert item is not None
    return item


def listed(storage: Storage, views: int, source_id: str = "v") -> Item:
    return look(storage, source_id, views=views, extra={"views_rounded": True})


def watched(storage: Storage, views: int, source_id: str = "v") -> Item:
    return look(storage, source_id, views=views, extra={"likes": 5})


def ranked(storage: Storage) -> list[tuple[str, int | None]]:
    found = storage.items.list_items(ItemQuery(sort=ItemSort.GROWTH))
    return [(item.source_id, item.growth) for item in found]


@pytest.mark.parametrize("rest_s", [10.0, DAY_S])
def test_a_page_that_tells_what_a_listing_rounded_is_no_growth(storage, clock, rest_s):
    listed(storage, 17_000_000)
    listed(storage, 500, "small")
    clock.advance(rest_s)
    assert not watched(storage, 17_506_283).growth
    clock.advance(DAY_S)
    watched(storage, 700, "small")
    assert ranked(storage)[0] == ("small", 200)
    assert watched(storage, 17_506_300).growth == 17
    assert ranked(storage) == [("small", 200), ("v", 17)]


def test_nor_is_it_where_nobody_said_what_was_rounded(storage, clock):
    """As of all counts that an older version kept."""
    look(storage, views=17_000_000)
    clock.advance(DAY_S)
    assert not look(storage, views=17_506_283).growth
    clock.advance(DAY_S)
    assert look(storage, views=17_506_299).growth == 16


@pytest.mark.parametrize(
    ("before", "now", "growth"),
    [
        (17_000_000, 17_000_000, None),
        (17_000_000, 18_000_000, None),
        (17_000_000, 19_000_000, 2_000_000),
        (1_200, 1_300, None),
        (1_200, 1_500, 300),
        (900, 1_100, 200),
        (998, 999, 1),
        (3_000_000_000, 2_000_000_000, -1_000_000_000),
    ],
)
def test_rounded_counts_grow_by_more_than_their_steps(storage, clock, before, now, growth):
    listed(storage, before)
    clock.advance(DAY_S)
    assert listed(storage, now).growth == growth


def test_an_exact_count_that_looks_rounded_is_exact(storage, clock):
    assert watched(storage, 2_000_000).counts.views_exact
    clock.advance(DAY_S)
    assert watched(storage, 2_000_009).growth == 9
    assert listed(storage, 2_000_000).views == 2_000_009
    clock.advance(DAY_S)
    assert watched(storage, 3_000_000).growth == 1_000_000
    kept = [(count.views, count.views_exact) for count in storage.items.counts("v")]
    assert kept == [(2_000_000, True), (2_000_009, True), (3_000_000, True)]
    clock.advance(DAY_S)
    rounded = listed(storage, 4_000_000)
    assert (rounded.views, rounded.counts.views_exact) == (4_000_000, False)


def test_growth_over_a_rounded_count_is_not_taken_from_before_it(storage, clock):
    """The last count before the period is rounded: an older exact one would say too much."""
    watched(storage, 17_506_283)
    clock.advance(100 * DAY_S)
    listed(storage, 19_000_000)
    clock.advance(10 * DAY_S)
    assert watched(storage, 19_200_000 + 1).growth == 0


def test_pages_of_counts_say_how_exact_they_are(storage, clock):
    watched(storage, 2_000_000)
    clock.advance(DAY_S)
    listed(storage, 4_000_000)
    counts = [count.views_exact for _, count in storage.items.counts_between(0, 99)]
    assert counts == [True, False]


def test_what_is_told_of_the_views_is_no_fact_of_the_items(storage):
    assert "views_rounded" not in listed(storage, 17_000_000).extra
    assert "views_rounded" not in listed(storage, 19_000_000).extra


STAND_INS = [
    "[Private video]",
    "[Deleted video]",
    "Private video",
    "youtube video #abcdefghijk",
    "",
]


@pytest.mark.parametrize("title", STAND_INS)
def test_a_stand_in_replaces_no_title(storage, clock, title):
    look(storage, title="Tea", views=50, score=60.0, duration_s=61.0)
    clock.advance(DAY_S)
    item = look(storage, title=title, views=0, score=1.0, duration_s=0.0)
    assert (item.title, item.views, item.duration_s) == ("Tea", 50, 61.0)
    item = look(storage, title=title, views=None, score=1.0)
    assert (item.title, item.views, item.score) == ("Tea", 50, 60.0)


@pytest.mark.parametrize("title", STAND_INS)
def test_a_title_replaces_a_stand_in(storage, title):
    assert look(storage, title=title).title == title
    assert look(storage, title="Tea").title == "Tea"


def test_a_translated_title_does_not_replace_the_pages_own(storage, clock):
    look(storage, title="The tea ceremony")
    clock.advance(60)
    assert look(storage, title="茶道", extra={"categories": ["Education"]}).title == "茶道"
    clock.advance(60)
    assert look(storage, title="The tea ceremony").title == "茶道"
    clock.advance(60)
    assert look(storage, title="茶道 2", extra={"categories": ["Education"]}).title == "茶道 2"


def names(item: Item) -> tuple[str | None, ...]:
    return item.channel, item.channel_id, item.handle


def test_names_of_a_channel_go_together(storage, clock):
    leaves = {"channel": "Leaves", "channel_id": "UC1", "handle": "@leaves"}
    look(storage, extra={"channel": "Various Artists"})
    clock.advance(60)
    assert names(look(storage, extra=leaves)) == ("Leaves", "UC1", "@leaves")
    clock.advance(60)
    assert names(look(storage, extra={"channel": "Various Artists"})) == tuple(leaves.values())
    assert names(look(storage, extra={"handle": "@old"})) == tuple(leaves.values())
    clock.advance(60)
    renamed = look(storage, extra={"channel": "Leaves & Co", "channel_id": "UC1"})
    assert names(renamed) == ("Leaves & Co", "UC1", "@leaves")
    clock.advance(60)
    other = look(storage, extra={"channel": "Cups", "channel_id": "UC2"})
    assert names(other) == ("Cups", "UC2", None)


@pytest.mark.parametrize("order", ["page first", "listing first"])
def test_a_partners_listing_does_not_take_a_video_away(storage, clock, order):
    """A joint video is on the pages of two channels, whose listings do not say whose it is."""
    page = {"channel": "Leaves", "channel_id": "UC1", "handle": "@leaves", "likes": 3}
    listing = {"channel": "Cups", "channel_id": "UC2", "handle": "@cups"}
    looks = [page, listing, listing] if order == "page first" else [listing, page, listing]
    for told in looks:
        item = look(storage, extra=told)
        clock.advance(60)
    assert names(item) == ("Leaves", "UC1", "@leaves")
    moved = look(storage, extra={"channel": "Cups", "channel_id": "UC2", "likes": 4})
    assert names(moved) == ("Cups", "UC2", None)


def test_back_ends_round_alike(storage, clock):
    """Growth of one and two steps of every size, for counts of every size and kind."""
    grown = {
        f"{before} {after} {said}": (before, after, said)
        for digits in range(3, 13)
        for before in (lead * 10 ** (digits - 3) for lead in (100, 120, 123, 990))
        for power in range(max(digits - 4, 0), digits)
        for after in (before + 10**power, before + 2 * 10**power)
        for said in ({}, {"views_rounded": True}, {"likes": 1})
    }
    for which in (0, 1):
        ideas = [Idea(each, views=told[which], extra=told[2]) for each, told in grown.items()]
        storage.complete(held(storage), ideas)
        clock.advance(3601)
    ranked = {item.source_id: item for item in storage.items.list_items(ItemQuery(limit=9999))}
    for each, (before, _, _) in grown.items():
        item = ranked[each]
        start = storage.items.counts(each)[0]
        said = item.views != before and is_comparable(start, item.counts)
        assert (item.growth or None) == ((item.views or 0) - before if said else None), each
