"""Hypothesis stores, overwrites, prunes and reads on both back ends; their catalogues must agree,
and keep what they once knew."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import initialize, rule

from tests.stateful.machine import SETTINGS, BothBackEnds
from tubeq.domain.items import Item, ItemQuery, ItemSort
from tubeq.domain.models import EncodedTask, Idea
from tubeq.storage.ports.tasks import ClaimRequest

words = st.sampled_from(["", "tea", "Tea time", "tea time for all", "tea…", "café",
                         "[Private video]"])  # fmt: skip
numbers = st.sampled_from([None, 0, 999, 1_200, 1_234, 1_299, 1_300, 12_000, 12_345, 17_000_000,
                           17_506_283, 19_000_000, 3_000_000_000])  # fmt: skip
times = st.sampled_from([None, "2026-10-25 00:00:00.000000", "2026-10-25 13:00:00.000000",
                         "2026-10-25 13:14:15.000000", "2026-10-26 00:00:00.000000"])  # fmt: skip
extras = st.fixed_dictionaries(
    {},
    optional={"channel": words, "handle": st.sampled_from(["@a", "@B"]), "likes": numbers,
              "channel_id": st.sampled_from(["", "UC1", "UC2"]), "views_rounded": st.just(True),
              "comments": numbers, "tags": st.lists(words, max_size=2)},
)  # fmt: skip
ideas = st.lists(
    st.builds(Idea, st.sampled_from("xyz"), words, words, st.floats(0, 9), st.none() | words,
              numbers, numbers, times, extras),
    max_size=4,
)  # fmt: skip
_KEPT = ("title", "description", "channel", "handle", "url", "views", "likes", "comments",
         "duration_s", "published_at", "score")  # fmt: skip
_KEPT_ANYWAY = tuple(set(_KEPT) - {"channel", "handle"})


class ItemsAreTheModel(BothBackEnds):
    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[list[str]] = []  # ids of the same task on both
        self.known: dict[str, Item] = {}
        self.channel_ids: dict[str, set[str]] = {}  # that were found since the last check

    def teardown(self) -> None:
        try:
            self.both_know_the_same_and_forget_nothing()
        finally:
            super().teardown()

    def both(self, verb: Any) -> Any:
        model, sqlite = (verb(side, storage) for side, storage in enumerate(self.storages))
        assert sqlite == model
        return sqlite

    @initialize()
    def create_first(self) -> None:
        self.create()

    @rule()
    def create(self) -> None:
        self.tasks.append([each.create([EncodedTask("t", "{}")])[0] for each in self.storages])

    @rule(found=ideas)
    def complete(self, found: list[Idea]) -> None:
        self.note_channels(found)
        for storage in self.storages:
            for claim in storage.claim(ClaimRequest("t", "w")):
                storage.complete(claim, found)

    @rule(number=st.integers(0, 99), found=ideas, fold_before=st.booleans())
    def store(self, number: int, found: list[Idea], fold_before: bool) -> None:
        self.note_channels(found)
        ids = self.tasks[number % len(self.tasks)]
        for task_id, storage in zip(ids, self.storages, strict=True):
            if fold_before:
                storage.items.fold()
            storage.store_results(task_id, found)

    @rule(number=st.integers(0, 99))
    def requeue(self, number: int) -> None:
        ids = self.tasks[number % len(self.tasks)]
        for task_id, storage in zip(ids, self.storages, strict=True):
            if storage.get(task_id).status == "COMPLETED":
                storage.requeue(task_id)

    @rule(seconds=st.sampled_from([1, 600, 3_000, 3_600, 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def prune(self) -> None:
        self.both(lambda _, storage: storage.maintenance.prune(self.clock.now()))
        ids = {task.task_id for task in self.storages[0].list_tasks(limit=1000)}
        self.tasks = [each for each in self.tasks if each[0] in ids]

    @rule(search=st.sampled_from(["tea", "te*", "tea all", "cafe", "time"]))
    def search(self, search: str) -> None:
        self.both(lambda _, storage: storage.items.list_items(ItemQuery(search, limit=9)))

    @rule(sort=st.sampled_from([ItemSort.VIEWS, ItemSort.SCORE, ItemSort.GROWTH]),
          channel=st.sampled_from([None, None, "TEA", "@b"]))  # fmt: skip
    def list_items(self, sort: ItemSort, channel: str | None) -> None:
        query = ItemQuery(None, channel, sort, 9, 86_400.0)
        self.both(lambda _, storage: storage.items.list_items(query))

    @rule()
    def both_know_the_same_and_forget_nothing(self) -> None:
        for source_id in "xyz":
            item = self.both(lambda _, storage, one=source_id: storage.items.get_item(one))
            counts = self.both(lambda _, storage, one=source_id: storage.items.counts(one))
            assert [count.at for count in counts] == sorted({count.at for count in counts})
            before = self.known.get(source_id)
            if before is not None:
                channels = {before.channel_id, *self.channel_ids.get(source_id, ())} - {None}
                same_channel = len(channels) <= 1
                for name in _KEPT if same_channel else _KEPT_ANYWAY:
                    assert before[name] in (None, "") or item[name] not in (None, ""), name
                if same_channel:
                    assert set(before.extra) <= set(item.extra)
                assert item.times_seen >= before.times_seen
                assert item.last_seen_at >= before.last_seen_at
            if item is not None:
                self.known[source_id] = item
        self.channel_ids.clear()

    def note_channels(self, found: list[Idea]) -> None:
        for idea in found:
            if channel_id := idea.extra.get("channel_id"):
                self.channel_ids.setdefault(idea.source_id, set()).add(channel_id)


TestItemsAreTheModel = ItemsAreTheModel.TestCase
TestItemsAreTheModel.settings = settings(SETTINGS, stateful_step_count=30)
