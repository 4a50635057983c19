"""Measured processes: the one place that starts them, and the protocol that they obey.

Outside, a `Process` is given orders: one JSON object a line, {"do": verb, ...arguments}. Inside,

    python -m benchmarks.measuring.process MODULE:CLASS [ARGUMENT ...]

makes the actor, CLASS(*arguments), at the first order, and calls its public method of that name.
An answer is a line too: {"ok": what the method returned}; {"lacks": why}, the measured package has
not what the work needs (NotImplementedError); {"wrong": why}, the work failed its check
(AssertionError); {"error": trace}. A program in another language that reads and writes such lines
serves as well. The end of standard input ends a process, after `close()` of its actor where it has
one. It also ends with the thread that started it (Linux); Ctrl-C is for the process that gives the
orders.

Only the standard library is used, and little of it: this also runs in an older commit's environment
and in processes where time and chance stand still (counting.py).
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from array import array
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from weakref import WeakSet

from benchmarks.common.exits import InfrastructureError, ending
from benchmarks.common.project import LAB

ROOT = LAB
PATIENCE_S = 300.0
"""How long an answer may take."""
_LAST_WORDS = 1500
_CLOSING_S = 10.0
_PR_SET_PDEATHSIG = 1


class ProcessFailed(InfrastructureError, RuntimeError):
    """It could not be started, died, failed, or did not answer in time; the message says which."""


class _Finding(Exception):
    words = ""

    def __init__(self, process: Any, why: str) -> None:
        super().__init__(f"{process.name}: {self.words}{why}")
        self.process, self.why = process, why


class ProcessLacks(_Finding, NotImplementedError):
    """What is measured has not what the work needs: `why`. `process` says where."""


class WrongResult(_Finding, AssertionError):
    """The work failed its own check: `why`. `process` says where."""

    words = "wrong results: "


def actor_command(
    actor: str, *arguments: str, python: str | os.PathLike[str] = sys.executable
) -> list[str]:
    """The command that runs an actor, "module:Class", with an interpreter."""
    return [os.fspath(python), "-m", "benchmarks.measuring.process", actor, *arguments]


def variables(*path: str | Path, hash_seed: int | None = None) -> dict[str, str]:
    """This process's environment variables for one that imports from `path` first."""
    from benchmarks.records.environment import python_path

    own = {**os.environ, **({"PYTHONPATH": python_path(*path)} if path else {})}
    own.pop("VIRTUAL_ENV", None)
    return own if hash_seed is None else {**own, "PYTHONHASHSEED": str(hash_seed)}


_running: WeakSet[Process] = WeakSet()


def kill_all() -> None:
    """Kill all that run now: after Ctrl-C, for threads that wait for answers."""
    for each in list(_running):
        each.kill()


class Process(subprocess.Popen[bytes]):
    """A process that obeys; ProcessFailed where it cannot be started. As a context manager it has
    ended after the block, and is killed where the block raised.

    `command` is as of `actor_command`, perhaps with a wrapper (valgrind, nice) before it, and
    `environment` as of `variables`; messages call it `name`, and open files `pass_fds` are shared.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        import tempfile  # not before time and chance stand still, where they are to

        self.name = name
        self._orders: deque[str] = deque()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        try:
            super().__init__(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                cwd=folder, env=variables() if environment is None else dict(environment),
                pass_fds=tuple(pass_fds),
            )  # fmt: skip
        except OSError as error:
            self._errors.close()
            raise ProcessFailed(f"{name} cannot be started: {error}") from None
        _running.add(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.stdout is not None
        for line in self.stdout:
            self._answers.put(line)
        self._answers.put(b"")

    @property
    def has_answered(self) -> bool:
        """Whether an answer is there, or the process is gone."""
        return not self._answers.empty()

    def tell(self, verb: str, **order: Any) -> None:
        """Give an order, and do not wait: each order needs an `answer` later."""
        assert self.stdin is not None
        self._orders.append(verb)
        with suppress(OSError, ValueError):  # it is gone: `answer` says how
            self.stdin.write(json.dumps({"do": verb, **order}).encode() + b"\n")
            self.stdin.flush()

    def answer(self, patience_s: float = PATIENCE_S) -> Any:
        """The answer to the oldest order that has none yet.

        Raises:
            ProcessLacks, WrongResult: what the work found.
            ProcessFailed: it ended, failed, or did not answer in time, and is killed then.
        """
        verb = self._orders.popleft()
        try:
            line = self._answers.get(timeout=patience_s)
        except queue.Empty:
            self.kill()
            how = f"did not answer {verb!r} within {patience_s:g} s"
            raise ProcessFailed(f"{self.name} {how}: {self._last_words()}") from None
        if not line:
            self._answers.put(b"")  # it stays gone
            with suppress(subprocess.TimeoutExpired):
                self.wait(5)
            code = self.poll()
            how = "closed its output" if code is None else ending(code)
            raise ProcessFailed(f"{self.name} {how} at {verb!r}: {self._last_words()}")
        try:
            ((outcome, content),) = json.loads(line).items()
        except (ValueError, AttributeError):
            raise ProcessFailed(f"{self.name} gave no answer to {verb!r}: {line[:200]!r}") from None
        if outcome == "ok":
            return content
        if outcome in ("lacks", "wrong"):
            raise (ProcessLacks if outcome == "lacks" else WrongResult)(self, content)
        raise ProcessFailed(f"{self.name} failed at {verb!r}:\n{content}")

    def ask(self, verb: str, patience_s: float = PATIENCE_S, **order: Any) -> Any:
        """Give an order and wait for its answer; raises as `answer` does."""
        self.tell(verb, **order)
        return self.answer(patience_s)

    def kill(self) -> None:
        """SIGKILL: it does not get to finish anything."""
        super().kill()
        self.wait()

    def close(self) -> None:
        """End its input, and wait until it ended; killed if that takes long. Twice is no error."""
        assert self.stdin and self.stdout
        with suppress(OSError):  # it died before it read its last order
            self.stdin.close()
        try:
            self.wait(_CLOSING_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(_CLOSING_S)
        if not self._reader.is_alive():
            self.stdout.close()
        self._errors.close()
        _running.discard(self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.kill()
        self.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        words = self._errors.read().decode("utf-8", "replace").strip()
        return words[-_LAST_WORDS:] or "it said nothing"


def pack(numbers: array[Any]) -> str:
    """Many numbers as a string, for an answer."""
    return b64encode(numbers.tobytes()).decode()


def unpack(text: str, typecode: str = "d") -> array[Any]:
    """The numbers that `pack` was given: doubles; "q" for 64-bit integers."""
    numbers: array[Any] = array(typecode)
    numbers.frombytes(b64decode(text))
    return numbers


def obey(actor: str, arguments: Sequence[str]) -> int:
    """Inside: answer orders until standard input ends; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":  # be killed when the parent dies, in the middle of an order too
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # Prints of what is measured, and of libraries, must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    found: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            verb = order.pop("do")
            if found is None:
                module, _, name = actor.partition(":")
                found = getattr(import_module(module), name)(*arguments)
            if verb.startswith("_"):
                raise ValueError(f"{verb!r} is not an order")
            answer = {"ok": getattr(found, verb)(**order)}
        except NotImplementedError as lacks:
            answer = {"lacks": str(lacks)}
        except AssertionError as error:
            answer = {"wrong": str(error) or traceback.format_exc(limit=-2)}
        except Exception:  # noqa: BLE001 - whatever it is, it is reported
            answer = {"error": traceback.format_exc(limit=-4)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    if hasattr(found, "close"):
        found.close()
    return 0


if __name__ == "__main__":
    sys.exit(obey(sys.argv[1], sys.argv[2:]))
