"""Leases in one file, judged by handles with clocks of their own: of boots, hosts, containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import BOOT, FakeClock
from tests.contract.support import LEASE_S, NOTHING, add, assert_lease_begins, held, request, take
from tubeq.domain.boot import Boot, this_boot
from tubeq.storage import open_storage
from tubeq.storage.ports.tasks import Rescue
from tubeq.storage.sqlite.storage import SQLiteStorage

NOW, YEAR_S = 1_800_000_000.0, 365 * 86_400.0
Open = Callable[[FakeClock], SQLiteStorage]


@pytest.fixture
def open_with(tmp_path: Path) -> Iterator[Open]:
    opened = []

    def open_it(clock: FakeClock) -> SQLiteStorage:
        storage = open_storage(tmp_path / "queue.db", clock=clock)
        assert isinstance(storage, SQLiteStorage)
        opened.append(storage)
        return storage

    yield open_it
    for storage in opened:
        storage.close()


@pytest.mark.parametrize("wall_s", [0.0, 5.0, -YEAR_S, YEAR_S])
@pytest.mark.parametrize("uptime_s", [10.0, 1e7])
def test_what_this_host_claimed_before_it_was_started_again_is_rescued_at_once(
    open_with: Open, wall_s: float, uptime_s: float
) -> None:
    claim = held(open_with(FakeClock(NOW)))
    after = open_with(FakeClock(NOW + wall_s, uptime_s, Boot(BOOT.host, "boot-2")))
    assert after.rescue() == Rescue([claim.task_id], [], [])
    assert after.get(claim.task_id).crash_count == 1
    assert take(after, "worker-2").task_id == claim.task_id


def test_a_claim_of_another_host_keeps_its_lease(open_with: Open) -> None:
    claim = held(open_with(FakeClock(NOW)))
    clock = FakeClock(NOW, 1e7, Boot("host-2", "boot-9"))
    assert_lease_begins(open_with(clock), clock.advance, claim)


def test_a_claim_of_another_host_whose_clock_was_ahead_has_its_lease_from_now_on(
    open_with: Open,
) -> None:
    claim = held(open_with(FakeClock(NOW + YEAR_S)))
    clock = FakeClock(NOW, 1.0, Boot("host-2", "boot-9"))
    other = open_with(clock)
    assert other.rescue() == NOTHING
    assert other.get(claim.task_id).lease_expires_at == NOW + LEASE_S
    assert_lease_begins(other, clock.advance, claim)


def test_containers_of_one_host_share_its_boot(open_with: Open) -> None:
    """They have names of their own, and one kernel: its clock tells when a lease ends."""
    claim = held(open_with(FakeClock(NOW)))
    clock = FakeClock(NOW + YEAR_S, boot=Boot("container", BOOT.boot_id))
    assert_lease_begins(open_with(clock), clock.advance, claim)


@pytest.mark.parametrize("first, second", [(None, BOOT), (BOOT, None), (None, None)])
@pytest.mark.parametrize("ahead_s", [0.0, YEAR_S])
def test_where_no_boot_is_known_the_wall_clock_decides(
    open_with: Open, first: Boot | None, second: Boot | None, ahead_s: float
) -> None:
    claim = held(open_with(FakeClock(NOW + ahead_s, boot=first)))
    clock = FakeClock(NOW, boot=second)
    assert_lease_begins(open_with(clock), clock.jump, claim)


def test_a_delay_set_by_another_process_with_a_wrong_clock_begins_now(open_with: Open) -> None:
    clock = FakeClock(NOW)
    right = open_with(clock)
    right.rescue()
    wrong = open_with(FakeClock(NOW + YEAR_S))
    claim = held(wrong)
    wrong.fail(claim, "http_500", "no", retry_at=NOW + YEAR_S + 30)
    add(right, "other")
    assert right.claim(request()) == []
    clock.advance(31)
    assert take(right).task_id == claim.task_id


def test_this_machine_tells_its_boot() -> None:
    boot = this_boot()
    assert boot is not None and boot == this_boot()
    assert boot.mark == Boot(*boot).mark
    assert 0 <= boot.mark < 2**63


def test_marks_tell_hosts_and_boots_apart() -> None:
    one = BOOT.mark
    again, elsewhere = Boot(BOOT.host, "boot-2").mark, Boot("host-2", BOOT.boot_id).mark
    assert one >> 32 == again >> 32 and one % 2**32 != again % 2**32
    assert one >> 32 != elsewhere >> 32 and one % 2**32 == elsewhere % 2**32
