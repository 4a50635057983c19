"""Rules and keys: what is refused, and in which words. The arithmetic is tested by the contract."""

from __future__ import annotations

import random

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.limits import LimitRule, checked_key, jittered, rule_for


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("host:WWW.YouTube.com", "host:www.youtube.com"),
        ("channel:@Handle", "channel:@handle"),
        ("channel:@Jose\u0301", "channel:@jos\u00e9"),
        ("channel:@ไทยรัฐ", "channel:@ไทยรัฐ"),
        ("channel:@می\u200cخواهم", "channel:@می\u200cخواهم"),  # noqa: RUF001
        ("channel:@%E6%97%A5", "channel:@日"),
        ("channel:c/Jose\u0301", "channel:c/Jos\u00e9"),
        ("channel:UCabc", "channel:UCabc"),  # ids are what they are
        ("type:youtube_channel", "type:youtube_channel"),
        ("channel:*", "channel:*"),
        ("host:*.googlevideo.com", None),
    ],
)
def test_hosts_and_handles_are_the_same_in_any_case(given: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(InvalidParameters, match="at the end"):
            checked_key(given, prefix=True)
    else:
        assert checked_key(given, prefix=True) == kept


NO_HOSTS = ["host", "host:", "hosts:a", "host:a b", "host:a\n", "host:\x7f"]


@pytest.mark.parametrize(
    "key", ["", *NO_HOSTS, "channel:@a%20b", "channel:@a%00b", 5, None, "*", ":a"]
)
def test_a_key_that_is_none_is_refused_with_the_ones_that_are(key: object) -> None:
    with pytest.raises(InvalidParameters, match=r"host:NAME|at the end"):
        checked_key(key, prefix=True)


@pytest.mark.parametrize("key", ["channel:*", "host:" + "a" * 200])
def test_a_prefix_that_is_for_no_rule_or_a_long_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidParameters):
        checked_key(key)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "limits nothing"),
        ({"concurrency": 0}, "concurrency must be a whole number from 1"),
        ({"concurrency": True}, "concurrency"),
        ({"concurrency": 1.5}, "concurrency"),
        ({"per_s": 0.0}, "above 0"),
        ({"per_s": float("nan")}, "above 0"),
        ({"per_s": float("inf")}, "above 0"),
        ({"per_s": "5"}, "above 0"),
        ({"per_s": 1.0, "burst": 0}, "burst"),
        ({"concurrency": 1, "burst": 2}, "goes with a rate"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidParameters, match=words):
        LimitRule("host:a", **fields)  # type: ignore[arg-type]


def test_the_exact_rule_goes_before_the_longest_prefix() -> None:
    rules = [LimitRule(key, 1) for key in ("host:*", "host:www.*", "host:www.a")]
    found = {key: rule_for(key, rules) for key in ("host:www.a", "host:www.b", "host:c", "type:d")}
    keys = [rule and rule.key for rule in found.values()]
    assert keys == ["host:www.a", "host:www.*", "host:*", None]


def test_jitter_never_shortens_a_wait_and_spreads_those_who_wait() -> None:
    chance = random.Random(1)
    waits = [jittered(2.0, chance) for _ in range(1000)]
    assert min(waits) >= 2.0
    assert max(waits) <= 3.0
    assert min(waits) < 2.1  # over the whole range
    assert max(waits) > 2.9
    assert len(set(waits)) == len(waits)
