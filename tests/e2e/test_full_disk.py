"""A disk without space, a real one: what the messages advise works."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SCENE = """
import json, os, subprocess, sys
from pathlib import Path
from tubeq import Idea, NewTask, QueueManager, StorageError

disk, other = Path(sys.argv[1]), Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40M", "tmpfs", disk], check=True)
path = disk / "q.db"
with QueueManager(path) as queue:
    queue.create_tasks([NewTask("t")] * 100)
    for claim in queue.claim_tasks("t", "w", 100):
        queue.complete_task(claim, [Idea(f"v{n}", title="x" * 100) for n in range(20)])
    queue.create_task("newest")
ballast, filler = disk / "ballast", disk / "filler"
ballast.write_bytes(bytes(20_000_000))
try:
    with open(filler, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
except OSError:
    pass


def tubeq(*arguments):
    command = [sys.executable, "-m", "tubeq", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True)
    return ended.returncode, ended.stdout, ended.stderr


PRUNE = ("db", "prune", "--older-than", "0s", "--yes", "--db")
copy = other / "copy.db"
told = {
    "tasks": tubeq("tasks", "--limit", "1", "--json", "--db", path),
    "results": tubeq("results", "--limit", "1", "--json", "--db", path),
    "add": tubeq("add", "youtube_video", "-p", "video=dQw4w9WgXcQ", "--db", path),
    "stats": tubeq("stats", "--json", "--db", path),
    "prune": tubeq(*PRUNE, path),
    "doctor": tubeq("doctor", "--db", path),
    "backup_here": tubeq("db", "backup", disk / "copy.db", "--db", path),
    "left_here": sorted(each.name for each in disk.iterdir() if "copy" in each.name),
    "move": tubeq("db", "restore", path, "--db", copy),
    "restore_here": tubeq("db", "restore", copy, "--db", path),
    "left_of_restore": sorted(each.name for each in disk.iterdir() if "restor" in each.name),
    "prune_copy": tubeq(*PRUNE, copy),
}
ballast.unlink()
told["prune_again"] = tubeq(*PRUNE, path)
told["check"] = tubeq("db", "check", "--db", path)
print(json.dumps(told))
"""


def _can_mount() -> bool:
    command = ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        sys.platform == "linux"
        and shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not _can_mount(), reason="needs a file system of its own: unshare -Urm")
def test_a_full_disk_is_seen_and_the_advice_works(tmp_path: Path) -> None:
    disk, other = tmp_path / "disk", tmp_path / "other"
    disk.mkdir()
    other.mkdir()
    done = subprocess.run(
        ["unshare", "-Urm", sys.executable, "-c", _SCENE, str(disk), str(other)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # What is stored can be read, also after an "add".
    for name in ("tasks", "results", "stats", "move", "check"):
        assert told[name][0] == 0, told[name]
    for name in ("add", "prune", "doctor", "backup_here", "restore_here"):
        assert told[name][0] == 2, told[name]
    for name in ("add", "backup_here", "restore_here"):
        assert "no space" in told[name][2]
    assert "20 MB" in told["prune"][2]
    assert f"tubeq db restore {disk / 'q.db'} --db COPY" in told["prune"][2]
    assert "too little" in told["doctor"][1]
    assert ".partial" not in told["backup_here"][2]
    assert ".restoring" not in told["restore_here"][2]
    assert told["left_here"] == told["left_of_restore"] == []
    for name in ("prune_copy", "prune_again"):
        assert told[name][:2] == [0, "100 tasks deleted\n"], told[name]
