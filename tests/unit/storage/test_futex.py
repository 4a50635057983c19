"""Sleeping on a word of shared memory."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time

import pytest

from tests.support import until, within
from tubeq.storage.sqlite.file import futex
from tubeq.storage.sqlite.file.futex import Word
from tubeq.storage.sqlite.file.lock_file import LockFile

LONG_S = 20.0


@pytest.fixture
def word(tmp_path):
    file = LockFile(tmp_path / "lock")
    yield file.words[0]
    file.close()


needs_futex = pytest.mark.skipif(futex._futex() is None, reason="this system has no futex")


@needs_futex
def test_a_word_that_is_no_longer_as_expected_is_not_waited_for(word):
    word.value = 2
    with within(LONG_S / 2):
        word.wait(1, LONG_S)


def test_a_wait_ends_after_its_time(word):
    with within(LONG_S / 2):
        word.wait(0, 0.02)


def _sleep(path, ready):
    file = LockFile(path)
    ready.set()
    began = time.monotonic()
    file.words[0].wait(0, LONG_S)
    raise SystemExit(0 if time.monotonic() - began < LONG_S / 2 else 1)


@needs_futex
def test_another_process_wakes_a_sleeper_and_knows_that_it_did(word, tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    sleeper = context.Process(target=_sleep, args=(tmp_path / "lock", ready))
    sleeper.start()
    assert ready.wait(LONG_S)
    until(word.wake, LONG_S)
    sleeper.join(LONG_S)
    assert sleeper.exitcode == 0
    assert word.wake() == 0


def test_without_a_futex_a_wait_is_a_short_sleep(word, monkeypatch):
    monkeypatch.setattr(futex, "_futex", lambda: None)
    with within(LONG_S / 2):
        word.wait(0, LONG_S)
    assert word.wake() == 0


def test_the_environment_can_do_without_a_futex():
    ask = "from tubeq.storage.sqlite.file.futex import _futex; print(_futex())"
    environment = {**os.environ, "TUBEQ_WITHOUT_FUTEX": "1"}
    found = subprocess.check_output([sys.executable, "-c", ask], env=environment, text=True)
    assert found == "None\n"


@needs_futex
def test_other_threads_go_on_while_one_sleeps(word):
    waiting = threading.Thread(target=word.wait, args=(0, LONG_S))
    waiting.start()
    until(word.wake, LONG_S)
    waiting.join(LONG_S)
    assert not waiting.is_alive()


def test_a_word_can_be_let_go_after_it_was_slept_on(tmp_path):
    file = LockFile(tmp_path / "lock")
    file.words[0].wait(0, 0.001)
    file.close()  # the mapping would refuse while something refers to it


def test_a_word_holds_32_bits():
    memory = memoryview(bytearray(4)).cast("I")
    word = Word(memory)
    word.value = 2**32 + 5
    assert word.value == 5
