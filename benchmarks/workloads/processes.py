"""Helper processes of a workload: started once, told what to do through pipes."""

from __future__ import annotations

import multiprocessing
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.common.project import LAB
from benchmarks.workloads import base

_PATIENCE_S = 120.0


class Crew:
    """Processes that all execute one function, until they are dismissed.

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
        self._pipes: list[Connection] = []
        self._processes = []
        try:
            for _ in range(count):
                near, far = context.Pipe()
                process = context.Process(
                    target=_work, args=(far, base.opens, job, *arguments), daemon=True
                )
                with _findable():
                    process.start()
                far.close()
                self._pipes.append(near)
                self._processes.append(process)
            self.answers()
        except BaseException:
            self.dismiss()
            raise

    def tell(self, message: Any) -> None:
        """Send a message to each process."""
        for pipe in self._pipes:
            pipe.send(message)

    def answers(self) -> Sequence[Any]:
        """One message from each process, waited for."""
        found = []
        for pipe in self._pipes:
            if not pipe.poll(_PATIENCE_S):
                raise RuntimeError(f"a helper process did not answer within {_PATIENCE_S:g} s")
            try:
                message = pipe.recv()
            except EOFError:
                raise RuntimeError("a helper process died") from None
            if isinstance(message, _Failure):
                raise RuntimeError(f"a helper process failed: {message.text}")
            found.append(message)
        return found

    def dismiss(self) -> None:
        """End the processes; one that does not go by itself is killed. Twice is no error."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(10.0)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self._pipes.clear()
        self._processes.clear()


@contextmanager
def _findable() -> Iterator[None]:
    """Spawned processes inherit sys.path, and find `benchmarks` there; asv imports it otherwise."""
    root = str(LAB)
    if root in sys.path:
        yield
        return
    sys.path.append(root)
    try:
        yield
    finally:
        sys.path.remove(root)


class _Failure:
    def __init__(self, text: str) -> None:
        self.text = text


def _work(pipe: Connection, opens: Any, job: Callable[..., None], *arguments: Any) -> None:
    base.opens = opens
    try:
        job(pipe, *arguments)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass  # dismissed
    except Exception:  # noqa: BLE001 - whatever it is, the workload's process is to know
        pipe.send(_Failure(traceback.format_exc(limit=-4)))
    finally:
        pipe.close()
