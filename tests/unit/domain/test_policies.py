"""Retry delays and named choices."""

from __future__ import annotations

import random
import statistics

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.policies import ClaimStrategy, Durability, RetryPolicy

CHANCE = random.Random(1)


@pytest.mark.parametrize(("max_retries", "failures"), [(3, 3), (3, 4), (1, 1), (0, 1)])
def test_the_failure_with_the_number_of_max_retries_is_final(
    max_retries: int, failures: int
) -> None:
    assert RetryPolicy(max_retries).delay_s(failures, None, CHANCE) is None
    assert RetryPolicy(max_retries).delay_s(failures, 5.0, CHANCE) is None


@pytest.mark.parametrize("failures", [1, 2])
def test_without_a_back_off_a_retry_is_due_at_once(failures: int) -> None:
    assert RetryPolicy(3).delay_s(failures, None, CHANCE) == 0.0


@pytest.mark.parametrize("failures", [1, 2, 5, 10, 100])
def test_the_delay_lies_below_a_ceiling_that_doubles_up_to_its_bound(failures: int) -> None:
    policy = RetryPolicy(1000, backoff_s=2.0, backoff_max_s=60.0)
    ceiling = min(2.0 * 2.0 ** (failures - 1), 60.0)
    delays = [policy.delay_s(failures, None, CHANCE) or 0.0 for _ in range(500)]
    assert 0.0 <= min(delays) <= max(delays) <= ceiling
    # Full jitter: spread over the whole range. 500 even draws miss a tenth at either end with a
    # chance of 1e-23.
    assert min(delays) < 0.1 * ceiling
    assert max(delays) > 0.9 * ceiling
    assert statistics.fmean(delays) == pytest.approx(ceiling / 2, rel=0.2)


@pytest.mark.parametrize("backoff_s", [0.0, 10.0])
def test_the_server_is_never_asked_sooner_than_it_wished(backoff_s: float) -> None:
    policy = RetryPolicy(3, backoff_s=backoff_s)
    assert all((policy.delay_s(1, 30.0, CHANCE) or 0) >= 30.0 for _ in range(100))


@pytest.mark.parametrize(
    "values", [{"max_retries": -1}, {"backoff_s": -0.1}, {"backoff_max_s": -1.0}]
)
def test_a_negative_policy_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(InvalidParameters):
        RetryPolicy(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [ClaimStrategy, Durability])
def test_a_choice_may_be_given_by_name_in_any_case(kind: type[ClaimStrategy | Durability]) -> None:
    for member in kind:
        for name in (member, member.value, member.value.upper(), member.value.title()):
            assert kind(name) is member
        assert str(member) == member.value


@pytest.mark.parametrize("kind", [ClaimStrategy, Durability])
@pytest.mark.parametrize("name", ["", "newest", "fifo; DROP TABLE task_queue", None, 5])
def test_an_unknown_choice_is_refused_with_those_there_are(
    kind: type[ClaimStrategy | Durability], name: object
) -> None:
    with pytest.raises(InvalidParameters) as refusal:
        kind(name)
    assert all(member.value in str(refusal.value) for member in kind)
