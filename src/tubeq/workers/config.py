"""WorkerConfig and RunnerConfig: all settings of workers, checked at once."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.numbers import checked_span, checked_whole
from tubeq.domain.policies import ClaimStrategy, Durability, RetryPolicy
from tubeq.queue.validation import checked_task_type

_MAX_WORKER_ID_LENGTH = 200
_MAX_SWEEP_INTERVAL_S = 15.0
_MAX_PROCESSES = 256
_MAX_THREADS = 64
_OPTIONAL = ("heartbeat_interval_s", "task_timeout_s")
WAIT_SCHEDULED_S = 900.0
"""A run until idle waits for what falls due within this time."""


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """How one worker works.

    Args:
        task_type: the tasks it claims; or several types, which take turns.
        worker_id: its name; None generates a unique one.
        poll_interval: seconds after which an idle worker checks the queue without a wake-up. New
            tasks wake it at once, so this may be long.
        max_retries: the failure with this number is final.
        backoff_s: delay before the first retry, doubled for each further one; 0 for none.
        backoff_max_s: the longest such delay.
        lease_s: seconds that a claim holds without a heartbeat; what a dead worker held is taken
            back after that.
        heartbeat_interval_s: seconds between heartbeats; None is a third of the lease.
        strategy: which of the due tasks is claimed next.
        task_timeout_s: seconds after which a plugin is asked to end, counted from its start or from
            when it last saved; None is never.
        stop_grace_s: seconds that a plugin has to end by itself after a timeout or a cancel; and,
            when the worker is asked to stop, to finish its task before the task is handed back.
        crash_limit: a task that killed its worker this many times is a dead letter.
        breaker_pause_s: after an error that says "too many requests" (bot_check, rate_limited), no
            worker begins a task of the type for this long, twice as long each further time in a
            row; 0 is never.
        breaker_pause_max_s: the longest such pause.
        durability: what is on disk when a write returns.
        busy_timeout_s: how long a write waits for other writers before the worker logs that and
            tries again.

    Raises:
        InvalidParameters: a value is wrong; the message names it.
    """

    task_type: str | Sequence[str]
    worker_id: str | None = None
    poll_interval: float = 1.0
    max_retries: int = 3
    backoff_s: float = 0.0
    backoff_max_s: float = 3600.0
    lease_s: float = 60.0
    heartbeat_interval_s: float | None = None
    strategy: ClaimStrategy = ClaimStrategy.LIFO
    task_timeout_s: float | None = None
    stop_grace_s: float = 10.0
    crash_limit: int = 3
    breaker_pause_s: float = 600.0
    breaker_pause_max_s: float = 14_400.0
    durability: Durability = Durability.BALANCED
    busy_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        _check_task_types(self.task_type)
        if not isinstance(self.task_type, str):
            object.__setattr__(self, "task_type", tuple(dict.fromkeys(self.task_type)))
        _check_worker_id(self.worker_id)
        for name in ("poll_interval", "lease_s", "heartbeat_interval_s", "task_timeout_s"):
            if getattr(self, name) is not None or name not in _OPTIONAL:
                checked_span(name, getattr(self, name), above_zero=True)
        rests = ("backoff_s", "backoff_max_s", "breaker_pause_s", "breaker_pause_max_s")
        for name in (*rests, "stop_grace_s", "busy_timeout_s"):
            checked_span(name, getattr(self, name))
        checked_whole("max_retries", self.max_retries)
        checked_whole("crash_limit", self.crash_limit, 1)
        if self.beat_interval_s >= self.lease_s:
            raise InvalidParameters(
                f"heartbeat_interval_s ({self.beat_interval_s}) must be shorter than "
                f"lease_s ({self.lease_s})"
            )
        object.__setattr__(self, "strategy", ClaimStrategy(self.strategy))
        object.__setattr__(self, "durability", Durability(self.durability))

    @property
    def task_types(self) -> tuple[str, ...]:
        """The types of the tasks that it claims."""
        return (self.task_type,) if isinstance(self.task_type, str) else tuple(self.task_type)

    @property
    def type_names(self) -> str:
        """The same as it is registered: separated by commas."""
        return ",".join(self.task_types)

    @property
    def beat_interval_s(self) -> float:
        """Seconds between heartbeats."""
        chosen_s = self.heartbeat_interval_s
        return self.lease_s / 3 if chosen_s is None else chosen_s

    @property
    def sweep_interval_s(self) -> float:
        """Seconds between two rescues of what dead workers held."""
        return min(self.lease_s / 2, _MAX_SWEEP_INTERVAL_S)

    @property
    def retry_policy(self) -> RetryPolicy:
        """When a failed attempt is tried again."""
        return RetryPolicy(self.max_retries, self.backoff_s, self.backoff_max_s)


def new_worker_id(prefix: str | None = None) -> str:
    """A unique name, also different from that of a later process with the same process id.

    Args:
        prefix: how it begins; None is the host's name.
    """
    return f"{prefix or socket.gethostname()[:100]}-{os.getpid()}-{secrets.token_hex(4)}"


def thread_ids(worker_id: str, threads: int) -> list[str]:
    """The names of the workers of one process, derived from the name of the process."""
    if threads == 1:
        return [worker_id]
    return [f"{worker_id}.{number}" for number in range(1, threads + 1)]


def _check_task_types(value: object) -> None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        checked_task_type(value)
        return
    if not value:
        raise InvalidParameters("task_type must name at least one type")
    for each in value:
        checked_task_type(each)


def _check_worker_id(worker_id: object) -> None:
    if worker_id is None:
        return
    if not isinstance(worker_id, str) or not 0 < len(worker_id) <= _MAX_WORKER_ID_LENGTH:
        raise InvalidParameters(
            f"worker_id must be a string of 1 to {_MAX_WORKER_ID_LENGTH} characters: "
            f"{worker_id!r:.60}"
        )


@dataclass(frozen=True, kw_only=True)
class RunnerConfig:
    """How a Runner works.

    Args:
        worker: the configuration of each worker; its worker_id, if any, becomes a prefix.
        processes: how many processes.
        until_idle: end when no task of its types, nor of those in `also`, is due, held by a worker,
            or due soon.
        wait_scheduled_s: what "soon" is, in seconds: retries, scheduled tasks, limits and pauses
            that take longer are left, and reported. 0 waits for none of them.
        plugin: "module:attribute" of the plugin; None is the one registered for each task type.
        threads: how many workers a process has: several where they mostly wait for the network.
        also: further workers under the same supervisor, usually of other task types; their
            `until_idle`, `wait_scheduled_s` and `also` are ignored.

    Raises:
        InvalidParameters: a value is wrong; the message names it.
    """

    worker: WorkerConfig
    processes: int = 1
    until_idle: bool = False
    wait_scheduled_s: float = WAIT_SCHEDULED_S
    plugin: str | None = None
    threads: int = 1
    also: tuple[RunnerConfig, ...] = ()

    def __post_init__(self) -> None:
        for name, most in (("processes", _MAX_PROCESSES), ("threads", _MAX_THREADS)):
            checked_whole(name, getattr(self, name), 1, most)
        checked_span("wait_scheduled_s", self.wait_scheduled_s)
        if self.plugin is not None and ":" not in self.plugin:
            raise InvalidParameters(f'plugin must read "module:attribute": {self.plugin!r:.120}')
