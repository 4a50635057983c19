"""Every error that tubeq raises on purpose.

TubeqError
 +-- TaskNotFound            no task has that id
 +-- IllegalTransition       the task's status does not allow that event
 +-- ClaimLost               the claim is no longer held: nothing was written
 +-- InvalidParameters       a caller's value is wrong; the message names it
 +-- StorageError            the database cannot do it
 |    +-- StorageBusy        another writer held the database for too long
 |    +-- StorageFull        no space left for the database
 |    +-- StorageReadOnly    the database, or its folder, cannot be written
 |    +-- StorageCorrupt     the file is damaged, or not a SQLite database
 |    +-- StorageReplaced    the file was replaced or removed while it was open: open it again
 |    +-- StorageNotSynced   the change IS stored, but may not be on the disk yet
 |    +-- SchemaMismatch     the schema is newer than this program, or was tampered with
 |    +-- UnsafeStorage      a network file system, or a handle carried through fork()
 |    +-- UnsafeSQLite       the SQLite library is too old
 +-- PluginError             a plugin could not do its task
      +-- PluginNotFound     no plugin is registered for that task type
      +-- TransientError     may pass: the task is retried (after `retry_after_s`, if given)
      +-- PermanentError     will not pass: the task is never retried
           +-- TaskCancelled the running task was asked to end
"""

from __future__ import annotations


class TubeqError(Exception):
    """Root of the tree. `code` names the error for machines: stable, lower case, one word."""

    code = "error"


class TaskNotFound(TubeqError):
    code = "task_not_found"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"no task has the id {task_id!r}")
        self.task_id = task_id


class IllegalTransition(TubeqError):
    code = "illegal_transition"

    def __init__(self, task_id: str, status: str, wanted: str) -> None:
        super().__init__(f"task {task_id} is {status}: it cannot become {wanted}")
        self.task_id = task_id
        self.status = status
        self.wanted = wanted


class ClaimLost(TubeqError):
    """The claim was given to another worker, or ended. The refused write changed nothing."""

    code = "claim_lost"

    def __init__(self, task_id: str, claim_token: int) -> None:
        super().__init__(f"claim {claim_token} on task {task_id} is no longer held")
        self.task_id = task_id
        self.claim_token = claim_token


class InvalidParameters(TubeqError):
    """A value given by the caller is wrong. Never retried."""

    code = "invalid_parameters"


class StorageError(TubeqError):
    code = "storage_error"


class StorageBusy(StorageError):
    code = "storage_busy"


class StorageFull(StorageError):
    code = "storage_full"


BUSY_OR_FULL = (StorageBusy, StorageFull)
"""The same call may succeed later."""


class StorageReadOnly(StorageError):
    code = "storage_read_only"


class StorageCorrupt(StorageError):
    code = "storage_corrupt"


class StorageReplaced(StorageError):
    """The database's path leads to another file than the one that was opened, or to none. The
    handle can no longer be used: what it wrote would be lost. Open the database again."""

    code = "storage_replaced"


class StorageNotSynced(StorageError):
    """The change is stored and visible to all, but the disk reported an error before it
    confirmed it: a power cut may lose it. Do not repeat the call."""

    code = "storage_not_synced"


class SchemaMismatch(StorageError):
    code = "schema_mismatch"


class UnsafeStorage(StorageError):
    code = "unsafe_storage"


class UnsafeSQLite(StorageError):
    code = "unsafe_sqlite"


class PluginError(TubeqError):
    """Raised by plugins. `code` may be narrowed per error, e.g. "bot_check", "private_video"."""

    code = "plugin_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class PluginNotFound(PluginError):
    code = "plugin_not_found"


class TransientError(PluginError):
    """The failure may pass.

    Args:
        message: what happened.
        retry_after_s: seconds to wait before the next attempt, where the server said so.
        code: a narrower code than "transient".
        retry_at: when the next attempt makes sense (epoch seconds), where the server gave a date.
        counted: False for "not yet", which is not a failure: the task waits, and none of its
            retries is used up.
    """

    code = "transient"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        retry_at: float | None = None,
        counted: bool = True,
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s
        self.retry_at = retry_at
        self.counted = counted


class PermanentError(PluginError):
    code = "permanent"


class TaskCancelled(PermanentError):
    code = "cancelled"
