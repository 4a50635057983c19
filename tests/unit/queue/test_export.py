"""Exports: whole or not there, read back by other programs, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import raising, rows
from tubeq import Idea, QueueManager
from tubeq.domain.errors import InvalidParameters, StorageError
from tubeq.queue.export import ExportFormat, What, export, format_of

HOSTILE = [
    "=HYPERLINK(\"evil.example\")", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1",
    "\xa0=1", "\ufeff+1",
]  # fmt: skip
PLAIN = ["a = b", 'quote " and, comma', "two\nlines", "ünï 漢字 🎬", "nul\0here", "'=1"]


@pytest.fixture
def queue(file_queue: QueueManager) -> QueueManager:
    for number in range(2):
        task_id = file_queue.create_task("t")
        for position, title in enumerate(HOSTILE + PLAIN):
            extra = {"channel": title, "n": [1, {"a": None}]}
            idea = Idea(f"v{position}", title, title, 1.5, views=10 + number, extra=extra)
            file_queue._storage.store_results(task_id, [idea])
    return file_queue


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(queue: QueueManager, path: Path, what: What = What.ITEMS, **options: Any) -> int:
    return export(queue._storage, path, what, format_of(path), **options)


def test_json_lines_hold_the_data_as_they_are(queue: QueueManager, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    assert write(queue, path) == len(HOSTILE + PLAIN)
    found = [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]
    assert [row["title"] for row in found] == HOSTILE + PLAIN
    assert found[0]["extra"] == {"channel": HOSTILE[0], "n": [1, {"a": None}]}
    assert (found[0]["views"], found[0]["times_seen"]) == (11, 2)


def test_csv_holds_no_formula(queue: QueueManager, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    write(queue, path)
    found = csv_rows(path)
    shown = [row["title"] for row in found]
    assert shown[: len(HOSTILE)] == [f"'{title}" for title in HOSTILE]
    assert shown[len(HOSTILE) :] == [title.replace("\0", "") for title in PLAIN]
    for row in found:
        assert not any(cell.lstrip(" ")[:1] in "=+-@\t\r\n" for cell in row.values() if cell)
    assert found[0]["views"] == "11"


IDENTIFIERS = ["-abcdefghi0", "@handle", "=id", "+1", "--dashes"]


@pytest.mark.parametrize("raw", [False, True])
def test_identifiers_handles_and_addresses_are_never_altered(
    queue: QueueManager, tmp_path: Path, raw: bool
) -> None:
    for each in IDENTIFIERS:
        extra = {"channel": "=1", "handle": each, "channel_id": each}
        idea = Idea(each, "-title", "@text", -2.5, url=f"@{each}", duration_s=3, extra=extra)
        queue._storage.store_results(queue.create_task("t"), [idea])
    names_of = {What.ITEMS: ("source_id", "handle", "channel_id"), What.RESULTS: ("source_id",)}
    for what, names in names_of.items():
        path = tmp_path / f"{what}.csv"
        write(queue, path, what, raw=raw)
        found = {row["source_id"]: row for row in csv_rows(path)}
        for each in IDENTIFIERS:
            assert [found[each][name] for name in names] == [each] * len(names)
            assert (found[each]["url"], found[each]["score"]) == (f"@{each}", "-2.5")
            assert found[each]["title"] == ("-title" if raw else "'-title")
            assert found[each]["description"] == ("@text" if raw else "'@text")
            assert found[each].get("channel") in (None, "=1" if raw else "'=1")


def test_raw_csv_is_read_back_as_it_was(queue: QueueManager, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    write(queue, path, raw=True)
    found = [(row["title"], row["description"]) for row in csv_rows(path)]
    kept = [each for each in HOSTILE + PLAIN if "\0" not in each]  # which Python 3.10 cannot read
    assert [row for row in found if "\0" not in row[0]] == [(each, each) for each in kept]


def test_only_csv_has_a_raw_form(queue: QueueManager, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameters, match="--raw goes with CSV"):
        write(queue, tmp_path / "items.jsonl", raw=True)
    assert not (tmp_path / "items.jsonl").exists()


def test_negative_numbers_stay_numbers(queue: QueueManager, tmp_path: Path) -> None:
    queue.store_result(queue.create_task("t"), "minus", score=-3.5)
    write(queue, tmp_path / "results.csv", What.RESULTS)
    assert ",-3.5," in (tmp_path / "results.csv").read_text("utf-8")


def test_a_sqlite_file_with_counts(queue: QueueManager, tmp_path: Path) -> None:
    path = tmp_path / "items.db"
    write(queue, path)
    titles = rows(path, "SELECT title FROM items ORDER BY rowid")
    assert titles == [(title,) for title in HOSTILE + PLAIN]
    assert rows(path, "SELECT count(*) FROM counts")[0][0] >= len(HOSTILE + PLAIN)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "SELECT json_extract(extra, '$.n[0]') FROM items")[0] == (1,)


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.sqlite"])
def test_results_are_exported_as_each_task_found_them(
    queue: QueueManager, tmp_path: Path, name: str
) -> None:
    told: list[tuple[int, int]] = []
    count = write(queue, tmp_path / name, What.RESULTS,
                  progress=lambda done, of: told.append((done, of)))  # fmt: skip
    assert count == 2 * len(HOSTILE + PLAIN)
    assert told[-1] == (count, count)


def test_what_is_there_is_not_replaced_unasked(queue: QueueManager, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("mine", "utf-8")
    with pytest.raises(InvalidParameters, match="exists"):
        write(queue, path)
    assert path.read_text("utf-8") == "mine"
    write(queue, path, replace=True)
    assert path.read_text("utf-8").startswith("source_id,")


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.sqlite"])
def test_an_export_that_fails_half_way_leaves_what_was_there(
    queue: QueueManager, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text("mine", "utf-8")
    before = sorted(each.name for each in tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write(queue, path, replace=True, progress=raising(KeyboardInterrupt()))
    assert path.read_text("utf-8") == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == before


def test_targets_that_cannot_be(queue: QueueManager, tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "a.csv", tmp_path):
        with pytest.raises(InvalidParameters):
            export(queue._storage, path, What.ITEMS, ExportFormat.CSV)
    with pytest.raises(InvalidParameters, match="standard output"):
        export(queue._storage, None, What.ITEMS, ExportFormat.SQLITE)
    with pytest.raises(InvalidParameters, match="--format"):
        format_of(Path("items.xlsx"))
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(StorageError, match="written"):
            write(queue, tmp_path / "a.csv")
        tmp_path.chmod(0o700)


_MEASURE = """
import sys
from pathlib import Path
from tubeq import QueueManager
from tubeq.queue.export import ExportFormat, What, export
with QueueManager(sys.argv[1]) as queue:
    for form in ExportFormat:
        export(queue._storage, Path(sys.argv[2]) / f"out.{form}", What.RESULTS, form)
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_what_is_exported(tmp_path: Path) -> None:
    peaks = []
    for name, count in (("small", 500), ("large", 20_000)):
        with QueueManager(tmp_path / f"{name}.db", durability="fast") as queue:
            task_id = queue.create_task("t")
            ideas = [Idea(f"v{number}", "t" * 100, "d" * 1_000) for number in range(count)]
            queue._storage.store_results(task_id, ideas)
        folder = tmp_path / name
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(tmp_path / f"{name}.db"), str(folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 10_000, "20 MB of texts were in memory at once"  # KiB


def test_the_files_of_the_queue_are_not_written_over(queue: QueueManager, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to("queue.db")
    before = queue.list_results()
    for name in ("queue.db", "queue.db-lock", "link.db"):
        with pytest.raises(InvalidParameters, match="is the queue itself"):
            queue.items.export(tmp_path / name, What.ITEMS, ExportFormat.JSONL, replace=True)
    assert queue.list_results() == before
