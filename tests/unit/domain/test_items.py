"""What is known after one more sighting."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tubeq.domain.items import Sighting, finer_count, known_from, merged


@pytest.mark.parametrize(
    ("known", "seen", "kept"),
    [
        (None, 5, 5),
        (5, None, 5),
        (999, 998, 998),
        (1_234, 1_200, 1_234),
        (1_250, 1_300, 1_250),
        (1_249, 1_300, 1_300),
        (1_300, 1_200, 1_200),
        (1_234, 1_240, 1_240),
        (960, 1_000, 1_000),
        (12_345, 12_000, 12_345),
        (13_000, 12_000, 12_000),
        (1_234_567, 1_200_000, 1_234_567),
        (4_653_006, 4_700_000, 4_653_006),
        (12_345_678, 12_000_000, 12_345_678),
        (123_456_789, 123_000_000, 123_456_789),
        (1_234_567_890, 1_200_000_000, 1_234_567_890),
    ],
)
def test_a_rounded_count_tells_nothing_new(known: int | None, seen: int | None, kept: int) -> None:
    assert finer_count(known, seen) == kept


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_what_is_kept_is_one_of_both_and_close_to_the_newer(known: int, seen: int) -> None:
    kept = finer_count(known, seen)
    assert kept in (known, seen)
    assert abs(kept - seen) <= 0.1 * seen  # type: ignore[operator]


def seen(at: str = "2026-01-02", **columns: object) -> Sighting:
    blank = dict.fromkeys(Sighting._fields)
    return Sighting(**{**blank, "source_id": "v", "at": at, **columns})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("2026-10-25 00:00:00.000000", "2026-10-25 06:57:33.000000", "2026-10-25 06:57:33.000000"),
        ("2026-10-25 06:57:33.000000", "2026-10-25 00:00:00.000000", "2026-10-25 06:57:33.000000"),
        ("2026-10-25 06:00:00.000000", "2026-10-26 00:00:00.000000", "2026-10-25 06:00:00.000000"),
        ("2026-10-25 00:00:00.000000", "2026-10-01 00:00:00.000000", "2026-10-25 00:00:00.000000"),
        ("2026-10-25 06:57:33.000000", "2026-10-26 01:02:03.000000", "2026-10-26 01:02:03.000000"),
        (None, "2026-10-01", "2026-10-01"),
        ("soon", "2026-10-01 06:00:00", "2026-10-01 06:00:00"),
    ],
)
def test_the_time_that_tells_more_is_kept(first: str | None, second: str, kept: str) -> None:
    item = merged(known_from(seen(published_at=first)), seen(published_at=second))
    assert item.published_at == kept


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("all of it, and more", "all of it...", "all of it, and more"),
        ("all of it, and more", "other words \u2026", "all of it, and more"),
        ("all of it, and more", "all of it", "all of it, and more"),
        ("all of it, and more", "rewritten", "rewritten"),
        ("short...", "a longer one...", "a longer one..."),
        ("text", "", "text"),
        ("text", None, "text"),
    ],
)
def test_a_text_that_was_cut_short_replaces_none(first: str, second: str | None, kept: str) -> None:
    item = merged(known_from(seen(description=first)), seen(description=second))
    assert item.description == kept


def test_an_older_sighting_only_fills_gaps() -> None:
    item = known_from(seen("2026-01-02", title="new", views=10, extra_json='{"a": 1}'))
    item = merged(
        item,
        seen("2026-01-01", title="old", views=5, description="text", extra_json='{"a": 2, "b": 3}'),
    )
    assert (item.title, item.views, item.description) == ("new", 10, "text")
    assert item.extra == {"a": 1, "b": 3}
    assert (item.first_seen_at, item.last_seen_at) == ("2026-01-01", "2026-01-02")
    assert item.times_seen == 2


@pytest.mark.parametrize("at", ["2026-01-03", "2026-01-01"])
def test_what_says_nothing_replaces_nothing(at: str) -> None:
    full = '{"channel": "Leaves", "likes": 0, "tags": ["a"], "live": false}'
    item = known_from(seen("2026-01-02", title="a", url="u", extra_json=full))
    empty = '{"channel": "", "likes": null, "tags": [], "live": null, "more": {}}'
    item = merged(item, seen(at, title="", url="", extra_json=empty))
    assert item.extra == {"channel": "Leaves", "likes": 0, "tags": ["a"], "live": False}
    assert (item.title, item.url, item.channel, item.likes) == ("a", "u", "Leaves", 0)
