"""A candidate's process as the command sees it: orders out, answers in, killed when it must be."""

from __future__ import annotations

import base64
import json
import queue
import subprocess
import tempfile
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from benchmarks.contenders.environments import Launch, told

_PATIENCE_S = 300.0


class DriverFailed(RuntimeError):
    """A candidate did not do what it was told: its message is the reason, fit for a row."""


class DriverProcess:
    """One driver. It ends with its standard input, so it never outlives this process.

    Args:
        launch: how to start it.
    """

    def __init__(self, launch: Launch) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        self._process = subprocess.Popen(
            list(launch.command), cwd=launch.folder, env=dict(launch.environment),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def tell(self, verb: str, **order: Any) -> None:
        """Give an order, and do not wait.

        Raises:
            DriverFailed: the process is gone.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": verb, **order}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise DriverFailed(self._last_words()) from None

    def answer(self, timeout_s: float = _PATIENCE_S) -> dict[str, Any]:
        """The answer to the oldest order that was not answered yet.

        Raises:
            DriverFailed: it is an error, the process died, or no answer came.
        """
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise DriverFailed(f"no answer within {timeout_s:.0f} s") from None
        if not line:
            raise DriverFailed(self._last_words())
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            raise DriverFailed(f"it gave no answer: {told(line)}") from None
        if "error" in answer and "errors" not in answer:
            raise DriverFailed(told(answer["error"].strip().splitlines()[-1]))
        return answer

    def ask(self, verb: str, timeout_s: float = _PATIENCE_S, **order: Any) -> dict[str, Any]:
        """Give an order and wait for its answer.

        Raises:
            DriverFailed: as of `answer`.
        """
        self.tell(verb, **order)
        return self.answer(timeout_s)

    @property
    def has_answered(self) -> bool:
        """Whether an answer is there to be fetched, or the process is gone."""
        return not self._answers.empty()

    def kill(self) -> None:
        """SIGKILL: it does not get to finish anything."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Let it go; it is killed if it does not within some seconds. Twice is no error."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with suppress(OSError):  # it died before it read its last order
                self._process.stdin.close()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(10.0)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._complaints.close()

    def _last_words(self) -> str:
        self._process.wait()
        self._complaints.seek(0)
        text = self._complaints.read().decode("utf-8", "replace")
        return f"its process ended: {told(text)}"


@contextmanager
def started(launch: Launch) -> Iterator[DriverProcess]:
    """A driver that is let go in the end; killed at once where something went wrong."""
    process = DriverProcess(launch)
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    finally:
        process.end()


def numbers(text: str) -> array[int]:
    """The integers that a driver sent."""
    values = array("q")
    values.frombytes(base64.b64decode(text))
    return values
