"""A task queue on SQLite, and workers that scrape YouTube through it.

>>> from tubeq import QueueManager
>>> queue = QueueManager(":memory:")
>>> task_id = queue.create_task("youtube_channel", {"channel_url": "@handle", "max_results": 5})
>>> queue.get_task(task_id)["status"] == "QUEUED"
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tubeq import _moved

if TYPE_CHECKING:
    from tubeq.domain.children import ChildTask, Progress, Saved
    from tubeq.domain.errors import (
        ClaimLost,
        IllegalTransition,
        InvalidParameters,
        PermanentError,
        PluginError,
        StorageError,
        TaskNotFound,
        TransientError,
        TubeqError,
    )
    from tubeq.domain.models import Idea, NewTask, Task, TaskResult
    from tubeq.domain.policies import ClaimStrategy, Durability, RetryPolicy
    from tubeq.domain.states import TaskStatus
    from tubeq.queue.queue_manager import QueueManager
    from tubeq.storage.ports.tasks import ClaimRequest, Completion
    from tubeq.workers.base_worker import BaseWorker, WorkerConfig
    from tubeq.workers.runner import Runner, RunnerConfig

# A name is imported when it is first used, so that `import tubeq` costs next to nothing.
_HOMES = {
    "domain.children": ("ChildTask", "Progress", "Saved"),
    "domain.errors": (
        "ClaimLost", "IllegalTransition", "InvalidParameters", "PermanentError", "PluginError",
        "StorageError", "TaskNotFound", "TransientError", "TubeqError",
    ),
    "domain.models": ("Idea", "NewTask", "Task", "TaskResult"),
    "domain.policies": ("ClaimStrategy", "Durability", "RetryPolicy"),
    "domain.states": ("TaskStatus",),
    "queue.queue_manager": ("QueueManager",),
    "storage.ports.tasks": ("ClaimRequest", "Completion"),
    "workers.base_worker": ("BaseWorker", "WorkerConfig"),
    "workers.runner": ("Runner", "RunnerConfig"),
}  # fmt: skip
_MODULE_OF = {name: f"tubeq.{module}" for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "BaseWorker",
    "ChildTask",
    "ClaimLost",
    "ClaimRequest",
    "ClaimStrategy",
    "Completion",
    "Durability",
    "Idea",
    "IllegalTransition",
    "InvalidParameters",
    "NewTask",
    "PermanentError",
    "PluginError",
    "Progress",
    "QueueManager",
    "RetryPolicy",
    "Runner",
    "RunnerConfig",
    "Saved",
    "StorageError",
    "Task",
    "TaskNotFound",
    "TaskResult",
    "TaskStatus",
    "TransientError",
    "TubeqError",
    "WorkerConfig",
]

_moved.install()


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tubeq' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
