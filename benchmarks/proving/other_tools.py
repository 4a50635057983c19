"""The same comparison by asv and pytest-benchmark, used as their manuals describe."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess, run
from time import perf_counter

from benchmarks.common.exits import InfrastructureError
from benchmarks.common.git import run_git
from benchmarks.common.project import project
from benchmarks.proving.proof import Outcome, template_of
from benchmarks.records.environment import python_path

FACTOR = 1.1
"""Both tools are asked to fail at 10 %."""
CALLS = 100


class AsvContinuous:
    """`asv continuous -f 1.1 BASE HEAD` with the `benchmarks` of `root`, in a repository made of
    `source`: in `folder`, which is made, with asv's environment and results."""

    def __init__(self, root: Path, folder: Path, source: Path) -> None:
        self._root = root
        self._repository, self._suite = folder / "repository", folder / "suite"
        for each in (self._repository, self._suite):
            each.mkdir(parents=True)
        for name in ("pyproject.toml", "README.md"):
            if (source / name).exists():
                shutil.copy2(source / name, self._repository)
        self._git("init", "--quiet", "--initial-branch=main")
        (self._suite / "__init__.py").touch()
        self._config = folder / "asv.conf.json"
        wheel = "python -m pip wheel --no-deps --no-build-isolation --no-index"
        install = "in-dir={env_dir} python -m pip install --no-deps --force-reinstall {wheel_file}"
        settings = {
            "version": 1, "project": project().name, "repo": str(self._repository),
            "branches": ["main"], "environment_type": "virtualenv",
            "matrix": {"req": {"hatchling": [], "wheel": []}},
            "benchmark_dir": str(self._suite),
            **{f"{name}_dir": str(folder / name) for name in ("env", "results", "html")},
            "build_command": [f"{wheel} -w {{build_cache_dir}} {{build_dir}}"],
            "install_command": [install],
            "uninstall_command": ["return-code=any python -m pip uninstall -y {project}"],
        }  # fmt: skip
        self._config.write_text(json.dumps(settings), encoding="utf-8")
        self._asv("machine", "--yes")

    def ask(self, base: Path, head: Path, workload: str) -> Outcome:
        """Whether performance has decreased; InfrastructureError where it could not run."""
        text = template_of("asv_suite").format(workload=workload, calls=CALLS, root=str(self._root))
        (self._suite / "suite.py").write_text(text, encoding="utf-8")
        commits = [self._commit(tree, name) for tree, name in ((base, "base"), (head, "head"))]
        began = perf_counter()
        done = self._asv("continuous", "--factor", str(FACTOR), "--show-stderr", *commits)
        if done.returncode not in (0, 1) or "failed" in done.stdout.lower():
            raise InfrastructureError(f"asv continuous:\n{(done.stdout + done.stderr)[-2000:]}")
        rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
        alarm = done.returncode == 1
        verdict = "performance decreased" if alarm else "not significantly changed"
        elapsed_s = round(perf_counter() - began, 1)
        return Outcome(verdict, alarm, elapsed_s=elapsed_s, details={"rows": rows[2:]})

    def _commit(self, tree: Path, name: str) -> str:
        sources = Path(project().source).parts[0]
        shutil.rmtree(self._repository / sources, ignore_errors=True)
        shutil.copytree(tree / sources, self._repository / sources)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", name)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        author = ("user.name=proof", "user.email=proof@localhost", "commit.gpgSign=false",
                  f"core.hooksPath={os.devnull}")  # fmt: skip
        return run_git(self._repository, *arguments, settings=author).decode()

    def _asv(self, verb: str, *arguments: str) -> CompletedProcess[str]:
        command = ["-m", "asv", verb, "--config", str(self._config), *arguments]
        return _run_python(command, TMPDIR=str(self._config.parent))


class PytestBenchmark:
    """A saved run of the base, then `--benchmark-compare-fail=median:10%` (and mean) on the head,
    with the `benchmarks` of `root`; `folder` is made, for the test and the saved runs."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root, self._folder = root, folder
        self._folder.mkdir(parents=True)

    def ask(self, base: Path, head: Path, workload: str) -> Outcome:
        """Whether the comparison fails; InfrastructureError where it could not run."""
        storage = self._folder / "storage"
        shutil.rmtree(storage, ignore_errors=True)
        text = template_of("pytest_benchmark").format(workload=workload, calls=CALLS)
        (self._folder / "test_calls.py").write_text(text, encoding="utf-8")
        began = perf_counter()
        self._pytest(base, "--benchmark-save=base")
        fail = f"--benchmark-compare-fail={{}}:{FACTOR - 1:.0%}"
        alarm = self._pytest(
            head, "--benchmark-compare", fail.format("median"), fail.format("mean"),
            "--benchmark-json=head.json",
        )  # fmt: skip
        elapsed_s = round(perf_counter() - began, 1)
        before, after = (
            json.loads(path.read_text(encoding="utf-8"))["benchmarks"][0]["stats"]
            for path in (next(storage.rglob("*.json")), self._folder / "head.json")
        )
        ratios = {name: round(after[name] / before[name], 4) for name in ("min", "median", "mean")}
        verdict = "performance has regressed" if alarm else "passed"
        return Outcome(verdict, alarm, elapsed_s=elapsed_s, details={"ratios": ratios})

    def _pytest(self, tree: Path, *arguments: str) -> bool:
        """Whether it reports that performance has regressed."""
        command = ["-m", "pytest", "-q", "-c", os.devnull, "--rootdir", ".", "-p", "no:randomly",
                   "-p", "no:cacheprovider", "--basetemp", "files", "test_calls.py"]  # fmt: skip
        # Not a URL, although it looks like one: what follows "file://" is used unchanged.
        storage = f"--benchmark-storage=file://{(self._folder / 'storage').as_posix()}"
        path = python_path((tree / project().source).parent, self._root)
        done = _run_python([*command, storage, *arguments], self._folder, PYTHONPATH=path)
        alarm = "Performance has regressed" in done.stdout + done.stderr
        if done.returncode and not alarm:
            raise InfrastructureError(f"pytest-benchmark:\n{done.stdout[-2000:]}")
        return alarm


def _run_python(
    arguments: Sequence[str], folder: Path | None = None, **variables: str
) -> CompletedProcess[str]:
    return run(
        [sys.executable, *arguments], env={**os.environ, **variables}, cwd=folder,
        capture_output=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
