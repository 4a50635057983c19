"""Connections to one SQLite file: how they are opened, and what SQLite's errors mean.

The factory is a seam for tests: fault tests pass their own, with connections that fail.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tubeq.domain.errors import (
    StorageBusy,
    StorageCorrupt,
    StorageError,
    StorageFull,
    StorageReadOnly,
    UnsafeStorage,
)
from tubeq.domain.held_files import held, is_held, retried
from tubeq.storage.database_file import NEEDED_FILES, access_problem, real_path, side_file
from tubeq.storage.sqlite.file.kept_names import count_own_links

_FULL_BELOW_BYTES = 64 * 1024

_RESTORE = "'tubeq db restore BACKUP'"
_GIVE_OTHER = f"give another path, or {_RESTORE}"
# SQLite's words rather than its codes: Python 3.10 does not give the codes.
_MEANINGS: tuple[tuple[str, type[StorageError], str], ...] = (
    ("locked", StorageBusy, "another program holds the database: close its open transaction"),
    ("busy", StorageBusy, "another program holds the database: close its open transaction"),
    ("disk is full", StorageFull, "no space is left for the database: free some; nothing is lost"),
    ("readonly", StorageReadOnly, "the database cannot be written: check its permissions"),
    ("not a database", StorageCorrupt, f"not a SQLite database, or a damaged one: {_GIVE_OTHER}"),
    ("malformed", StorageCorrupt, f"the database is damaged: restore a backup with {_RESTORE}"),
    ("unable to open", StorageError, "the database cannot be opened: check path and permissions"),
)


class ConnectionFactory:
    """Opens connections to the file at `path`.

    Args:
        path: the database file; `name` is as given but absolute, `path` the file with all links
            resolved.
        busy_timeout_s: seconds that the users of its connections wait for others.

    Raises:
        InvalidParameters, StorageError: see real_path.
    """

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self.name = Path(path).absolute()
        self.path = real_path(path)
        self.busy_timeout_s = busy_timeout_s

    def connect(self) -> sqlite3.Connection:
        """A connection in autocommit mode that never checkpoints automatically, and never waits for
        a lock: its users do both.

        Its callers ensure that only one thread at a time uses it.
        """
        connection = sqlite3.connect(
            self.path,
            timeout=self.busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            # NORMAL: the write-ahead log is synced at checkpoints. What must be on disk sooner is
            # synced by WalSync, after the write lock is released.
            connection.execute("PRAGMA synchronous = NORMAL")
            _sync_fully(connection)
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            connection.close()
            raise
        return connection

    def sync(self, wal: int) -> None:
        """Sync the write-ahead log, open as file descriptor `wal`, to disk."""
        _fsync(wal)


def full_fsync(descriptor: int) -> None:
    """fsync(2), and on macOS, where that leaves the data in the drive's cache, what empties it."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):  # a file system that cannot
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


_fsync = getattr(os, "fdatasync", full_fsync)


def _sync_fully(connection: sqlite3.Connection) -> None:
    """The same for what SQLite syncs itself, at checkpoints."""
    if sys.platform == "darwin":
        connection.execute("PRAGMA fullfsync = 1")


def connect_to_existing(path: Path, how: str, timeout_s: float = 10.0) -> sqlite3.Connection:
    """A connection in autocommit mode to a file that exists. It is opened by a URI, so that "?",
    "#" and "%" in its path mean nothing.

    Args:
        how: "mode=ro", "mode=rw", or "immutable=1" for a file that no process changes.
    """
    uri = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=timeout_s, check_same_thread=False
    )
    _sync_fully(connection)
    return connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Converts SQLite's and the system's errors into StorageError and its subclasses.

    Raises:
        StorageError: a subclass of it.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise translate(error, path) from error


def translate(error: Exception, path: Path) -> StorageError:
    """The StorageError that says what `error` means for the database at `path`."""
    text = str(error)
    if any(map(is_held, (path, *(side_file(path, suffix) for suffix in NEEDED_FILES)))):
        return held(path)
    for words, kind, meaning in _MEANINGS:
        if words in text:
            return kind(f"{path}: {meaning} ({text})")
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return StorageFull(f"{path}: no space is left for the database: free some ({text})")
    # With a full disk, SQLite can fail to grow its shared memory and calls that an I/O error.
    if "I/O" in text and _no_space(path):
        return StorageFull(f"{path}: no space is left for the database: free some ({text})")
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return StorageReadOnly(f"{path}: its file system is mounted read-only ({text})")
    return StorageError(f"{path}: {text}")


_NO_SPACE = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def _no_space(path: Path) -> bool:
    try:
        import shutil

        disk = shutil.disk_usage(path.parent)
    except OSError:
        return False
    return disk.total > 0 and disk.free < _FULL_BELOW_BYTES  # /proc and the like have no size


def prepare_path(path: Path, *, create: bool = True) -> None:
    """Check the real path, and create an empty file there if none exists, for its owner only;
    without `create`, it must exist.

    Raises:
        StorageError: it is a folder, its folder or the file is missing, or it cannot be created.
        StorageReadOnly: the file, a side file or the folder cannot be written.
        UnsafeStorage: it is on a network file system, or has several names.
    """
    require_usable_place(path)
    if not create and not path.exists():
        raise StorageError(f"{path} does not exist")
    with translated(path):
        try:
            # Only ever a new file: opening and closing an existing one in this process would drop
            # the locks of every SQLite connection that it has to it (POSIX advisory locks).
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
            os.close(retried(lambda: os.open(path, flags, 0o600), path))
        except FileExistsError:
            pass
        except PermissionError as error:
            raise StorageReadOnly(f"{path.parent} cannot be written: {error.strerror}") from error
        except FileNotFoundError as error:  # the folder exists, but cannot hold files, as /proc
            if sys.platform == "win32":
                raise StorageError(
                    f"{path} cannot be made: Windows may allow paths of 260 characters only, and "
                    f"the side files add 5 to these {len(str(path))}: name a shorter one"
                ) from error
            raise StorageError(f"{path.parent} takes no files: name another folder") from error
    for each in (path, *(side_file(path, suffix) for suffix in NEEDED_FILES)):
        problem = access_problem(each, path)
        if problem is not None:
            raise StorageReadOnly(problem)


def require_usable_place(path: Path) -> None:
    """Refuse a real path that cannot be a database, or not a safe one; it need not exist.

    Raises:
        StorageError, UnsafeStorage: see prepare_path.
    """
    if path.is_dir():
        raise StorageError(f"{path} is a folder: name a file in it, such as {path / 'tubeq.db'}")
    if not path.parent.is_dir():
        raise StorageError(f"{path.parent} is not a folder: create it first")
    file_system = network_file_system(path.parent)
    if file_system:
        raise UnsafeStorage(
            f"{path} is on a network file system ({file_system}), where SQLite's locks cannot be "
            "trusted: use a local disk, or PostgreSQL for several machines"
        )
    try:
        found = path.stat()
    except OSError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise StorageError(f"{path} is not a plain file: name another")
    if found.st_nlink - count_own_links(path) > 1:
        raise UnsafeStorage(
            f"{path} has {found.st_nlink} names (hard links): programs that use different ones "
            f"would damage it; delete the others (find them with: find DIR -samefile {path}), or "
            "use a copy; links made with ln -s are fine"
        )
    if is_mount_point(path):
        raise UnsafeStorage(
            f"{path} is mounted as a single file: its log would be in a different folder for "
            "each program; mount its folder instead"
        )


_NETWORK_TYPES = (
    "nfs", "cifs", "smb", "9p", "afs", "afpfs", "ceph", "glusterfs", "fuse.sshfs", "lustre",
    "webdav",
)  # fmt: skip


def network_file_system(folder: Path) -> str | None:
    """The type of the network file system that the folder is on, or None for a local disk."""
    if sys.platform == "win32":
        import ctypes

        # "\\?\C:\" is C:, without a limit of length; "\\?\UNC\" is a share.
        drive = os.path.splitdrive(folder.resolve())[0].removeprefix("\\\\?\\")
        remote = (
            drive.startswith(("\\\\", "UNC"))
            or ctypes.windll.kernel32.GetDriveTypeW(drive + "\\") == 4
        )
        return "a Windows share" if remote else None
    kind = (_macos_type if sys.platform == "darwin" else _mount_type)(folder.resolve())
    return kind if kind and kind.startswith(_NETWORK_TYPES) else None


_STATFS_TYPE = slice(72, 88)
"""Where f_fstypename is in macOS's struct statfs, which has 2,168 bytes."""


def _macos_type(folder: Path) -> str | None:
    """The file system type of the folder, by statfs(2) of macOS; None where it is unknown."""
    import ctypes

    library = ctypes.CDLL(None)
    # On Intel the plain name is that of a call with an older structure.
    statfs = getattr(library, "statfs$INODE64", None) or library.statfs
    answer = ctypes.create_string_buffer(4096)
    if statfs(os.fsencode(folder), answer):
        return None
    name: bytes = answer.raw[_STATFS_TYPE]
    return name.partition(b"\0")[0].decode("ascii", "replace")


def _mount_type(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """The file system type of the innermost mount above the folder; None where it is unknown."""
    best, found = -1, None
    above = {str(folder), *map(str, folder.parents)}
    for point, kind in _mount_points(mounts):
        # A later mount on the same point covers the earlier one.
        if point in above and len(point) >= best:
            best, found = len(point), kind
    return found


def is_mount_point(file: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Whether that single file is mounted, as containers do; False where it is unknown."""
    return any(point == str(file) for point, _ in _mount_points(mounts))


def _mount_points(mounts: Path) -> Iterator[tuple[str, str]]:
    """Each mount point with the type of its file system."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        if "\\" in point:
            point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)
        yield point, kind
