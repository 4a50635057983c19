"""`tubeq limits`: set, list, remove, resume; and what is refused."""

from __future__ import annotations

import time

import pytest

from tubeq.domain.breaker import BreakerPolicy, Verdict
from tubeq.domain.json_format import iso_time
from tubeq.domain.limits import Holder, LimitRule
from tubeq.plugins.youtube.channel import ChannelParameters
from tubeq.queue.queue_manager import QueueManager

from .conftest import Command

ANN = Holder("ann", 1, 1)
TYPE = "type:youtube_channel"


def pause(queue: QueueManager) -> None:
    queue.limits.report(TYPE, ANN, Verdict.BLOCKED, "bot_check", BreakerPolicy())


def test_a_limit_is_set_listed_and_removed(tubeq: Command, queue: QueueManager) -> None:
    set_ = tubeq("limits", "set", "host:WWW.YouTube.com", "--concurrency", "2", "--per-second", "5")
    assert (set_.exit_code, set_.out) == (0, "host:www.youtube.com: 2 at once, 5 a second\n")
    again = tubeq("limits", "set", "channel:*", "--per-second", "0.5", "--burst", "3", "--json")
    assert again.json == {"key": "channel:*", "concurrency": None, "per_s": 0.5, "burst": 3}
    assert queue.limits.list() == [
        LimitRule("channel:*", None, 0.5, 3),
        LimitRule("host:www.youtube.com", 2, 5.0),
    ]
    queue.limits.take(["host:www.youtube.com"], ANN, 30.0)
    listed = tubeq("limits")
    assert listed.exit_code == 0
    for word in ("host:www.youtube.com", "channel:*", "0.5", "ann", "in 30s"):
        assert word in listed.out
    found = tubeq("limits", "--json").json
    assert [rule["key"] for rule in found["rules"]] == ["channel:*", "host:www.youtube.com"]
    (permit,) = found["permits"]
    assert (permit["key"], permit["worker_id"]) == ("host:www.youtube.com", "ann")
    assert found["pauses"] == []
    assert tubeq("limits", "remove", "channel:*").out == "channel:* is removed\n"
    assert [rule.key for rule in queue.limits.list()] == ["host:www.youtube.com"]


@pytest.mark.parametrize(
    "name",
    [
        "@école", "@E\u0301COLE", "@%C3%A9cole", "@%25C3%25A9cole", "@école/", "%40école",
        "https://www.youtube.com/@École/videos", "youtube.com/@école?si=x", "\uff20école",
        "\u200f@école\u200e",
    ],
)  # fmt: skip
def test_a_channel_is_limited_under_one_name(
    tubeq: Command, queue: QueueManager, name: str
) -> None:
    plugins_key = ChannelParameters.of({"channel_url": name}).limit_key
    assert tubeq("limits", "set", f"channel:{name}", "--concurrency", "1").exit_code == 0
    assert [rule.key for rule in queue.limits.list()] == [plugins_key] == ["channel:@école"]
    assert tubeq("limits", "remove", f"channel:{name}").exit_code == 0


def test_a_limit_may_be_set_before_there_is_a_database(tubeq: Command) -> None:
    assert tubeq("limits", "set", "type:anything", "--concurrency", "1").exit_code == 0
    assert [rule["key"] for rule in tubeq("limits", "--json").json["rules"]] == ["type:anything"]


def test_without_limits_the_list_says_how_to_set_one(tubeq: Command, queue: QueueManager) -> None:
    listed = tubeq("limits")
    assert (listed.exit_code, listed.out) == (0, "")
    assert "tubeq limits set" in listed.err


def test_a_pause_is_seen_and_ended(tubeq: Command, queue: QueueManager) -> None:
    pause(queue)
    assert "bot_check" in tubeq("limits").out
    assert TYPE in tubeq("stats").out
    (listed,) = tubeq("limits", "--json").json["pauses"]
    (counted,) = tubeq("stats", "--json").json["pauses"]
    assert listed == counted
    assert (listed["key"], listed["state"], listed["trips"]) == (TYPE, "open", 1)
    assert listed["paused_until"] > iso_time(time.time())
    assert tubeq("limits", "resume", TYPE, "--json").json == {"resumed": TYPE}
    assert queue.limits.pauses() == []
    assert tubeq("stats", "--json").json["pauses"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set", "youtube.com", "--concurrency", "1"], "host:NAME"),
        (["set", "host:a"], "give a concurrency"),
        (["set", "host:a", "--concurrency", "0"], "from 1 up"),
        (["set", "host:a", "--per-second", "-1"], "above 0"),
        (["set", "host:a", "--per-second", "nan"], "above 0"),
        (["set", "host:a", "--concurrency", "1", "--burst", "2"], "goes with a rate"),
        (["set", "host:a*b", "--concurrency", "1"], "at the end"),
        (["remove", "host:none"], "nothing is limited"),
        (["remove", "none"], "host:NAME"),
        (["resume", "type:none"], "not paused"),
        (["resume", "type:*"], "at the end"),
    ],
)
def test_bad_input_is_refused_with_what_would_be_right(
    tubeq: Command, queue: QueueManager, arguments: list[str], words: str
) -> None:
    assert words in tubeq.refused("limits", *arguments)
    assert queue.limits.list() == []


def test_options_may_stand_before_the_name_of_a_groups_command(
    tubeq: Command, queue: QueueManager
) -> None:
    queue.limits.set("host:b", 1)
    assert tubeq("limits", "--json", "remove", "host:b").json == {"removed": "host:b"}
    assert "nowhere.db" in tubeq.refused("limits", "--db", "nowhere.db", "remove", "host:b")


def test_removing_names_what_there_is(tubeq: Command, queue: QueueManager) -> None:
    queue.limits.set("host:b", 1)
    assert "choose from host:b" in tubeq.refused("limits", "remove", "host:a")


def test_a_missing_database_is_named(tubeq: Command) -> None:
    assert "tubeq.db" in tubeq.refused("limits")


def test_a_worker_says_what_it_waits_for(tubeq: Command, queue: QueueManager) -> None:
    pause(queue)
    ran = tubeq("worker", "--until-idle", "--quiet")
    assert ran.exit_code == 0
    assert "is paused and resumes in" in ran.err
    assert f"tubeq limits resume {TYPE}" in ran.err
