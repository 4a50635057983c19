"""tubeq items, export and db import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import FIRST_SCHEMA, claimed, run_sql
from tests.unit.cli.conftest import Command
from tubeq.cli import items_render
from tubeq.domain.items import Count
from tubeq.queue.queue_manager import QueueManager

HOSTILE = "[red]\x1b[2J tea \u202e =1+1"


@pytest.fixture
def filled(queue: QueueManager) -> QueueManager:
    for views in (100, 250):
        queue.complete_task(
            claimed(queue, "anything"),
            [{"source_id": "v1", "title": HOSTILE, "views": views, "score": 9.0,
              "channel": "Leaves", "handle": "@leaves", "likes": 5},
             {"source_id": f"only-{views}", "title": "Coffee", "duration_s": 61}],
        )  # fmt: skip
    return queue


def test_listing(tubeq: Command, filled: QueueManager) -> None:
    found = tubeq("items", "--json").json
    assert {item["source_id"] for item in found} == {"v1", "only-100", "only-250"}
    told = tubeq("items", "--search", "TEA")
    assert told.exit_code == 0
    assert "v1" in told.out
    assert "only" not in told.out
    assert "[red]" in told.out
    assert "\x1b" not in told.out
    assert "\u202e" not in told.out
    assert "tubeq items show v1" in told.err
    for sort in ("views", "score", "newest", "growth"):
        assert tubeq("items", "--sort", sort, "--json").json[0]["source_id"]
    assert tubeq("items", "--channel", "@LEAVES", "--json").json[0]["source_id"] == "v1"
    assert len(tubeq("items", "--limit", "1", "--json").json) == 1
    assert tubeq("items", "--search", "nothing").err == "no such items\n"
    assert tubeq("items", "--search", "nothing", "--json").json == []


def test_a_channel_by_its_address(tubeq: Command, filled: QueueManager) -> None:
    for name in ("https://www.youtube.com/@Leaves/videos", "@%256Ceaves", "/@leaves", "@leaves."):
        assert tubeq("items", "--channel", name, "--json").json[0]["source_id"] == "v1", name
    for old in ("youtube.com/leaves", "c/leaves", "https://www.youtube.com/user/leaves"):
        assert "@handle or id" in tubeq.refused("items", "--channel", old)
    assert tubeq("items", "--channel", "AC/DC").err == "no such items\n"


def test_one_item_with_its_views_over_time(tubeq: Command, filled: QueueManager) -> None:
    told = tubeq("items", "show", "v1", "--json").json
    assert (told["views"], told["times_seen"], told["growth"]) == (250, 2, 150)
    assert [count["views"] for count in told["counts"]] == [100, 250]
    shown = tubeq("items", "show", "v1")
    assert "+150" in shown.out
    assert "views " in shown.out
    assert "\x1b" not in shown.out
    assert tubeq("items", "show", "only-100").exit_code == 0
    assert "'nothing'" in tubeq.refused("items", "show", "nothing")


def test_options_before_show_hold_for_it(
    tubeq: Command, filled: QueueManager, tmp_path: Path
) -> None:
    filled.maintenance.backup(tmp_path / "other.db")
    queue = QueueManager(tmp_path / "other.db")
    queue.store_result(queue.create_task("anything"), "there")
    queue.close()
    told = tubeq("items", "--json", "--db", "other.db", "show", "there")
    assert told.json["source_id"] == "there"


def test_bad_input(tubeq: Command, filled: QueueManager) -> None:
    assert "word" in tubeq.refused("items", "--search", "!!!")
    assert "relevance" in tubeq.refused("items", "--sort", "relevance")
    assert "span" in tubeq.refused("items", "--over", "soon")
    assert tubeq("items", "--sort", "nonsense").exit_code == 2
    assert tubeq("items", "--limit", "0").exit_code == 2
    assert "no database" in tubeq.refused("items", "--db", "none.db")
    assert "no database" in tubeq.refused("items", "show", "v1", "--db", "none.db")


def test_export(tubeq: Command, filled: QueueManager, tmp_path: Path) -> None:
    assert tubeq("export", "items.jsonl").err == "items.jsonl: 3 items\n"
    lines = (tmp_path / "items.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["source_id"] for line in lines} == {"v1", "only-100", "only-250"}
    assert tubeq("export", "r.csv", "--what", "results").err == "r.csv: 4 results\n"
    assert tubeq("export", "r.db").exit_code == 0
    assert "exists" in tubeq.refused("export", "r.db")
    assert tubeq("export", "r.db", "--force").exit_code == 0
    assert "itself" in tubeq.refused("export", "tubeq.db", "--force")
    assert "itself" in tubeq.refused("export", "tubeq.db-wal", "--force", "--format", "csv")
    assert "--format" in tubeq.refused("export", "items.xlsx")
    assert "standard output" in tubeq.refused("export", "-", "--format", "sqlite")
    assert "not a file" in tubeq.refused("export", "none/items.csv")
    assert filled.maintenance.check() == []


def test_export_to_standard_output(tubeq: Command, filled: QueueManager) -> None:
    told = tubeq("export", "-")
    assert len([json.loads(line) for line in told.out.splitlines()]) == 3
    assert tubeq("export", "-", "--format", "csv").out.startswith("source_id,")


def test_import(tubeq: Command, tmp_path: Path) -> None:
    run_sql(
        tmp_path / "old.db",
        f"{FIRST_SCHEMA} INSERT INTO task_queue (task_id, task_type, parameters, created_at) "
        "VALUES ('a', 't', '{}', '2025-01-01 00:00:00');"
        "INSERT INTO results (task_id, source_id) VALUES ('a', 'v')",
    )
    assert "1 task and 1 result imported" in tubeq("db", "import", "old.db").err
    again = tubeq("db", "import", "old.db", "--json")
    assert (again.exit_code, again.json["known"]) == (0, 2)
    assert tubeq("tasks", "--json").ids == ["a"]
    run_sql(
        tmp_path / "old.db",
        "UPDATE task_queue SET parameters = '{\"other\": 1}';"
        "INSERT INTO results (task_id, source_id) VALUES ('gone', 'v')",
    )
    told = tubeq("db", "import", "old.db")
    assert told.exit_code == 1
    assert "have these ids: a" in told.err
    assert "without a task" in told.err


def test_import_refuses(tubeq: Command, tmp_path: Path) -> None:
    assert "no file" in tubeq.refused("db", "import", "none.db")
    assert list(tmp_path.iterdir()) == []
    run_sql(tmp_path / "old.db", FIRST_SCHEMA)
    before = (tmp_path / "old.db").read_bytes()
    assert "itself" in tubeq.refused("db", "import", "old.db", "--db", "old.db")
    assert (tmp_path / "old.db").read_bytes() == before


def at(hour: int, views: int | None) -> Count:
    return Count(f"2026-11-25 {hour:02}:00:00.000000", views, None, None)


def test_sparklines() -> None:
    signs = "01234567"
    assert items_render.sparkline([], signs) is None
    assert items_render.sparkline([at(1, 5)], signs) is None
    assert items_render.sparkline([at(1, 5), at(2, None)], signs) is None
    assert items_render.sparkline([at(0, 0), at(8, 80)], signs, 8) == "00000007"
    assert items_render.sparkline([at(0, 7), at(4, 0), at(8, 7)], signs, 4) == "7007"
    assert items_render.sparkline([at(0, 3), at(8, 3)], signs, 8) == "0" * 8
    rising = items_render.sparkline([at(hour, hour) for hour in range(24)], signs)
    assert rising is not None
    assert list(rising) == sorted(rising)
    assert items_render.plot([at(0, 0), at(8, 80)], "cp1252").isascii()  # type: ignore[union-attr]
