"""storage.items: what the results of many tasks say of one and the same thing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.support import add, held, take
from tests.support import rows
from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import InvalidParameters, StorageError
from tubeq.domain.items import Count, Item, ItemQuery, ItemSort
from tubeq.domain.models import Idea
from tubeq.storage import Storage

DAY_S = 86_400.0
RICH = Idea(
    "v1",
    title="Tea ceremony in Kyōto",
    description="All of it, from the first bow to the last.",
    score=60.0,
    url="https://www.youtube.com/watch?v=v1",
    views=1_234,
    duration_s=61.5,
    published_at="2026-10-25 06:57:33.000000",
    extra={
        "channel": "Leaves",
        "channel_id": "UC1",
        "handle": "@leaves",
        "likes": 9,
        "tags": ["a"],
    },
)


def found(storage: Storage, *ideas: Idea) -> str:
    """Complete a new task with these ideas; its id."""
    claim = held(storage)
    storage.complete(claim, ideas)
    return claim.task_id


def known(storage: Storage, source_id: str = "v1") -> Item:
    item = storage.items.get_item(source_id)
    assert item is not None
    return item


def ids(storage: Storage, **query: Any) -> list[str]:
    return [item.source_id for item in storage.items.list_items(ItemQuery(**query))]


def test_an_item_is_what_its_result_says(storage, clock):
    found(storage, RICH)
    at = to_timestamp(clock.now())
    assert known(storage).as_dict() == {
        **RICH._asdict(),
        "channel": "Leaves",
        "channel_id": "UC1",
        "handle": "@leaves",
        "first_seen_at": at,
        "likes": 9,
        "comments": None,
        "last_seen_at": at,
        "times_seen": 1,
        "growth": 0,
    }
    assert storage.items.counts("v1") == [Count(at, 1_234, 9, None)]


def test_many_tasks_results_are_one_item(storage, clock):
    for views in (10, 20, 30):
        found(storage, Idea("v1", views=views), Idea(f"other-{views}"))
        clock.advance(DAY_S)
    assert storage.items.count_items() == 4
    item = known(storage)
    assert (item.views, item.times_seen) == (30, 3)
    assert item.last_seen_at > item.first_seen_at
    assert [count.views for count in storage.items.counts("v1")] == [10, 20, 30]


def test_folding_twice_counts_once(storage):
    found(storage, RICH, Idea("v2"))
    assert storage.items.fold() == 2
    assert storage.items.fold() == 0
    assert known(storage).times_seen == 1


def test_a_poorer_sighting_erases_nothing(storage, clock):
    found(storage, RICH)
    clock.advance(DAY_S)
    poor = Idea(
        "v1",
        description="All of it, from ...",
        views=1_200,
        published_at="2026-10-25 00:00:00.000000",
        extra={"likes": None},
    )
    found(storage, poor)
    item = known(storage)
    assert (item.title, item.description, item.url) == (RICH.title, RICH.description, RICH.url)
    assert (item.views, item.likes, item.duration_s) == (1_234, 9, 61.5)
    assert (item.published_at, item.channel) == (RICH.published_at, "Leaves")
    assert item.extra == RICH.extra
    assert item.times_seen == 2
    assert len(storage.items.counts("v1")) == 2  # the kept one, and that they still hold


def test_a_richer_sighting_is_taken_over(storage, clock):
    found(storage, Idea("v1", title="Te…", views=1_200, extra={"channel": "Leaves"}))
    clock.advance(DAY_S)
    found(storage, RICH)
    item = known(storage)
    assert (item.title, item.views, item.likes) == (RICH.title, 1_234, 9)
    assert (item.handle, item.published_at) == ("@leaves", RICH.published_at)


@pytest.mark.parametrize("fold_between", [True, False])
def test_a_result_that_is_overwritten_is_seen_again(storage, clock, fold_between):
    task_id = found(storage, Idea("v1", title="first", views=100))
    if fold_between:
        storage.items.fold()
    clock.advance(DAY_S)
    storage.requeue(task_id)
    storage.complete(take(storage), [Idea("v1", title="second", views=200)])
    seen_at = to_timestamp(clock.now())
    clock.advance(DAY_S)
    item = known(storage)
    assert (item.title, item.views, item.last_seen_at) == ("second", 200, seen_at)
    assert item.times_seen == 1 + fold_between
    assert storage.items.fold() == 0


def test_partial_results_are_seen_and_seen_again(storage):
    claim = held(storage)
    storage.store_results(claim.task_id, [Idea("v1", views=1)], claim)
    assert known(storage).views == 1
    storage.store_results(claim.task_id, [Idea("v1", views=2), Idea("v2")], claim)
    assert known(storage).views == 2
    storage.complete(claim, [Idea("v1", views=3)])
    assert known(storage).views == 3


def test_counts_are_kept_when_they_changed_and_once_an_hour(storage, clock):
    start = clock.now()
    for minute, views in ((0, 100), (10, 150), (50, 160), (70, 160), (80, 170), (300, 170)):
        clock.advance(start + 60 * minute - clock.now())
        found(storage, Idea("v1", views=views))
        storage.items.fold()
    # What changed at minute 50 was kept at 70; what changed at 80, at 300.
    kept = [(0, 100), (70, 160), (300, 170)]
    assert storage.items.counts("v1") == [
        Count(to_timestamp(start + 60 * minute), views, None, None) for minute, views in kept
    ]


def test_what_is_known_survives_pruning(storage, clock):
    found(storage, RICH)
    clock.advance(DAY_S)
    found(storage, Idea("v1", views=5_000), Idea("v2"))
    add(storage)  # the newest task is never pruned
    clock.advance(1)
    assert storage.maintenance.prune(clock.now()) == 2
    assert storage.results() == []
    assert storage.items.count_items() == 2
    assert (known(storage).views, known(storage).times_seen) == (5_000, 2)
    assert [count.views for count in storage.items.counts("v1")] == [1_234, 5_000]
    claim = take(storage)
    storage.complete(claim, [Idea("v1", views=9_000), Idea("v3")])  # where ids are used again
    assert known(storage).views == 9_000
    assert known(storage).times_seen == 3
    assert storage.items.count_items() == 3


def test_listing(storage, clock):
    found(
        storage,
        Idea("a", "red", views=5, score=1.0, published_at="2026-01-01 00:00:00.000000"),
        Idea("b", "blue", views=50, score=3.0, extra={"channel": "Ink", "handle": "@Ink"}),
        Idea("c", "green", score=2.0, published_at="2026-02-01 00:00:00.000000",
             extra={"channel": "ink", "channel_id": "UCx"}),
    )  # fmt: skip
    assert ids(storage) == ["c", "a", "b"]
    assert ids(storage, sort=ItemSort.VIEWS) == ["b", "a", "c"]
    assert ids(storage, sort=ItemSort.SCORE) == ["b", "c", "a"]
    assert ids(storage, sort=ItemSort.SCORE, limit=1) == ["b"]
    assert ids(storage, channel="INK") == ["c", "b"]
    assert ids(storage, channel="@ink") == ["b"]
    assert ids(storage, channel="UCx", sort=ItemSort.VIEWS) == ["c"]
    assert ids(storage, channel="nobody") == []
    assert ids(storage, search="gr*", channel="ink", sort=ItemSort.RELEVANCE) == ["c"]
    assert ids(storage, search="red", channel="ink") == []
    with pytest.raises(InvalidParameters, match="relevance"):
        ids(storage, sort=ItemSort.RELEVANCE)


def test_a_channel_is_one_in_every_spelling(storage):
    found(
        storage,
        Idea("a", extra={"channel": "ИгорьКлейнер", "handle": "@Jos\u00e9"}),
        Idea("b", extra={"channel": "ไทยรัฐ", "handle": "@ไทยรัฐ"}),
        Idea("c", extra={"handle": "@jose"}),
        Idea("d", extra={"handle": "@ไทยรถ"}),
    )
    assert ids(storage, channel="игорьклейнер") == ["a"]
    assert ids(storage, channel="@JOS\u00c9") == ["a"]
    assert ids(storage, channel="@jose\u0301") == ["a"]
    assert ids(storage, channel="@jose") == ["c"]
    assert ids(storage, channel="@ไทยรัฐ") == ["b"]
    assert ids(storage, channel="@ไท") == []


def test_growth_is_what_was_gained_in_the_period(storage, clock):
    found(storage, Idea("old", views=1_000), Idea("slow", views=10), Idea("none"))
    clock.advance(10 * DAY_S)
    found(storage, Idea("old", views=1_001), Idea("slow", views=10), Idea("new", views=500))
    clock.advance(DAY_S)
    found(storage, Idea("old", views=1_003), Idea("new", views=600))
    grown = storage.items.list_items(ItemQuery(sort=ItemSort.GROWTH, growth_over_s=7 * DAY_S))
    assert [(item.source_id, item.growth) for item in grown] == [("new", 100), ("old", 3)]
    grown = storage.items.list_items(ItemQuery(sort=ItemSort.GROWTH, growth_over_s=0.5 * DAY_S))
    assert [(item.source_id, item.growth) for item in grown] == [("new", 100), ("old", 2)]
    assert storage.items.get_item("none").growth is None  # type: ignore[union-attr]


def test_a_search_finds_words_without_case_and_accents(storage):
    found(storage, RICH, Idea("v2", "Coffee", extra={"channel": "Tea house"}), Idea("v3", "Steam"))
    search = {"sort": ItemSort.RELEVANCE}
    assert ids(storage, search="kyoto CEREMONY", **search) == ["v1"]
    assert ids(storage, search="KYŌTO", **search) == ["v1"]
    assert sorted(ids(storage, search="tea", **search)) == ["v1", "v2"]
    assert sorted(ids(storage, search="te*", **search)) == ["v1", "v2"]
    assert ids(storage, search="ste*", **search) == ["v3"]
    assert ids(storage, search="bow last", **search) == ["v1"]
    assert ids(storage, search="bow coffee", **search) == []


def test_a_search_follows_changed_texts(storage, clock):
    for title in ("first words", "second words"):
        found(storage, Idea("v1", title))
        assert ids(storage, search=title) == ["v1"]
        clock.advance(1)
    assert ids(storage, search="first") == []


HOSTILE = [
    'say "hello" OR NOT (world)', 'a"quote within',
    "title:secret", "a AND", "NEAR(a b)", "x'; DROP TABLE item --",
    "{title} : a", "^start", "a + b", "-minus", '"', "tab\tnul\0bell\x07 word", "col-lon:semi",
    "<script>alert(1)</script>", "\u202eesrever word",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_search_text_is_never_obeyed(storage, text):
    found(storage, Idea("v1", text.replace("\0", " ")), Idea("v2", "something else"))
    if any(map(str.isalnum, text)):
        assert ids(storage, search=text) == ["v1"]
    else:
        with pytest.raises(InvalidParameters, match="word"):
            ids(storage, search=text)


def test_searches_that_cannot_be(storage):
    for text in ("", " ", '"*"', "*", "\0", "!!!"):
        with pytest.raises(InvalidParameters, match="word"):
            ids(storage, search=text)
    with pytest.raises(InvalidParameters, match="1,000"):
        ids(storage, search="x" * 1_001)


def test_hostile_texts_are_kept_and_found(storage):
    huge = "needle " + "<b>\x07\"'" * 150_000
    found(storage, Idea("v1", huge, huge, extra={"channel": "a\0b"}), Idea("v'\"2\0", "thread"))
    assert known(storage).title == huge
    assert known(storage).channel == "a\0b"
    assert ids(storage, search="needle") == ["v1"]
    assert ids(storage, search="thread") == ["v'\"2\0"]
    assert known(storage, "v'\"2\0").title == "thread"


def test_pages_are_everything_in_order(storage):
    found(storage, *(Idea(str(number)) for number in range(5)))
    storage.items.fold()
    pages: list[str] = []
    after = 0
    while page := storage.items.item_page(after, 2):
        pages += [item.source_id for _, item in page]
        after = page[-1][0]
    assert pages == list("01234")
    results = storage.items.result_page(0, 3)
    assert [result.source_id for _, result in results] == list("012")
    results = storage.items.result_page(results[-1][0], 3)
    assert [result.source_id for _, result in results] == list("34")


def test_progress_is_told(storage):
    found(storage, *(Idea(str(number)) for number in range(700)))
    told: list[tuple[int, int]] = []
    assert storage.items.fold(lambda done, of: told.append((done, of))) == 700
    assert (700, 700) in told


def test_an_unknown_item(storage):
    assert storage.items.get_item("nothing") is None
    assert storage.items.counts("nothing") == []
    assert storage.items.list_items(ItemQuery()) == []


def test_a_closed_storage_refuses(storage):
    storage.close()
    with pytest.raises(StorageError, match="closed"):
        storage.items.fold()


def test_this_sqlite_can_search():
    found = rows(":memory:", "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'")
    assert found, "the other tests of searching need FTS5"


def test_results_that_no_item_knows_of_are_counted(storage):
    assert storage.items.count_unfolded() == 0
    task_id = found(storage, RICH, Idea("v2"))
    assert storage.items.count_unfolded() == 2
    storage.items.fold()
    assert storage.items.count_unfolded() == 0
    storage.store_results(task_id, [Idea("v2", title="New")])
    assert storage.items.count_unfolded() == 1
    assert not storage.is_read_only
