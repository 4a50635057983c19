"""Git, always called in the same way: its answers do not depend on the user's configuration.

The user's configuration, environment and language change what git prints: colours, quoted names,
signatures, another repository from a hook's GIT_DIR. So only plumbing commands are run, with the
settings that reach them overridden, names separated by NUL, English messages, and answers decoded
without ever failing. Every function raises InfrastructureError where git cannot answer.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from re import fullmatch

from benchmarks.common.exits import BadInput, InfrastructureError, ending

_OVERRIDES = (
    "color.ui=false", "core.fsmonitor=false", "core.quotePath=false", "diff.ignoreSubmodules=none",
    "i18n.logOutputEncoding=UTF-8", "log.showSignature=false", "status.showUntrackedFiles=normal",
    "tar.umask=0002",
)  # fmt: skip
_KEPT_VARIABLES = (
    "GIT_CONFIG",  # a prefix: where configuration is, and safe.directory set by variables
    "GIT_EXEC_PATH",
    "GIT_TEST_ASSUME_DIFFERENT_OWNER",
)
_PARTIAL = "this clone is partial: git fetch --refetch --no-filter"
_REMEDIES = {
    "dubious ownership": "if you trust it: git config --global --add safe.directory '{folder}'",
    "not a git repository": "no history is here: clone the repository, or compare folders "
    "(./one ./other) or wheels",
    "must be run in a work tree": "a bare repository has no files: add a work tree or clone it",
    "missing blob": _PARTIAL,
    "promisor": _PARTIAL,
    "bad object": "the repository is damaged, see git fsck",
}
UNSHALLOW = "this clone is shallow: git fetch --unshallow (with actions/checkout: fetch-depth: 0)"


class UnknownRevision(InfrastructureError, BadInput):
    """There is no such revision."""

    exit_code = BadInput.exit_code


class HistoryMissing(UnknownRevision):
    """A shallow clone lacks what was asked for; the full repository may have it."""

    exit_code = InfrastructureError.exit_code


class GitFailed(InfrastructureError):
    """Git ended with an error: its own reason, the remedy where one is known, its exit code."""

    def __init__(self, message: str, code: int = 128) -> None:
        super().__init__(message)
        self.code = code


def run_git(
    folder: Path, *arguments: str, settings: tuple[str, ...] = (), given: bytes = b""
) -> bytes:
    """What a plumbing command prints, run in that folder; GitFailed quotes the error it ended with.

    Args:
        settings: "name=value", added to the default ones.
        given: its standard input.
    """
    command = ["git", "--no-pager", "-C", str(folder)]
    for setting in (*_OVERRIDES, *settings):
        command += ["-c", setting]
    # A hook's environment names its repository, index and more: the lab is only about its own
    # folder.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "LANGUAGE" and (not name.startswith("GIT_") or name.startswith(_KEPT_VARIABLES))
    }
    environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            [*command, *arguments], capture_output=True, check=False, env=environment, input=given
        )
    except FileNotFoundError:
        raise InfrastructureError(
            "git is not installed, or not on the PATH: install it, or compare folders "
            "(./one ./other) or wheels"
        ) from None
    except OSError as error:
        raise InfrastructureError(f"git cannot be started: {error}") from None
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise GitFailed(_reason(folder, arguments[0], done.returncode, words), done.returncode)
    return done.stdout


def _reason(folder: Path, command: str, code: int, words: str) -> str:
    for sign, remedy in _REMEDIES.items():
        if sign in words:
            is_damaged = sign == "not a git repository" and (folder / ".git").exists()
            advice = "its .git is there, but damaged: clone it again" if is_damaged else remedy
            return f"git: {words.splitlines()[0]} ({advice.format(folder=folder)})"
    return f"git {command} {ending(code)}: {words or 'it gave no reason'}"


def git_text(folder: Path, *arguments: str) -> str:
    """As `run_git`, decoded; bytes that are not UTF-8 become replacement characters."""
    return run_git(folder, *arguments).decode("utf-8", "replace")


def resolve(repository: Path, name: str) -> str:
    """The full id of the commit that the name resolves to; UnknownRevision, with a remedy, where
    there is none, HistoryMissing in a shallow clone."""
    if not name or name.startswith("-"):
        raise UnknownRevision(f"not a revision: {name!r}")
    # An archive that was unpacked inside another repository must not be mistaken for that one.
    below = run_git(repository, "rev-parse", "--show-prefix").strip()
    if below and not run_git(repository, "ls-files", "-z", "--cached"):
        raise GitFailed(
            f"git: {repository} is not part of the repository that it lies in (an unpacked "
            "archive has no history: clone the repository, or compare folders or wheels)"
        )
    try:
        # In two steps: ":/text" takes all that follows as a part of the text.
        found = git_text(repository, "rev-parse", "--verify", "--quiet", name).strip()
        if found.startswith("^"):  # "^name" excludes a commit: not a revision
            raise _unknown(repository, name)
        found = git_text(repository, "rev-parse", "--verify", "--quiet", f"{found}^{{commit}}")
        if not fullmatch("[0-9a-f]{40,64}", found.strip()):
            raise GitFailed(
                f"git rev-parse answered {found[:60]!r}, which is not the id of a commit"
            )
    except GitFailed as error:
        if error.code != 1:  # 1: git works, but the name is unknown
            raise
        raise _unknown(repository, name) from None
    return found.strip()


def _unknown(repository: Path, name: str) -> UnknownRevision:
    what = f"git knows no revision {name!r} in this repository"
    if not git_text(repository, "rev-list", "--max-count=1", "--all").strip():
        return UnknownRevision(f"{what}: it has no commit yet")
    if is_shallow(repository):
        return HistoryMissing(f"{what}; {UNSHALLOW}")
    names = git_text(repository, "for-each-ref", "--format=%(refname:short)").split()
    close = [each for each in names if each.endswith(f"/{name}")]
    close += get_close_matches(name, names, n=2, cutoff=0.6)
    if close:
        return UnknownRevision(f"{what}: did you mean {' or '.join(dict.fromkeys(close))}?")
    return UnknownRevision(f"{what}: see 'git branch --all', 'git tag'")


def commits_after(repository: Path, good: str, bad: str) -> list[str]:
    """Commits after `good` up to `bad` (full ids), oldest first, along first parents; BadInput
    where `good` is not an ancestor of `bad`, HistoryMissing where the clone does not say."""
    what = f"{good[:10]} is not an ancestor of {bad[:10]}"
    wrong = BadInput(f"{what}: GOOD is to be a commit that BAD is built on")
    _merge_base(repository, what, wrong, "--is-ancestor", good, bad)
    return _first_parents(repository, f"{good}..{bad}")


def merge_base(repository: Path, commit: str, branch: str) -> str:
    """The merge base with a branch, local or of origin; UnknownRevision
    where there is no such branch or nothing in common, HistoryMissing in a shallow clone."""
    try:
        tip = resolve(repository, f"refs/remotes/origin/{branch}")
    except UnknownRevision:
        tip = resolve(repository, branch)
    what = f"{commit[:10]} and {branch} have no commit in common"
    wrong = UnknownRevision(f"{what}: name the revision to compare with")
    return _merge_base(repository, what, wrong, commit, tip)


def _merge_base(repository: Path, what: str, wrong: BadInput, *arguments: str) -> str:
    """The output of git merge-base; if it fails, raises `wrong`, in a shallow clone
    HistoryMissing."""
    try:
        return git_text(repository, "merge-base", *arguments).strip()
    except GitFailed as error:
        if error.code != 1:
            raise
    if is_shallow(repository):
        raise HistoryMissing(f"{what} as far as this clone goes; {UNSHALLOW}")
    raise wrong


def commits_in(repository: Path, revisions: str) -> list[str]:
    """The commits of a range such as "v1..main", or all up to one revision, oldest first, along
    first parents; UnknownRevision where an end of it is unknown."""
    dots = "..." if "..." in revisions else ".."
    ends = [resolve(repository, end or "HEAD") for end in revisions.split(dots, 1)]
    return _first_parents(repository, dots.join(ends))


def _first_parents(repository: Path, revisions: str) -> list[str]:
    return git_text(repository, "rev-list", "--reverse", "--first-parent", revisions).split()


def describe(repository: Path, commit: str) -> tuple[str, str]:
    """A commit's time (strict ISO 8601) and its subject."""
    shown = git_text(repository, "rev-list", "-1", "--format=format:%cI%n%s", commit, "--")
    _, committed_at, subject = [*shown.split("\n", 2), "", ""][:3]
    return committed_at.strip(), subject.strip()


def object_names(repository: Path, names: Sequence[str]) -> list[str]:
    """The ids of objects such as "HEAD:src"; "" for missing ones."""
    given = "".join(f"{name}\n" for name in names).encode()
    checked = run_git(repository, "cat-file", "--batch-check=%(objectname)", given=given).decode()
    return ["" if line.endswith(" missing") else line for line in checked.splitlines()]


def is_dirty(repository: Path, *, but_for_results: bool = False) -> bool:
    """Whether the work tree differs from HEAD.

    Args:
        but_for_results: only tracked files count, and none under results/, which the lab writes.
    """
    what = ["--untracked-files=normal"]
    if but_for_results:
        what = ["--untracked-files=no", "--", ":/", ":(exclude,top)results"]
    return bool(run_git(repository, "status", "--porcelain=v1", "-z", *what))


def is_shallow(repository: Path) -> bool:
    """Whether older commits were left out when it was cloned."""
    return git_text(repository, "rev-parse", "--is-shallow-repository").strip() == "true"


def work_files(repository: Path) -> list[str]:
    """The names of what git tracks below the folder, and of new files that it does not ignore;
    bytes that are not UTF-8 are preserved (see os.fsdecode)."""
    listed = run_git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return sorted({os.fsdecode(name) for name in listed.split(b"\0") if name})


def archive(repository: Path, commit: str) -> bytes:
    """The commit's files as a tar archive, with the line ends that are stored."""
    stored = ("core.autocrlf=false", "core.eol=lf")
    return run_git(repository, "archive", "--format=tar", commit, settings=stored)
