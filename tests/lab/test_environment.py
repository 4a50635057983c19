"""The machine's fingerprint, and the name of its series."""

from __future__ import annotations

import json
import platform
import re
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from benchmarks.records import environment


def test_the_name_is_short_stable_and_fit_for_files() -> None:
    first, second = environment.machine_name(), environment.machine_name()

    assert first == second
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", first)
    assert len(first) <= 50
    assert first.endswith("cpu")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "linux-intel-xeon-platinum-8481-2cpu"),
        ("AMD EPYC 7763 64-Core Processor", "linux-amd-epyc-7763-2cpu"),
        ("Apple M3 Pro", "linux-apple-m3-pro-2cpu"),
        ("!!", "linux-arm64-2cpu"),
    ],
)
def test_names_of_processors(model: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(environment.MACHINE_VARIABLE, raising=False)
    monkeypatch.setattr(environment, "cpu_model", lambda: model)
    monkeypatch.setattr(environment, "cores", lambda: 2)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(environment, "wine_version", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")

    assert environment.machine_name() == name


@pytest.mark.parametrize(
    ("given", "name"), [("ci-small", "ci-small"), ("My Machine/1", "my-machine-1")]
)
def test_it_can_be_chosen(given: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_MACHINE", given)

    assert environment.machine_name() == name
    assert environment.fingerprint()["machine"] == name


def test_the_fingerprint_says_what_changes_figures(tmp_path: Path) -> None:
    found = environment.fingerprint(tmp_path)

    assert found["sqlite"] == sqlite3.sqlite_version
    assert platform.python_version() in found["python"]
    assert found["cores"] >= 1
    assert 0 < found["clock_resolution_ns"] < 1_000_000
    assert {"system", "kernel", "cpu", "architecture", "memory_mb", "filesystem", "governor",
            "load_1m"} <= found.keys()  # fmt: skip
    assert json.loads(json.dumps(found)) == found


def test_files_of_linux_say_nothing_of_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wine shows its host's files to Windows processes."""
    monkeypatch.setattr(sys, "platform", "freebsd14")
    found = environment.fingerprint()
    assert found["system"] == f"{platform.system()} {platform.release()}"
    assert (found["filesystem"], found["governor"]) == (None, None)


def test_the_step_of_a_coarse_clock_is_what_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what it claims, which is a nanosecond here."""
    fine = time.perf_counter
    monkeypatch.setattr(time, "perf_counter", lambda: fine() * 64 // 1 / 64)
    assert environment.clock_resolution_s() == pytest.approx(1 / 64)


def test_wine_is_known_by_its_version() -> None:
    is_there = False
    if sys.platform == "win32":
        import ctypes

        is_there = hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
    assert bool(environment.wine_version()) is is_there


def test_what_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_text", lambda _: None)
    monkeypatch.delattr("os.getloadavg", raising=False)

    found = environment.fingerprint()

    assert (found["filesystem"], found["governor"], found["load_1m"]) == (None, None, None)
    assert found["cpu"]
