"""Folding results into items: killed half way, by several at once, beside other programs."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import rows, run_sql
from tubeq import Completion, Idea, NewTask, QueueManager
from tubeq.domain.items import ItemQuery, ItemSort
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite import search_index as sqlite_item_index

SQL = load_queries("sqlite", "items")


def store(queue: QueueManager, ideas_of_tasks: list[list[Idea]]) -> list[str]:
    """Complete a new task for each of the lists."""
    task_ids = queue.create_tasks([NewTask("t")] * len(ideas_of_tasks))
    claims = queue.claim_tasks("t", "w", len(ideas_of_tasks), "fifo")
    queue.complete_tasks([Completion(*each) for each in zip(claims, ideas_of_tasks, strict=True)])
    return task_ids


def many(tasks: int, each: int = 50, distinct: int = 400) -> list[list[Idea]]:
    chance = random.Random(1)
    return [
        [
            Idea(f"v{number}", title=f"title {number}", views=task)
            for number in chance.sample(range(distinct), each)
        ]
        for task in range(tasks)
    ]


def assert_each_result_counted_once(path: Path) -> None:
    """Every item was seen as often as there are results of it, and is in the index once."""
    with QueueManager(path) as queue:
        queue.items.fold()
    seen = dict(rows(path, "SELECT source_id, times_seen FROM item"))
    assert seen == dict(rows(path, "SELECT source_id, count(*) FROM results GROUP BY 1"))
    run_sql(path, "INSERT INTO item_search (item_search) VALUES ('integrity-check')")
    found = "SELECT rowid FROM item_search WHERE item_search MATCH 'title' ORDER BY 1"
    assert rows(path, found) == rows(path, "SELECT id FROM item ORDER BY 1")


_FOLD_ALL = """
import sys
from tubeq import QueueManager
with QueueManager(sys.argv[1]) as queue:
    print("ready", flush=True)
    queue.items.fold(lambda done, of: print(done, flush=True))
"""


@pytest.mark.slow
def test_a_fold_that_is_killed_half_way_loses_and_doubles_nothing(path: Path) -> None:
    with QueueManager(path) as queue:
        store(queue, many(200))
    kills = 0
    for delay_s in (0.0, 0.003, 0.006, 0.01, 0.015, 0.02, 0.03):
        process = subprocess.Popen(
            [sys.executable, "-c", _FOLD_ALL, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_s)
        process.kill()
        kills += process.wait() != 0
        process.stdout.close()
    assert kills >= 3, "no fold was killed: they were all too quick"
    assert_each_result_counted_once(path)


def _fold_in_process(path: Path, barrier: Any) -> None:
    with QueueManager(path) as queue:
        barrier.wait()
        for _ in range(20):
            queue.items.fold()


@pytest.mark.slow
def test_processes_that_fold_at_once_count_each_result_once(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with QueueManager(path) as queue:
        store(queue, many(100))
        barrier = context.Barrier(5)
        processes = [
            context.Process(target=_fold_in_process, args=(path, barrier)) for _ in range(4)
        ]
        for process in processes:
            process.start()
        barrier.wait()
        for _ in range(20):
            store(queue, many(5))
        for process in processes:
            process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert_each_result_counted_once(path)


def test_threads_that_fold_and_prune_at_once_lose_nothing(path: Path) -> None:
    with QueueManager(path, durability="fast") as queue:
        stop = threading.Event()

        def repeat(verb: Callable[[], Any]) -> None:
            while not stop.is_set():
                verb()

        verbs = (lambda: queue.maintenance.prune(0), queue.items.fold)
        threads = [threading.Thread(target=repeat, args=(verb,)) for verb in verbs]
        for thread in threads:
            thread.start()
        for number in range(100):
            store(queue, [[Idea("v1", views=number), Idea(f"v{number}-x")]])
        stop.set()
        for thread in threads:
            thread.join()
        item = queue.items.get("v1")
        assert item is not None
        assert (item.times_seen, item.views) == (100, 99)
        assert queue.items.count() == 101


def test_prune_does_not_delete_what_was_stored_after_its_fold(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the fold and the transaction that deletes, somebody overwrites a result."""
    with QueueManager(path) as queue, QueueManager(path) as other:
        first, _ = store(queue, [[Idea("v1", views=1)], []])
        fold = queue._storage.items.fold
        late = [lambda: other.store_result(first, "v1", views=2),
                lambda: other.store_result(first, "v2", views=3)]  # fmt: skip

        def fold_then_store(progress: Any = None) -> int:
            folded = fold(progress)
            if late:
                late.pop()()
            return folded

        monkeypatch.setattr(queue._storage.items, "fold", fold_then_store)
        assert queue._storage.maintenance.prune(time.time() + 1) == 1
        monkeypatch.undo()
        assert queue.items.get("v1").views == 2
        assert queue.items.get("v2").views == 3


def test_a_result_that_is_overwritten_while_it_is_folded_is_seen_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with QueueManager(path) as queue, QueueManager(path) as other:
        (task_id,) = store(queue, [[Idea("v1", views=1)]])
        other.store_result(task_id, "v1", views=2)
        items = queue._storage.items
        write_down = items._write

        def overwrite_first(*arguments: Any) -> bool:
            monkeypatch.undo()
            other.store_result(task_id, "v1", views=3)
            return write_down(*arguments)

        monkeypatch.setattr(items, "_write", overwrite_first)
        items.fold()
        assert items.get_item("v1").views == 3


def test_other_programs_that_delete_results_hide_none_of_the_later_ones(path: Path) -> None:
    """SQLite gives the largest id again once its row is gone."""
    with QueueManager(path) as queue:
        store(queue, [[Idea("a"), Idea("b"), Idea("c")]])
        queue.items.fold()
        run_sql(path, "DELETE FROM results WHERE source_id IN ('b', 'c')")
        store(queue, [[Idea("d")]])
        assert queue.items.count() == 4
        run_sql(path, "DELETE FROM results")
        store(queue, [[Idea("e"), Idea("f")]])
        assert queue.items.count() == 6


def test_results_that_other_programs_wrote_badly_are_taken_as_they_are(path: Path) -> None:
    with QueueManager(path) as queue:
        (task_id,) = store(queue, [[Idea("good", views=1)]])
        run_sql(
            path,
            f"""
            INSERT INTO results (task_id, source_id, views, score, extra, created_at, published_at)
            VALUES ('{task_id}', 'bad', 'many', 'high', '{{no json', 12345, 99),
                   ('{task_id}', NULL, 1, 1, NULL, 'now', NULL),
                   ('{task_id}', 'list', -5, 9e999, '[1, 2]', 'yesterday', 'soon'),
                   ('{task_id}', 'half', 1.5, 1, '{{"channel": "\\ud800"}}', 0, x'00');
            UPDATE results SET extra = '{{"likes": NaN, "comments": 1e400}}', created_at = 7
            WHERE source_id = 'good'
            """,
        )
        assert queue.items.count() == 4
        bad = queue.items.get("bad")
        assert (bad.views, bad.score, bad.extra) == (None, None, {})
        for sort in (ItemSort.VIEWS, ItemSort.SCORE, ItemSort.NEWEST, ItemSort.GROWTH):
            queue.items.list(ItemQuery(sort=sort))


def test_a_program_without_fts5_can_do_all_but_search(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with QueueManager(path) as able, QueueManager(path) as unable:
        monkeypatch.setitem(sqlite_item_index._SQL, "has_fts5", "SELECT 0")
        assert not unable._storage.items._index.is_possible
        monkeypatch.undo()
        store(unable, [[Idea("v1", "first title"), Idea("v2", "other title")]])
        assert unable._storage.items.count_items() == 2
        with pytest.raises(Exception, match="FTS5"):
            unable._storage.items.list_items(ItemQuery("first"))
        assert len(able._storage.items.list_items(ItemQuery("first"))) == 1
        store(unable, [[Idea("v1", "second title"), Idea("v3", "first title")]])
        assert unable._storage.items.count_items() == 3
        found = able._storage.items.list_items(ItemQuery("first"))
        assert [item.source_id for item in found] == ["v3"]
        assert len(able._storage.items.list_items(ItemQuery("second"))) == 1
    assert_each_result_counted_once(path)


def test_an_index_that_was_dropped_is_made_anew(path: Path) -> None:
    with QueueManager(path) as queue:
        store(queue, many(30))
        queue.items.fold()
        run_sql(path, "DROP TABLE item_search")
        found = queue.items.list(ItemQuery("title", limit=1000))
        assert len(found) == queue.items.count()
    assert_each_result_counted_once(path)


def test_inserting_a_result_costs_not_one_step_more(path: Path) -> None:
    """What a completion costs stays what it was: SQLite's own count of steps says so."""
    insert = load_queries("sqlite")["upsert_result"]
    QueueManager(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        def steps_of(source_id: str) -> int:
            nonlocal steps
            steps = 0
            file.execute(insert, ("r", "t", source_id, *[None] * 8, "2026"))
            return steps

        file.execute(insert, ("r", "t", "first", *[None] * 8, "2026"))
        file.set_progress_handler(count, 1)
        with_triggers = [steps_of(name) for name in "abc"]
        for name in ("results_overwritten", "results_deleted"):
            file.execute(f"DROP TRIGGER {name}")
        steps_of("prepared anew")
        assert with_triggers == [steps_of(name) for name in "def"]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (ItemQuery(sort=ItemSort.VIEWS), "item_views"),
        (ItemQuery(sort=ItemSort.SCORE), "item_score"),
        (ItemQuery(sort=ItemSort.NEWEST), "item_newest"),
        (ItemQuery(sort=ItemSort.GROWTH), "item_count_at"),
        (ItemQuery(channel="@a"), "VIRTUAL TABLE INDEX"),
        (ItemQuery("word", sort=ItemSort.RELEVANCE), "VIRTUAL TABLE INDEX"),
        (ItemQuery("word", sort=ItemSort.VIEWS), "VIRTUAL TABLE INDEX"),
        (ItemQuery("word", "@a", ItemSort.RELEVANCE), "VIRTUAL TABLE INDEX"),
    ],
)
def test_a_listing_goes_through_its_index(path: Path, query: ItemQuery, index: str) -> None:
    from tubeq.storage.sqlite.items import _listing

    with QueueManager(path) as queue:
        queue.items.fold()
    statement = _listing(query, query.search is not None, query.channel is not None)
    values = {"search": "word", "channel": "@a", "channel_words": "a", "limit": 5}
    values |= {"since": "", "counted_since": ""}
    steps = [row[3] for row in rows(path, f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any(index in step for step in steps), steps
    assert not any(step == "SCAN item" or step.startswith("SCAN kept") for step in steps), steps


def test_what_is_folded_is_read_through_indexes(path: Path) -> None:
    QueueManager(path).close()
    plan = rows(path, f"EXPLAIN QUERY PLAN {SQL['unfolded']}", {"through": 0, "limit": 5})
    steps = [row[3] for row in plan]
    assert any("item USING INDEX item_source" in step for step in steps), steps
    assert not any(step.startswith(("SCAN results", "SCAN item")) for step in steps), steps
