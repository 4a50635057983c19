"""rq on Redis: its worker's bookkeeping around a job, without the fork and without the function."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from benchmarks.contenders.base import RESULT, Queue

_FUNCTION = "benchmarks.contenders.rq.work"
_TIMEOUT_S = 180
_FAR_S = 1e6
_PATIENCE_S = 300.0
"""Timeout of an answer: saving a million jobs takes longer than redis-py's default."""
_POLL_S = 0.1


class Rq(Queue):
    """enqueue; dequeue_any with both preparations; handle_job_success with the result."""

    name = "rq"

    def open(self, create: bool) -> None:
        self._rq: Any = import_module("rq")
        self._now = import_module("rq.utils").now
        redis: Any = import_module("redis")
        self._refused: type[Exception] = redis.exceptions.ResponseError
        self._redis = redis.Redis.from_url(self.place, socket_timeout=_PATIENCE_S)
        self.resources.callback(self._redis.close)
        if create:
            self._redis.flushdb()
        self._queue = self._rq.Queue("peers", connection=self._redis)
        self._worker = self._rq.SimpleWorker([self._queue], connection=self._redis)
        self._worker.register_birth()
        self.resources.callback(self._worker.register_death)

    def put(self, encoded: Any) -> None:
        self._queue.enqueue(
            _FUNCTION, args=(encoded,), job_timeout=_TIMEOUT_S, retry=self._rq.Retry(max=3)
        )

    def put_many(self, encoded: Sequence[Any]) -> None:
        prepare = self._rq.Queue.prepare_data
        self._queue.enqueue_many(
            prepare(_FUNCTION, args=(each,), timeout=_TIMEOUT_S, retry=self._rq.Retry(max=3))
            for each in encoded
        )

    def claim(self) -> Any | None:
        found = self._rq.Queue.dequeue_any([self._queue], None, connection=self._redis)
        if found is None:
            return None
        job = found[0]
        self._worker.prepare_execution(job)
        self._worker.prepare_job_execution(job, True)
        job.started_at = self._now()
        return job

    def number_of(self, held: Any) -> int:
        return int(held.args[0]["task"])

    def complete(self, held: Any) -> bool:
        self._worker.handle_execution_ended(held, self._queue, _TIMEOUT_S)
        held._result = RESULT
        held._status = self._rq.job.JobStatus.FINISHED
        self._worker.handle_job_success(held, self._queue, self._queue.started_job_registry)
        return True

    def settle(self) -> None:
        """Save now, else a snapshot of all is forked off during the timing; one that has begun by
        itself ends first, since Redis refuses a second one at the same time.

        Raises:
            TimeoutError: it does not end.
        """
        ends = time.monotonic() + _PATIENCE_S
        while time.monotonic() < ends:
            if not self._redis.info("persistence")["rdb_bgsave_in_progress"]:
                try:
                    self._redis.save()
                except self._refused as error:  # one has begun since
                    if "save" not in str(error):
                        raise
                else:
                    return
            time.sleep(_POLL_S)
        raise TimeoutError(f"Redis is still saving after {_PATIENCE_S:.0f} s")

    def recover(self, alone: bool) -> None:
        if alone:
            self._queue.started_job_registry.cleanup(timestamp=time.time() + _FAR_S)
            self._queue.intermediate_queue.cleanup(self._worker, self._queue)

    def is_waiting(self) -> bool:
        """Its intermediate queue holds jobs that were popped but not started for a minute."""
        return bool(self._queue.intermediate_queue.get_job_ids())

    def completed(self) -> list[int]:
        names = self._queue.finished_job_registry.get_job_ids()
        jobs = self._rq.job.Job.fetch_many(names, connection=self._redis)
        return [self.number_of(job) for job in jobs if job is not None]

    def version(self) -> str:
        return f"{super().version()}, Redis {self._redis.info('server')['redis_version']}"


def work(_parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The function of a job; a driver only does the bookkeeping around it."""
    return RESULT
