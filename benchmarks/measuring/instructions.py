"""How many CPU instructions an operation executes, counted by valgrind's callgrind.

The same to the last instruction at each repetition of the same package, interpreter and CPU, so
that both cores may count at once. It sees a step of half a per cent that no clock shows, and it is
blind to waiting: it stands next to latencies, not in their place.

Only the work itself is counted. The workload is prepared and warmed up with instrumentation off,
then the process asks callgrind by client requests (valgrind.h, "magic sequences") to start, stop
and write its totals: a few machine instructions, called through ctypes from a page of executable
memory. As for the other counters, time and chance stand still (see counting.py), the collector is
off, and PYTHONHASHSEED is set.

The hash seed and the paths of the database and of the environment move the count by up to half a
per cent (where dictionaries collide). So seeds are given, the database lies in a folder of a fixed
name, one for each that counts at the same time, and a change below SMALLEST_CHANGE is none.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.common.project import project
from benchmarks.measuring.counters import PATIENCE_S, counting_variables
from benchmarks.measuring.process import Process, ProcessFailed, actor_command

SMALLEST_CHANGE = 0.006
"""The smallest relative change to believe, of counts with one hash seed."""
SMALLEST_CHANGE_OF_FIVE = 0.003
"""The same of the median of five."""
_LANES = 8
_FIRST_LOCK = 100


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
    lane: Lane | None = None,
) -> float:
    """Instructions per operation, the median over the hash seeds, a process each.

    Args:
        calls: as of measure_counters.
        package: a package's folder to count instead of the installed one. It is copied to where
            every package is counted, so that its own path moves nothing.
        lane: where to count, for two packages that are to be compared.

    Raises:
        NotImplementedError: the measured package lacks what the workload needs, or `why_not`.
        WrongResult, ProcessFailed: as of Process.answer.
        OSError: there is no room, or no permission, to count in.
    """
    if why_not():
        raise NotImplementedError(why_not())
    found = []
    with nullcontext(lane) if lane else counting_lane() as own:
        out, data = own.folder / "callgrind", own.folder / "data"
        command = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no"]
        command += [f"--callgrind-out-file={out}"]
        command += actor_command("benchmarks.measuring.counting:Counting")
        order = {"workload": workload_name, "calls": calls, "folder": str(data)}
        what = f"counting instructions of {workload_name}"
        path = () if package is None else (_copied(package, own.folder),)
        for seed in seeds:
            for leftover in own.folder.glob("callgrind*"):
                leftover.unlink()
            shutil.rmtree(data, ignore_errors=True)
            data.mkdir()
            with Process(
                command, name=what, folder=own.folder, environment=counting_variables(path, seed),
                pass_fds=[own.lock],
            ) as process:  # fmt: skip
                operations = process.ask("instructions", PATIENCE_S, **order)
            try:
                # Dump 1 ends before the work begins, dump 2 with it.
                lines = Path(f"{out}.2").read_text().splitlines()
                total = next(line.split()[1] for line in lines if line.startswith("totals:"))
                found.append(int(total) / float(operations))
            except StopIteration:
                raise ProcessFailed(f"{what} gave no totals: another callgrind?") from None
            except (OSError, TypeError, ValueError, ZeroDivisionError) as error:
                raise ProcessFailed(f"{what} gave no count ({error})") from None
    return median(found)


def _copied(package: Path, folder: Path) -> Path:
    """The package's new parent folder, the same for every package. Compiled here, once: under
    valgrind that takes seconds."""
    target = folder / "package"
    compiled = folder / "compiled" / hashlib.sha256(os.fsencode(package)).hexdigest()[:16]
    if not compiled.exists():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, compiled / package.name, ignore=ignored)
        compileall.compile_dir(compiled, ddir=os.fspath(target), quiet=2)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(compiled, target)
    return target


class Lane(NamedTuple):
    """A folder of a fixed name, and the open file whose lock says that it is used."""

    folder: Path
    lock: int


@contextmanager
def counting_lane() -> Iterator[Lane]:
    """A folder of a fixed name that no other process uses now. The process under valgrind shares
    the lock: one that outlives this process must not write into a folder that is used again."""
    if sys.platform == "win32":
        raise NotImplementedError(why_not())
    import fcntl

    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    for number in range(_LANES):
        folder = parent / f"{project().name}-instructions-{os.getuid()}-{number}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        with ExitStack() as stack:
            try:
                low = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                stack.callback(os.close, low)
                # A high number: in the child too it must not move those of other files.
                lock = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _FIRST_LOCK)
                stack.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # in use, or a link to elsewhere
                continue
            if os.fstat(lock).st_uid == os.getuid():
                stack.callback(_empty, folder)
                _empty(folder)
                yield Lane(folder, lock)
                return
    raise RuntimeError(f"{_LANES} processes count instructions already, below {parent}")


def _empty(folder: Path) -> None:
    """The folder itself stays: its removal would take the lock on it from those who wait."""
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink(missing_ok=True)
