"""Reading a database that cannot be written."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import closing

import pytest

from tests.support import FIRST_SCHEMA, leave_log, run_sql
from tubeq import QueueManager
from tubeq.domain.errors import StorageError, StorageReadOnly, StorageReplaced
from tubeq.domain.items import ItemQuery, ItemSort
from tubeq.domain.models import EncodedTask, Idea
from tubeq.storage import open_storage
from tubeq.storage.ports.tasks import ClaimRequest

# What means something in an address; Windows allows no question mark in a name.
ODD = pytest.param("a%b#c%20d.db" if os.name == "nt" else "a?b#c%20d.db", id="odd")
NAMES = ["queue.db", ODD, "tea ☕.db"] + (
    [os.fsdecode(b"latin-\xe9.db")] if sys.platform == "linux" else []
)


def fill(storage, source_id="v1", channel="Leaves"):
    storage.create([EncodedTask("scrape", "{}")])
    (claim,) = storage.claim(ClaimRequest("scrape", "w"))
    idea = Idea(source_id, title=f"Tea {source_id}", extra={"channel": channel})
    storage.complete(claim, [idea])


@pytest.fixture
def plain(path):
    with closing(open_storage(path)) as storage:
        fill(storage)
        storage.items.fold()
    return path


def found(storage, query=None):
    return [item.source_id for item in storage.items.list_items(query or ItemQuery())]


@pytest.mark.parametrize("name", NAMES)
def test_everything_can_be_looked_at_and_nothing_is_made(plain, name):
    for each in ("-lock", "-wake"):
        plain.with_name(f"{plain.name}{each}").unlink(missing_ok=True)
    path = plain.rename(plain.with_name(name))
    before = sorted(path.parent.iterdir())
    content = path.read_bytes()
    with closing(open_storage(path, read_only=True)) as storage:
        assert storage.is_read_only
        (task,) = storage.list_tasks()
        assert storage.get(task.task_id).status == "COMPLETED"
        assert storage.stats().by_status["COMPLETED"] == 1
        assert storage.workers() == storage.limits.rules() == storage.limits.breakers() == []
        searched = ItemQuery(search="tea", sort=ItemSort.RELEVANCE)
        for query in (ItemQuery(), ItemQuery(channel="Leaves"), searched):
            assert found(storage, query) == ["v1"]
        assert storage.items.count_unfolded() == 0
        assert storage.maintenance.check() == []
    assert sorted(path.parent.iterdir()) == before
    assert path.read_bytes() == content


def test_whatever_writes_is_refused(plain):
    with closing(open_storage(plain, read_only=True)) as storage:
        (task,) = storage.list_tasks()
        for verb in (
            lambda: storage.create([EncodedTask("scrape", "{}")]),
            lambda: storage.create([EncodedTask("scrape", "{}")] * 3),
            lambda: storage.requeue(task.task_id),
            lambda: storage.worker_seen("w"),
        ):
            with pytest.raises(StorageReadOnly, match="this needs to write"):
                verb()
    with pytest.raises(StorageError, match="closed"):
        storage.stats()


def test_results_that_are_not_among_the_items_are_counted(plain):
    with closing(open_storage(plain)) as storage:
        fill(storage, "v2")
        storage.store_results(storage.list_tasks()[-1].task_id, [Idea("v1", title="Again")])
    with closing(open_storage(plain, read_only=True)) as storage:
        assert storage.items.count_unfolded() == 2
        assert found(storage) == ["v1"]


def test_a_search_without_an_index_is_refused_and_a_channel_is_found_without_one(plain):
    run_sql(plain, "DROP TABLE item_search")
    with closing(open_storage(plain, read_only=True)) as storage:
        with pytest.raises(StorageReadOnly, match="index"):
            storage.items.list_items(ItemQuery(search="tea", sort=ItemSort.NEWEST))
        assert found(storage, ItemQuery(channel="Leaves")) == ["v1"]


def test_while_others_write_it_is_read_with_them(plain):
    """By SQLite's own side files, which are there then."""
    with closing(open_storage(plain)) as writer:
        fill(writer, "v2")
        with closing(open_storage(plain, read_only=True)) as reader:
            assert len(reader.list_tasks()) == 2
            fill(writer, "v3")
            assert len(reader.list_tasks()) == 3


def test_who_begins_to_write_meanwhile_is_noticed(plain):
    with closing(open_storage(plain, read_only=True)) as reader:
        assert len(reader.list_tasks()) == 1
        assert reader._session._factory.is_immutable
        with closing(open_storage(plain)) as writer:
            fill(writer, "v2")
            assert len(reader.list_tasks()) == 2
            assert not reader._session._factory.is_immutable


def test_a_log_that_was_left_is_read_with_its_index_and_else_refused(plain):
    leave_log(plain, 1)
    shutil.copytree(plain.parent, plain.parent.with_name("copy"))
    with closing(open_storage(plain, read_only=True)) as storage:
        assert len(storage.list_tasks()) == 2
    copied = plain.parent.with_name("copy") / "queue.db"
    index = copied.with_name("queue.db-shm")
    index.unlink()
    with pytest.raises(StorageReadOnly, match="changes in its log"):
        open_storage(copied, read_only=True)
    assert not index.exists()


def test_an_older_schema_is_refused(path):
    run_sql(path, FIRST_SCHEMA)
    before = path.read_bytes()
    with pytest.raises(StorageReadOnly, match="migrated before it is read"):
        open_storage(path, read_only=True)
    assert path.read_bytes() == before


def test_none_is_made(tmp_path):
    with pytest.raises(StorageError, match="does not exist"):
        open_storage(tmp_path / "queue.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody replace open files")
def test_a_replaced_one_is_noticed(plain, monkeypatch):
    monkeypatch.setattr("tubeq.storage.sqlite.file.session.LOOK_EVERY_S", 0.0)
    shutil.copyfile(plain, plain.with_name("copy.db"))
    with closing(open_storage(plain, read_only=True)) as storage:
        plain.with_name("copy.db").replace(plain)
        with pytest.raises(StorageReplaced):
            storage.stats()


def test_a_backup_can_be_made_of_it(plain):
    with QueueManager(plain, storage=open_storage(plain, read_only=True)) as queue:
        queue.maintenance.backup(plain.with_name("copy.db"))
    with QueueManager(plain.with_name("copy.db")) as queue:
        assert len(queue.list_tasks()) == 1
