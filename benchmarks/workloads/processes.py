"""Helper processes of a workload: started once, given orders through pipes."""

from __future__ import annotations

import multiprocessing
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.common.project import LAB
from benchmarks.workloads import base

_PATIENCE_S = 120.0


class Helpers:
    """Processes that all execute one function, until they are closed.

    Args:
        count: how many.
        job: called in each of them, as job(pipe, *arguments); a function of a module.
        arguments: pickled; spawned processes inherit nothing else.

    Raises:
        RuntimeError: one of them failed at its start; as do the methods.
    """

    def __init__(self, count: int, job: Callable[..., None], *arguments: Any) -> None:
        # Spawned on every system, so that figures of Linux and Windows mean the same.
        context = multiprocessing.get_context("spawn")
        self._started: list[tuple[Any, Connection]] = []
        # They inherit sys.path, and find `benchmarks` there; asv imports it otherwise.
        is_missing = str(LAB) not in sys.path
        sys.path += [str(LAB)] * is_missing
        try:
            for _ in range(count):
                near, far = context.Pipe()
                process = context.Process(
                    target=_work, args=(far, base.opens, job, *arguments), daemon=True
                )
                process.start()
                far.close()
                self._started.append((process, near))
            self.answers()
        except BaseException:
            self.close()
            raise
        finally:
            if is_missing:
                sys.path.remove(str(LAB))

    def send(self, message: Any) -> None:
        """Send a message to each process."""
        for _, pipe in self._started:
            pipe.send(message)

    def answers(self) -> Sequence[Any]:
        """One message from each process, waited for."""
        found = []
        for _, pipe in self._started:
            if not pipe.poll(_PATIENCE_S):
                raise RuntimeError(f"a helper process did not answer within {_PATIENCE_S:g} s")
            try:
                message = pipe.recv()
            except EOFError:
                raise RuntimeError("a helper process died") from None
            if isinstance(message, Exception):
                raise message
            found.append(message)
        return found

    def close(self) -> None:
        """End the processes; one that does not end by itself is killed. Twice is no error."""
        for _, pipe in self._started:
            pipe.close()
        for process, _ in self._started:
            process.join(10.0)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self._started.clear()


def _work(pipe: Connection, opens: Any, job: Callable[..., None], *arguments: Any) -> None:
    base.opens = opens
    with pipe:
        try:
            job(pipe, *arguments)
        except (EOFError, BrokenPipeError, KeyboardInterrupt):
            pass  # closed
        except Exception:  # noqa: BLE001 - whatever it is, the workload's process is to know
            trace = traceback.format_exc(limit=-4)
            pipe.send(RuntimeError(f"a helper process failed: {trace}"))
