"""`tubeq add`: what comes in arrives as it was meant, and what is wrong leaves no trace."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Command
from tubeq.queue.queue_manager import QueueManager

TYPE = "anything"


def test_parameters_are_json_where_they_can_be(tubeq: Command, queue: QueueManager) -> None:
    outcome = tubeq(
        "add", TYPE, "-p", "channel_url=@a=b", "--param", "max_results=5", "-p", 'text="5"',
        "-p", "odd=NaN", "--parameters", '{"max_results": 1, "other": null}', "--priority", "3",
    )  # fmt: skip
    task = queue.get_task(outcome.out.strip())
    assert task.parameters == {
        "channel_url": "@a=b", "max_results": 5, "text": "5", "odd": "NaN", "other": None,
    }  # fmt: skip
    assert (outcome.exit_code, task.priority, task.run_after) == (0, 3, None)


def test_a_delay_and_a_time(tubeq: Command, queue: QueueManager) -> None:
    delayed = queue.get_task(tubeq("add", TYPE, "--delay", "5m").out.strip())
    timed = queue.get_task(tubeq("add", TYPE, "--run-after", "2027-01-31T08:00Z").out.strip())
    assert delayed.run_after == pytest.approx(time.time() + 300, abs=30)
    assert timed.run_after == 1_801_382_400.0


def test_an_idempotency_key_gives_the_first_id_again(tubeq: Command) -> None:
    first = tubeq("add", TYPE, "--idempotency-key", "k", "--json").json
    second = tubeq("add", TYPE, "--idempotency-key", "k", "-p", "a=1", "--json").json
    assert first == second
    assert (first["count"], first["types_without_worker"]) == (1, [TYPE])


def test_many_from_a_file(tubeq: Command, queue: QueueManager, tmp_path: Path) -> None:
    lines = [json.dumps({"channel_url": f"@ö{n}"}, ensure_ascii=False) for n in range(7)]
    (tmp_path / "many.jsonl").write_text("\ufeff" + "\n\n".join(lines), encoding="utf-8")
    outcome = tubeq("add", TYPE, "--from-file", "many.jsonl", "--priority", "2")
    assert outcome.out == "7 tasks added\n"
    tasks = queue.list_tasks()
    assert [task.parameters["channel_url"] for task in tasks] == [
        f"@ö{n}" for n in (6, 5, 4, 3, 2, 1, 0)
    ]
    assert {task.priority for task in tasks} == {2}


def test_many_from_standard_input_in_batches_and_again(
    tubeq: Command, queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tubeq.cli.add._BATCH", 3)
    arguments = ("add", TYPE, "--from-file", "-", "--idempotency-key", "load", "--json")
    text = "".join(f'{{"n": {n}}}\n' for n in range(10))
    first = tubeq(*arguments, stdin=text).json
    again = tubeq(*arguments, stdin=text).json
    assert first == again
    assert first["count"] == queue.stats().by_status["QUEUED"] == 10


BAD_FILES = {
    "no JSON": b'{"a": 1}\n{"a": \n',
    "a list": b'{"a": 1}\n[1]\n',
    "no number": b'{"a": 1}\n{"a": NaN}\n',
    "too large": b'{"a": 1}\n{"a": "' + b"x" * 70_000 + b'"}\n',
    "no UTF-8": b'{"a": 1}\n{"a": "\xff"}\n',
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_one_bad_line_and_none_is_added(
    tubeq: Command, queue: QueueManager, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "many.jsonl").write_bytes(content)
    from_file = tubeq.refused("add", TYPE, "--from-file", "many.jsonl")
    from_stdin = tubeq.refused("add", TYPE, "--from-file", "-", stdin=content)
    for error, source in ((from_file, "many.jsonl"), (from_stdin, "standard input")):
        assert error.startswith(f"error: {source}")
        assert "nothing was added" in error
    assert queue.list_tasks() == []


BAD_ARGUMENTS = {
    "unknown type": ["youtube_chanel"],
    "no parameter": [TYPE, "-p", "channel_url"],
    "no name": [TYPE, "-p", "=5"],
    "no JSON": [TYPE, "--parameters", "{"],
    "no object": [TYPE, "--parameters", "[1]"],
    "too large": [TYPE, "-p", "a=" + "x" * 70_000],
    "not a number": [TYPE, "--parameters", '{"a": Infinity}'],
    "priority": [TYPE, "--priority", "-1"],
    "delay": [TYPE, "--delay", "soon"],
    "time": [TYPE, "--run-after", "soon"],
    "two times": [TYPE, "--run-after", "2027-01-31", "--delay", "5m"],
    "two sources": [TYPE, "--from-file", "-", "-p", "a=1"],
    "no file": [TYPE, "--from-file", "nowhere.jsonl"],
    "in memory": [TYPE, "--db", ":memory:"],
    "empty key": [TYPE, "--idempotency-key", ""],
}


@pytest.mark.parametrize("arguments", BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS.keys())
def test_bad_arguments_do_not_even_make_a_database(
    tubeq: Command, tmp_path: Path, arguments: list[str]
) -> None:
    tubeq.refused("add", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_time_that_no_clock_shows_is_refused_in_words_of_times(tubeq: Command) -> None:
    error = tubeq.refused("add", TYPE, "--run-after", "9999-12-31T23:59:59-12:00")
    assert "give a time from 1970 to 9999" in error


def test_a_task_is_checked_by_what_its_type_declares(tubeq: Command, tmp_path: Path) -> None:
    error = tubeq.refused("add", "youtube_search", "-p", "query=tea", "-p", "max_results=200001")
    assert error == "error: max_results must be a whole number from 1 to 200000, not 200001\n"
    (tmp_path / "many.jsonl").write_text('{"query": "tea"}\n{"querry": "tea"}\n', encoding="utf-8")
    error = tubeq.refused("add", "youtube_search", "--from-file", "many.jsonl")
    assert "line 2: unknown parameter 'querry', did you mean query?" in error
    assert not (tmp_path / "tubeq.db").exists()


@pytest.mark.parametrize(
    "query",
    ["1984", "true", "null", "12345678901", "12345678e10", "1e3", "0x10", "[1]", '"quoted"', "007",
     "{}", "-0", "NaN", "a=b"],
)  # fmt: skip
def test_a_declared_text_is_a_text_whatever_is_in_it(
    tubeq: Command, queue: QueueManager, query: str
) -> None:
    for name in ("youtube_search", "youtube_search.newest"):
        outcome = tubeq("add", name, "-p", f"query={query}")
        assert queue.get_task(outcome.out.strip()).parameters["query"] == query, outcome
    assert tubeq("add", TYPE, "-p", "query=[1]").exit_code == 0


def test_an_id_of_digits_is_an_id(tubeq: Command, queue: QueueManager) -> None:
    for video_id in ("12345678901", "12345678e10", "00000000000"):
        task_id = tubeq("add", "youtube_video", "-p", f"video={video_id}").out.strip()
        assert queue.get_task(task_id).parameters == {"video": video_id}


def test_each_value_is_taken_as_its_parameter_declares(tubeq: Command, queue: QueueManager) -> None:
    outcome = tubeq(
        "add", "youtube_search", "-p", "query=tea", "-p", "max_results=5", "-p", "enrich=True",
        "-p", "uploaded=null", "-p", "sort=views",
    )  # fmt: skip
    assert queue.get_task(outcome.out.strip()).parameters == {
        "query": "tea", "max_results": 5, "enrich": True, "uploaded": None, "sort": "views",
    }  # fmt: skip
    for wrong in ("max_results=1e3", "max_results=5.0", 'max_results="5"', "enrich=1", "sort=null"):
        refusal = tubeq.refused("add", "youtube_search", "-p", "query=tea", "-p", wrong)
        assert refusal.startswith(f"error: {wrong.partition('=')[0]} must be ")
    assert "query must be" in tubeq.refused("add", "youtube_search", "-p", "query=")


def test_in_json_a_text_is_written_in_quotes(tubeq: Command, tmp_path: Path) -> None:
    (tmp_path / "many.jsonl").write_text('{"query": 1984}\n', encoding="utf-8")
    for arguments in (["--from-file", "many.jsonl"], ["--parameters", '{"query": 1984}']):
        assert 'in quotes: "1984"' in tubeq.refused("add", "youtube_search", *arguments)
    error = tubeq.refused(
        "add", "youtube_search", "--parameters", '{"query":"a","max_results":"5"}'
    )
    assert "without quotes" in error


def test_nothing_is_said_twice(tubeq: Command, tmp_path: Path) -> None:
    twice = ["-p", "video=abcdefghijk", "-p", "video=abcdefghij0"]
    assert "'video' is given twice" in tubeq.refused("add", "youtube_video", *twice)
    assert "'a' is given twice" in tubeq.refused("add", TYPE, "-p", "a=1", "-p", "a=1")
    assert "'a' twice" in tubeq.refused("add", TYPE, "--parameters", '{"a": 1, "a": 2}')
    (tmp_path / "many.jsonl").write_text('{"a": 1}\n{"a": 1, "a": 2}\n', encoding="utf-8")
    assert "line 2" in tubeq.refused("add", TYPE, "--from-file", "many.jsonl")
    assert not (tmp_path / "tubeq.db").exists()


def test_a_preset_is_a_type_with_parameters(tubeq: Command, queue: QueueManager) -> None:
    name = "youtube_search.most_viewed_this_week"
    task = queue.get_task(tubeq("add", name, "-p", "query=tea", "-p", "sort=date").out.strip())
    assert task.task_type == "youtube_search"
    assert task.parameters == {"sort": "date", "uploaded": "week", "query": "tea"}
    assert "query" in tubeq.refused("add", name)


def test_parameters_are_encoded_once(tubeq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[object] = []

    def encode(value: object) -> str:
        encoded.append(value)
        return json.dumps(value)

    monkeypatch.setattr("tubeq.queue.validation.encode", encode)
    assert tubeq("add", TYPE, "-p", "a=1").exit_code == 0
    assert tubeq("add", TYPE, "--from-file", "-", stdin='{"a": 2}\n{"a": 3}\n').exit_code == 0
    assert encoded == [{"a": 1}, {"a": 2}, {"a": 3}]
