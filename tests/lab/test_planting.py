"""Every plant fits today's sources, and what it leaves still works."""

from __future__ import annotations

import filecmp
from pathlib import Path

import pytest

from benchmarks.contenders.revisions import prepare_side
from benchmarks.measuring.interleave import Contender
from benchmarks.proving.planting import (
    NO_CHANGE,
    PLANTED,
    PLANTS,
    PlantDoesNotApply,
    module_path,
    plant,
)

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("src") / "tubeq"
CASES = [(each.name, workload) for each in PLANTS.values() for workload in each.workloads]


def differing(left: Path, right: Path) -> list[str]:
    found = filecmp.dircmp(left, right)
    names = [*found.left_only, *found.right_only, *found.diff_files]
    for name in found.common_dirs:
        names += differing(left / name, right / name)
    return names


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(ROOT, tmp_path_factory.mktemp("plain"), None)


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("number", range(5))
def test_it_applies(name: str, number: int, plain: Path, tmp_path: Path) -> None:
    copied = plant(plain, tmp_path / "copy", PLANTS[name], number)
    assert bool(differing(plain / PACKAGE, copied / PACKAGE)) is (name != "other-directory")


@pytest.mark.parametrize(("name", "workload"), CASES)
def test_what_it_leaves_still_works(name: str, workload: str, tmp_path: Path) -> None:
    side = prepare_side(ROOT, str(plant(ROOT, tmp_path / "copy", PLANTS[name], 1)))
    data = tmp_path / "data"
    data.mkdir()
    with Contender(side, ROOT, tmp_path, 0) as contender:
        contender.ask("prepare", workload=workload, folder=str(data), profile="smoke")
        assert contender.batch(60).operations == 60
        contender.ask("check")


def test_other_sources_are_refused(tmp_path: Path) -> None:
    for each in (*NO_CHANGE, *PLANTED):
        if each.name == "other-directory":
            continue
        package = tmp_path / each.name / PACKAGE
        for file in ("queue/queue_manager.py", "storage/sqlite.py", "storage/sqlite_claims.py"):
            (package / file).parent.mkdir(parents=True, exist_ok=True)
            (package / file).write_text("'''Rewritten.'''\n")
        migrations = package / "storage" / "sql" / "sqlite" / "migrations"
        migrations.mkdir(parents=True)
        (migrations.parent / "schema.sql").write_text("")
        with pytest.raises(PlantDoesNotApply):
            each.apply(package, 0)


def test_a_module_is_found_by_its_newest_name(tmp_path: Path) -> None:
    package = tmp_path / "package"
    names = ("storage/sqlite/claims.py", "storage/sqlite_claims.py")
    for name in reversed(names):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
        assert module_path(package, names) == package / name
    with pytest.raises(PlantDoesNotApply, match="there is no storage/x"):
        module_path(package, ("storage/x.py",))
