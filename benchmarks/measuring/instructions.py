"""How many CPU instructions an operation executes, counted by valgrind's callgrind.

The figure that a busy machine cannot disturb: the same to the last instruction at each repetition
of the same package, interpreter and CPU, whatever runs beside it, so that both cores may count at
once. It sees a step of half a per cent that no clock shows, and it is blind to waiting: to locks,
syncs, other processes and the kernel's own work. It stands beside latencies, not in their place.

Only the work itself is counted. The workload is prepared and warmed up with instrumentation off
(about as slow as an ordinary interpreter without its caches), then the process asks callgrind by
client requests (valgrind.h, "magic sequences") to start, stop and write its totals. Those are a
few machine instructions, called through ctypes from a page of executable memory, so that nothing
need be compiled; outside of valgrind they do nothing. As for the other counters, time and chance
stand still (see counting.py), the collector is off, and PYTHONHASHSEED is set.

What moves the count by up to half a per cent although the code is the same: the hash seed, and the
paths of the database and of the environment (their characters decide where dictionaries collide).
So the seeds are given, the database lies in a folder of a fixed name, one for each that counts at
the same time, and a difference below SMALLEST_CHANGE is none.

Only the standard library is used here: this file also runs in the environment of an older commit.
"""

from __future__ import annotations

import compileall
import ctypes
import json
import mmap
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.common.exits import ending
from benchmarks.common.project import project
from benchmarks.measuring.counters import PATIENCE_S, REGISTRY, ROOT, counting_environment

SMALLEST_CHANGE = 0.006
"""The smallest relative change to believe, of counts with one hash seed."""
_LANES = 8
_FIRST_LOCK = 100
_REQUEST = bytes.fromhex(
    "4889f8"  # mov rax, rdi: the request and its arguments, six 64-bit numbers
    "4889f2"  # mov rdx, rsi: the answer where there is no valgrind
    "48c1c703 48c1c70d 48c1c73d 48c1c733 4887db"  # the sequence that valgrind recognises
    "4889d0 c3"  # mov rax, rdx; ret
)
_RUNNING_ON_VALGRIND = 0x1001
_CALLGRIND = ord("C") << 24 | ord("T") << 16
_DUMP_STATS, _ZERO_STATS, _START, _STOP = (_CALLGRIND + number for number in (0, 1, 4, 5))


def why_not() -> str:
    """Why instructions cannot be counted here; empty where they can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "instructions are counted on Linux with x86-64 only"
    if shutil.which("valgrind") is None:
        return "instructions need valgrind: install it (apt install valgrind)"
    return ""


def measure_instructions(
    workload_name: str,
    calls: int = 50,
    *,
    seeds: Sequence[int] = (0,),
    package: Path | None = None,
    python: str | os.PathLike[str] = sys.executable,
    environment: Mapping[str, str] | None = None,
    root: Path = ROOT,
    registry: str = REGISTRY,
) -> float:
    """Instructions per operation, the median over the hash seeds.

    Args:
        workload_name: one of the registry's.
        calls: how many calls are counted, after 11 that warm up; fewer where the workload's
            `counted_calls` or `at_once` says so.
        seeds: values of PYTHONHASHSEED, a process each.
        package: a package's folder to count instead of the installed one. It is copied to where
            every package is counted, so that its own path moves nothing.
        python, environment, root, registry: see counters.measure_counters.

    Raises:
        NotImplementedError: the measured package lacks what the workload needs, or `why_not`.
        RuntimeError: the workload failed; the message says how, with the end of what it wrote.
        OSError: there is no room, or no permission, to count in.
    """
    if why_not():
        raise NotImplementedError(why_not())
    with _lane() as lane:
        found = []
        given = dict(environment or {})
        if package is not None:
            given["PYTHONPATH"] = str(_copied(package, lane.folder))
        for seed in seeds:
            variables = counting_environment(root, given, seed)
            found.append(_count_once(registry, workload_name, calls, python, variables, lane))
    return median(found)


def _count_once(
    registry: str,
    name: str,
    calls: int,
    python: str | os.PathLike[str],
    variables: Mapping[str, str],
    lane: _Lane,
) -> float:
    folder = lane.folder
    out, data = folder / "callgrind", folder / "data"
    for leftover in folder.glob("callgrind*"):
        leftover.unlink()
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    command = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no"]
    command += [f"--callgrind-out-file={out}", os.fspath(python), "-m", __spec__.name]
    try:
        done = subprocess.run(
            [*command, registry, name, str(calls), str(data)],
            env=variables,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            pass_fds=(lane.lock,),
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"counting instructions of {name} did not end within {PATIENCE_S:g} s"
        ) from None
    words = done.stderr[-2000:].strip()
    failed = f"counting instructions of {name} failed, its process {ending(done.returncode)}"
    if done.returncode:
        raise RuntimeError(f"{failed}: {words}")
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if "lacks" not in answer:
            # Dump 1 ends before the work begins, dump 2 with it.
            return _total(Path(f"{out}.2")) / float(answer["operations"])
    except (IndexError, KeyError, OSError, TypeError, ValueError, ZeroDivisionError) as error:
        raise RuntimeError(f"{failed} and gave no count ({error}): {words}") from None
    raise NotImplementedError(answer["lacks"])


def _copied(package: Path, folder: Path) -> Path:
    """The package's new parent folder. Compiled here: under valgrind that takes seconds."""
    copy = folder / "package"
    shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(copy, quiet=2)
    return copy


def _total(dump: Path) -> int:
    for line in dump.read_text().splitlines():
        if line.startswith("totals:"):
            return int(line.split()[1])
    raise RuntimeError(f"{dump.name} has no totals: is this another version of callgrind?")


class _Lane(NamedTuple):
    """A folder of a fixed name, and the open file whose lock says that it is used."""

    folder: Path
    lock: int


@contextmanager
def _lane() -> Iterator[_Lane]:
    """A folder of a fixed name that nobody else uses now.

    The process under valgrind shares the lock, so that one which outlives this process, killed in
    the middle, writes its totals into nobody else's folder.
    """
    import fcntl

    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    for number in range(_LANES):
        folder = parent / f"{project().name}-instructions-{os.getuid()}-{number}"
        lock = _opened(folder)
        if lock is None:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            _empty(folder)
            yield _Lane(folder, lock)
        finally:
            _empty(folder)
            os.close(lock)
        return
    raise RuntimeError(f"{_LANES} processes count instructions already, below {parent}")


def _opened(folder: Path) -> int | None:
    """The folder, made and open; None if it is another user's, or a link to elsewhere.

    The number is a high one: in the child too it must not move those of other files.
    """
    import fcntl

    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
            return None
    low = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _FIRST_LOCK)
    finally:
        os.close(low)


def _empty(folder: Path) -> None:
    """The folder itself stays: who removed it would take the lock on it from those who wait."""
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink(missing_ok=True)


class _Requests:
    """Client requests to the valgrind that this process runs under."""

    def __init__(self) -> None:
        protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=protection)
        self._page.write(_REQUEST)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)(address)
        self._arguments = (ctypes.c_uint64 * 6)()

    def send(self, request: int) -> int:
        """The answer; 0 outside of valgrind."""
        self._arguments[0] = request
        answer: int = self._call(ctypes.addressof(self._arguments), 0)
        return answer

    def count(self, work: Callable[[], Any]) -> Any:
        """What `work` returns; its instructions go into callgrind's next dump but one."""
        self.send(_START)
        self.send(_DUMP_STATS)
        self.send(_ZERO_STATS)
        try:
            return work()
        finally:
            self.send(_DUMP_STATS)
            self.send(_STOP)


def _work(registry: str, name: str, calls: int, folder: Path) -> dict[str, Any]:
    """What the process under valgrind does."""
    import gc
    from importlib import import_module

    from benchmarks.measuring.counting import smallest_profile, warm_up

    requests = _Requests()
    if not requests.send(_RUNNING_ON_VALGRIND):
        raise RuntimeError("this process does not run under valgrind")
    module, _, function = registry.partition(":")
    workload = getattr(import_module(module), function)()[name]
    try:
        state = workload.prepare(folder, smallest_profile(workload))
    except NotImplementedError as error:
        return {"lacks": str(error)}
    try:
        calls = min(calls, workload.counted_calls, workload.at_once)
        warm_up(workload, state, calls)
        gc.collect()
        gc.disable()
        sample = requests.count(lambda: workload.work(state, calls))
        gc.enable()
        workload.restore(state, calls)
        workload.check(state)
    finally:
        workload.close(state)
    return {"operations": sample.operations}


if __name__ == "__main__":
    from benchmarks.measuring.counting import stop_chance

    stop_chance()
    print(json.dumps(_work(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))))
