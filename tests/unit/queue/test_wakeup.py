"""Waking: exactly one waiting worker of the right type is woken, and nothing ever breaks."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import PATIENCE_S, at_once, within
from tubeq.queue import wakeup
from tubeq.queue.wakeup import SLOTS, Waiter, Waker

SHORT_S = 0.05
LONG_S = 5.0
OpenWaiter = Callable[..., Waiter]


@pytest.fixture
def db_path(path: Path) -> str:
    return str(path)


@pytest.fixture
def waker(db_path: str) -> Iterator[Waker]:
    with closing(Waker(db_path)) as waker:
        yield waker


@pytest.fixture
def open_waiter(db_path: str) -> Iterator[OpenWaiter]:
    opened: list[Waiter] = []

    def open_it(task_type: str = "video", prepared: bool = True) -> Waiter:
        opened.append(Waiter(db_path, task_type))
        if prepared:
            opened[-1].prepare()
        return opened[-1]

    yield open_it
    for waiter in opened:
        waiter.close()


def woken(waiters: list[Waiter]) -> int:
    return sum(waiter.wait(SHORT_S) for waiter in waiters)


def test_a_waiting_worker_is_woken(open_waiter: OpenWaiter, waker: Waker) -> None:
    waiter = open_waiter()
    waker.wake("video", 1)
    assert waiter.wait(LONG_S)


def test_nobody_is_woken_without_cause(open_waiter: OpenWaiter) -> None:
    with within(PATIENCE_S, SHORT_S * 0.9):
        assert not open_waiter().wait(SHORT_S)


@pytest.mark.parametrize("tasks", [1, 3])
def test_as_many_workers_as_tasks_are_woken(
    open_waiter: OpenWaiter, waker: Waker, tasks: int
) -> None:
    waiters = [open_waiter() for _ in range(5)]
    waker.wake("video", tasks)
    assert woken(waiters) == tasks


def test_two_tasks_wake_two_workers(open_waiter: OpenWaiter, waker: Waker) -> None:
    """The second wake-up is not spent on the worker that the first one woke already."""
    waiters = [open_waiter() for _ in range(2)]
    waker.wake("video", 1)
    waker.wake("video", 1)
    assert woken(waiters) == 2


def test_only_workers_of_the_type_are_woken(open_waiter: OpenWaiter, waker: Waker) -> None:
    video, channel = open_waiter("video"), open_waiter("channel")
    waker.wake("channel", 5)
    assert channel.wait(LONG_S)
    assert not video.wait(SHORT_S)


def test_any_type_is_woken_for_none(open_waiter: OpenWaiter, waker: Waker) -> None:
    waiters = [open_waiter("video"), open_waiter("channel")]
    waker.wake(None, SLOTS)
    assert woken(waiters) == 2


def test_wake_ups_are_shared_out(open_waiter: OpenWaiter, waker: Waker) -> None:
    waiters = [open_waiter() for _ in range(3)]
    shares = [0, 0, 0]
    for _ in range(90):
        waker.wake("video", 1)
        for position, waiter in enumerate(waiters):
            if waiter.cancel():
                shares[position] += 1
            waiter.prepare()
    assert min(shares) >= 10


def test_a_wake_up_between_the_last_look_and_the_wait_is_kept(
    open_waiter: OpenWaiter, waker: Waker
) -> None:
    waiter = open_waiter(prepared=False)
    waker.wake("video", 1)
    assert not waiter.wait(SHORT_S)  # before prepare() nobody may count on it
    waiter.prepare()
    waker.wake("video", 1)  # after prepare(), before wait()
    assert waiter.wait(LONG_S)


def test_a_long_wait_can_be_done_in_slices(open_waiter: OpenWaiter, waker: Waker) -> None:
    waiter = open_waiter()
    assert not waiter.wait(SHORT_S)
    waker.wake("video", 1)
    assert waiter.wait(LONG_S)


def test_cancel_tells_of_a_wake_up_that_was_not_needed(
    open_waiter: OpenWaiter, waker: Waker
) -> None:
    waiter = open_waiter()
    assert not waiter.cancel()
    waiter.prepare()
    waker.wake("video", 1)
    assert waiter.cancel()
    waker.wake("video", 1)
    waiter.wait(SHORT_S)  # the datagram from before
    assert not waiter.wait(SHORT_S)


def test_closed_waiters_are_not_woken_and_free_their_slot(
    open_waiter: OpenWaiter, waker: Waker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiters = [open_waiter() for _ in range(3)]
    for waiter in waiters[:2]:
        waiter.close()
        waiter.close()
    waker.wake("video", 1)
    assert waiters[2].wait(LONG_S)


def test_a_slot_has_one_owner(open_waiter: OpenWaiter) -> None:
    waiters = [open_waiter() for _ in range(40)]
    assert len({waiter._slot for waiter in waiters}) == 40


def test_the_slot_of_a_killed_worker_is_free_again(
    db_path: str, waker: Waker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No owner to look for: the system takes the port back. The flag that the dead worker left
    up costs one wake-up, not more."""
    monkeypatch.setattr(wakeup.random, "sample", lambda *_: [7])
    code = (
        "import random, time; random.sample = lambda *_: [7]\n"
        "from tubeq.queue.wakeup import Waiter\n"
        f"waiter = Waiter({db_path!r}, 'video'); waiter.prepare()\n"
        "print(waiter._socket is not None, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "True\n"
        taken = Waiter(db_path, "video")
        assert taken._socket is None  # the only slot is another's
        owner.kill()
        owner.wait()
        successor = Waiter(db_path, "video")
        assert successor._slot == 7
        assert successor._socket is not None
        assert not successor.wait(SHORT_S)
        successor.prepare()
        waker.wake("video", 1)
        assert successor.wait(LONG_S)
        successor.close()


def test_the_flag_of_a_dead_worker_costs_one_wake_up(open_waiter: OpenWaiter, waker: Waker) -> None:
    living, dead = open_waiter(), open_waiter()
    assert dead._socket is not None
    dead._socket.close()  # as when it was killed: the flag stays up
    for _ in range(2):
        waker.wake("video", 1)
    assert living.wait(LONG_S)


def test_another_process_is_woken(db_path: str, waker: Waker) -> None:
    code = (
        "from tubeq.queue.wakeup import Waiter\n"
        f"waiter = Waiter({db_path!r}, 'video'); waiter.prepare(); print('waits', flush=True)\n"
        "print(waiter.wait(30), flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as waits:
        assert waits.stdout is not None
        assert waits.stdout.readline() == "waits\n"
        waker.wake("video", 1)
        assert waits.stdout.readline() == "True\n"


def test_where_nobody_ever_waited_nothing_is_sent(db_path: str, waker: Waker) -> None:
    waker.wake("video", 1)
    assert waker._socket is None
    late = Waiter(db_path, "video")  # who comes later shares the file that was made
    late.prepare()
    waker.wake("video", 1)
    assert late.wait(5)
    late.close()


def test_a_waker_finds_workers_that_came_later(open_waiter: OpenWaiter, waker: Waker) -> None:
    waker.wake("video", 1)
    waiter = open_waiter()
    waker.wake("video", 1)
    assert waiter.wait(LONG_S)


def test_a_half_made_side_file_is_no_error(db_path: str, waker: Waker) -> None:
    Path(f"{db_path}-wake").write_bytes(b"\x01" * 10)
    waker.wake("video", 1)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_side_file_is_for_its_owner_only(db_path: str, open_waiter: OpenWaiter) -> None:
    open_waiter()
    assert stat.S_IMODE(Path(f"{db_path}-wake").stat().st_mode) == 0o600


@pytest.mark.parametrize("path", [":memory:", "/no/such/folder/queue.db"])
def test_where_there_can_be_no_side_file_a_waiter_sleeps(path: str) -> None:
    waiter, waker = Waiter(path, "video"), Waker(path)
    waiter.prepare()
    waker.wake("video", 1)
    with within(PATIENCE_S, SHORT_S * 0.9):
        assert not waiter.wait(SHORT_S)
    assert not waiter.cancel()
    waiter.close()
    waker.close()


def test_when_all_slots_are_taken_a_waiter_sleeps(
    open_waiter: OpenWaiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup.random, "sample", lambda *_: [3, 4])
    first, second, third = open_waiter(), open_waiter(), open_waiter()
    assert {first._slot, second._slot} == {3, 4}
    assert not third.wait(SHORT_S)


def test_a_closed_waker_opens_again(open_waiter: OpenWaiter, waker: Waker) -> None:
    waiter = open_waiter()
    waker.wake("video", 1)
    assert waiter.wait(LONG_S)
    waker.close()
    waker.close()
    waiter.prepare()
    waker.wake("video", 1)
    assert waiter.wait(LONG_S)


def test_a_waker_may_be_closed_while_another_thread_wakes(
    open_waiter: OpenWaiter, waker: Waker
) -> None:
    waiter = open_waiter()
    ended = threading.Event()

    def close_or_wake(number: int) -> None:
        while number and not ended.is_set():
            waiter.prepare()
            waker.wake("video", 1)
        for _ in range(0 if number else 50):
            waker.close()
            time.sleep(0.002)
        ended.set()

    at_once(close_or_wake, threads=3)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interval timers")
def test_a_signal_does_not_end_the_wait(open_waiter: OpenWaiter) -> None:
    calls: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: calls.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, SHORT_S)
        with within(PATIENCE_S, 3 * SHORT_S):
            assert not open_waiter().wait(4 * SHORT_S)
        assert calls == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_who_waits_for_several_types_is_woken_for_each_and_for_no_other(db_path: str) -> None:
    with closing(Waiter(db_path, "video", "channel")) as waiter, closing(Waker(db_path)) as waker:
        for task_type in ("video", "channel", None):
            waiter.prepare()
            waker.wake("search", 1)
            assert waiter.is_prepared
            waker.wake(task_type, 1)
            assert not waiter.is_prepared
            assert waiter.wait(10.0)
