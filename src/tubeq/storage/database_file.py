"""Which file a database's path leads to, and whether it still leads there.

A database has one name for all who use it: the real path, links resolved, at the time it is opened.
Its side files (`-wal`, `-shm`, `-lock`, `-wake`) are in the same folder, as SQLite's own are.

A handle is bound to open files, but its path can come to lead to other files: a backup is moved
over the database, a link is changed, the database or its log is deleted. What the handle then
writes goes to a file that no process will ever open again. So a handle compares the inode numbers
periodically.

This does not detect a backup that is copied *into* the file (`cp backup.db queue.db` keeps
the inode), or a database that was replaced, while no process had it open, by a file that happened
to get the old one's inode number. `tubeq db restore` exists because of these cases.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tubeq.domain.errors import (
    InvalidParameters,
    StorageError,
    StorageReadOnly,
    StorageReplaced,
    UnsafeStorage,
)
from tubeq.domain.held_files import retried

NEEDED_FILES = ("-wal", "-shm", "-lock")
"""Files next to an open database: SQLite's log and its index, and the locks."""
SIDE_FILES = (*NEEDED_FILES, "-wake")
"""These, and the file of waiting workers, which nothing depends on."""

_FILE_URI = re.compile(r"file:", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # two letters at least: not a drive


def real_path(given: str | os.PathLike[str]) -> Path:
    """The absolute path of the file that `given` leads to, every link resolved; it need not exist.

    Raises:
        InvalidParameters: it does not name a file.
        StorageError: it is a link that leads back to itself.
    """
    require_path(given)
    path = Path(os.path.realpath(given))
    if path.is_symlink():
        raise StorageError(f"{path} is a link that leads back to itself: name a file")
    return path


def require_path(given: str | os.PathLike[str]) -> None:
    """
    Raises:
        InvalidParameters: it does not name a file: it is empty, or an address, or this system has
            no such names.
    """
    text = os.fspath(given)
    if not text:
        raise InvalidParameters("the path of the database is empty: name a file")
    if text == ":memory:":
        raise InvalidParameters("a queue in memory belongs to one QueueManager: name a file")
    if _FILE_URI.match(text):
        path = re.sub(r"^file:(//(localhost)?(?=/))?", "", text, flags=re.IGNORECASE)
        raise InvalidParameters(
            f"{text} is an address, not a path: write {path.split('?')[0] or 'a path'} (a file of "
            f"that very name: {Path(text).absolute()})"
        )
    if _URL.match(text):
        raise InvalidParameters(f"{text} is an address, not a path: the database is a local file")
    if sys.platform == "win32":
        from tubeq.storage.windows_names import why_refused

        reason = why_refused(text)
        if reason is not None:
            raise InvalidParameters(f"{text}: {reason}")


def side_file(database: Path, suffix: str) -> Path:
    """The side file with that suffix."""
    return Path(f"{database}{suffix}")


def size(path: Path) -> int:
    """Of a file, in bytes; 0 where it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def is_file_of(database: Path, path: Path) -> bool:
    """Whether `path` leads to the database, at its real path, or to a side file of it."""
    own = (database, *(side_file(database, suffix) for suffix in SIDE_FILES))
    return path.exists() and any(each.exists() and path.samefile(each) for each in own)


def identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Identifies a file among all that exist now; None where the file does not exist."""
    try:
        found = os.stat(path)  # noqa: PTH116 - of a string: called often
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


class OpenedFiles:
    """The files of a database as a handle opened them.

    Never opens one of them: closing a database file in this process would drop the locks of every
    SQLite connection that the process has to it.

    Args:
        name: the path as it was given, absolute: a link that is changed changes what it means.
        path: the real one.
        suffixes: of the side files that exist as long as it is open.
    """

    def __init__(self, name: Path, path: Path, suffixes: Sequence[str] = ("-wal", "-shm")) -> None:
        self._database = os.fspath(path)
        self._paths = tuple(map(os.fspath, (name, *(side_file(path, end) for end in suffixes))))
        self.identities = tuple(identity(each) for each in self._paths)

    def require_same(self) -> None:
        """Three calls of stat(2), some 5 microseconds.

        Raises:
            StorageReplaced: a path now leads to another file, or to no file.
        """
        for path, opened in zip(self._paths, self.identities):
            try:
                found = identity(path)
            except OSError:
                continue  # nothing is known of files in a folder that can no longer be searched
            if found != opened:
                what = "removed" if found is None else "replaced"
                raise StorageReplaced(
                    f"{path} was {what} while it was in use: what is written now would be lost; "
                    f"open {self._database} again"
                )


def open_side_file(path: Path, database: Path | None) -> int:
    """Open, and create where needed, a side file of tubeq's own; its descriptor. It gets the mode
    and group of `database`, whatever the umask; where that is None, it is its owner's only.

    Raises:
        StorageReadOnly: it, or the folder, cannot be written; the message says what to do.
        UnsafeStorage: what is there is not a plain file.
        StorageBusy: another program holds it.
        OSError: it cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        fd = retried(lambda: os.open(path, flags, 0o600), path)
    except PermissionError as error:
        raise StorageReadOnly(access_problem(path, database or path) or str(error)) from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise UnsafeStorage(f"{path} is not a plain file with one name: delete it")
        if database is not None:
            with suppress(FileNotFoundError):
                _share(fd, found, database.stat())
    except BaseException:
        os.close(fd)
        raise
    return fd


def share_log(database: Path) -> None:
    """Give SQLite's own side files the database's mode and group, whichever user created them:
    SQLite does so with the mode, as root also with the owner and the group, and only as it creates
    them."""
    like = database.stat()
    for suffix in ("-wal", "-shm"):
        path = side_file(database, suffix)
        try:
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
                # By its path: opening and closing it would drop SQLite's locks on it.
                _share(path, found, like)
        except FileNotFoundError:
            continue


def _share(file: int | Path, found: os.stat_result, like: os.stat_result) -> None:
    """Mode and group, as root also the owner, of another file; as far as this user is allowed
    to."""
    if sys.platform == "win32":  # which has neither modes nor groups
        return
    user = os.geteuid()
    if user not in (0, found.st_uid):
        return
    owner = like.st_uid if user == 0 else -1
    with suppress(OSError):  # not a member of the group, or a file system without owners and modes
        if found.st_gid != like.st_gid or owner not in (-1, found.st_uid):
            os.chown(file, owner, like.st_gid)  # first: nothing is open to the group before
        if (found.st_mode & 0o666) != _shared_mode(like):
            os.chmod(file, _shared_mode(like))  # noqa: PTH101 - or a descriptor


def access_problem(path: Path, database: Path) -> str | None:
    """Why this user cannot read and write a database or a side file of it, and what helps; None
    where it can, or where the file does not exist."""
    if _is_mounted_read_only(path.parent):
        return f"{database}: its file system is mounted read-only"
    try:
        found = path.stat()
    except FileNotFoundError:
        folder = path.parent
        if path == database or os.access(folder, os.W_OK | os.X_OK):
            return None
        return f"{folder} cannot be written, and {path.name} has to be made there{_belongs(folder)}"
    except OSError as error:
        return f"{path}: {error.strerror}"
    if os.access(path, os.R_OK | os.W_OK):
        return None
    problem = f"{path} cannot be read and written{_belongs(path)}"
    if sys.platform == "win32":
        return f"{problem}: check its permissions"
    import shlex

    like = database.stat()
    owner, group = _owner_of(like)
    who = "root" if like.st_uid == 0 else f"{owner} or root"
    if path == database and found.st_uid == os.geteuid():
        return f"{problem}: run: chmod u+rw {shlex.quote(str(path))}"
    if path == database:
        if like.st_gid not in os.getgroups():
            group = "GROUP"
        side_files = (side_file(database, suffix) for suffix in SIDE_FILES)
        files = shlex.join(str(each) for each in (database, *side_files) if each.exists())
        return f"{problem}: to share it, as {who} run: chgrp {group} {files} && chmod 660 {files}"
    if found.st_uid == like.st_uid:
        change = f"as {who} run: chgrp {group} {shlex.quote(str(path))}"
    else:
        change = f"as root run: chown {owner}:{group} {shlex.quote(str(path))}"
    return f"{problem}: {change} && chmod {_shared_mode(like):o} {shlex.quote(str(path))}"


def _is_mounted_read_only(folder: Path) -> bool:
    """Whether something other than permissions prevents every user from writing there."""
    if sys.platform != "win32":  # which cannot tell
        with suppress(OSError):
            return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    return False


def _shared_mode(like: os.stat_result) -> int:
    return stat.S_IMODE(like.st_mode) & 0o666


def _belongs(path: Path) -> str:
    """Owner, group and mode of the file, for a message."""
    if sys.platform == "win32":
        return ""
    found = path.stat()
    return f" ({':'.join(_owner_of(found))}, mode {stat.S_IMODE(found.st_mode):o})"


def _owner_of(found: os.stat_result) -> tuple[str, str]:
    """The names of the owner and of the group, or their numbers."""
    owner, group = str(found.st_uid), str(found.st_gid)
    if sys.platform != "win32":
        import grp
        import pwd

        with suppress(KeyError):
            owner = pwd.getpwuid(found.st_uid).pw_name
        with suppress(KeyError):
            group = grp.getgrgid(found.st_gid).gr_name
    return owner, group
