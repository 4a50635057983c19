"""The state machine, as a table."""

from __future__ import annotations

import pytest

from tubeq.domain.states import ACTIVE, FINISHED, TRANSITIONS, TaskEvent, TaskStatus, event_between

# What an administrator's "set the status" may do: row to column.
FROM_HELD = {
    "QUEUED": "released", "COMPLETED": "completed", "FAILED": "failed", "CANCELLED": "cancelled",
}  # fmt: skip
BETWEEN = {
    "QUEUED": {"CLAIMED": "claimed", "CANCELLED": "cancelled"},
    "CLAIMED": {"RUNNING": "started", **FROM_HELD},
    "RUNNING": FROM_HELD,
    "COMPLETED": {"QUEUED": "requeued"},
    "FAILED": {"QUEUED": "requeued"},
    "CANCELLED": {"QUEUED": "requeued"},
}


@pytest.mark.parametrize("target", TaskStatus)
@pytest.mark.parametrize("source", TaskStatus)
def test_one_event_at_most_leads_from_state_to_state(
    source: TaskStatus, target: TaskStatus
) -> None:
    expected = BETWEEN[source].get(target)
    assert event_between(source, target) == expected


def test_every_event_has_a_transition() -> None:
    assert set(TRANSITIONS) == set(TaskEvent)


def test_every_state_is_active_finished_or_queued_and_only_one_of_them() -> None:
    assert {TaskStatus.QUEUED} | ACTIVE | FINISHED == set(TaskStatus)
    assert not ACTIVE & FINISHED


def test_every_state_can_be_reached_and_left() -> None:
    reached = {TaskStatus.QUEUED}
    for _ in TaskStatus:
        reached |= {target for sources, target in TRANSITIONS.values() if sources & reached}
    assert reached == set(TaskStatus)
    left = frozenset().union(*(sources for sources, _ in TRANSITIONS.values()))
    assert left == set(TaskStatus)


def test_only_requeued_leaves_a_finished_state() -> None:
    leaving = {event for event, (sources, _) in TRANSITIONS.items() if sources & FINISHED}
    assert leaving == {TaskEvent.REQUEUED}


def test_only_a_claim_leads_to_a_state_in_which_a_worker_holds_the_task() -> None:
    entering = {
        event
        for event, (sources, target) in TRANSITIONS.items()
        if target in ACTIVE and not sources <= ACTIVE
    }
    assert entering == {TaskEvent.CLAIMED}


@pytest.mark.parametrize("member", [*TaskStatus, *TaskEvent])
def test_members_are_their_texts(member: TaskStatus | TaskEvent) -> None:
    """They are written to the database and to JSON, and compared with what is read from there."""
    assert str(member) == f"{member}" == member.value
    assert member == member.value
    assert {member: 1}[member.value] == 1 if isinstance(member, TaskStatus) else True
