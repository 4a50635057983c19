"""asv finds the benchmarks, in an environment that has tubeq and nothing of the lab's, and runs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.common.project import project

ROOT = Path(__file__).parents[2]
NOT_MEASURED = ("scipy", "numpy", "matplotlib", "hdrh", "pytest", "pytest_benchmark")

_DISCOVER = """
import json, sys
for name in sys.argv[1:]:
    sys.modules[name] = None
from asv_runner.discovery import disc_benchmarks
print(json.dumps(sorted(benchmark.name for benchmark in disc_benchmarks("benchmarks"))))
"""


def found_without(*packages: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _DISCOVER, *packages],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


needs_asv = pytest.mark.skipif(
    importlib.util.find_spec("asv_runner") is None, reason="needs asv, of the group lab"
)


@needs_asv
def test_what_it_finds_where_the_labs_packages_are_missing() -> None:
    """Every module under benchmarks/ is imported for that, so none may need them at its top."""
    names = found_without(*NOT_MEASURED)

    assert {name.partition(".")[0] for name in names} == {"bench_workloads"}
    assert all(name.startswith("bench_workloads.Workloads.track_") for name in names), names
    assert "bench_workloads.Workloads.track_p95_to_reference" in names
    assert not any("second" in name or name.endswith("_ms") for name in names), "an absolute time"


@needs_asv
def test_it_runs_one_here(tmp_path: Path) -> None:
    """With figures of its own folder, and a home in which to note the machine."""
    settings = re.sub(r"^\s*//.*$", "", (ROOT / "asv.conf.json").read_text("utf-8"), flags=re.M)
    changed = {
        **json.loads(settings),
        "repo": str(ROOT),
        "benchmark_dir": str(ROOT / "benchmarks"),
        "results_dir": str(tmp_path / "results"),
        "env_dir": str(tmp_path / "env"),
        "html_dir": str(tmp_path / "html"),
    }
    configured = tmp_path / "asv.conf.json"
    configured.write_text(json.dumps(changed), "utf-8")
    environment = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path),
                   "LAB_PROFILE": "smoke"}  # fmt: skip

    def asv(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "asv", "--config", str(configured), *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    asv("machine", "--yes", "--machine", "tested")
    wanted = ["--machine", "tested", "--python=same", "--quick", "--dry-run"]
    output = asv("run", *wanted, "-b", r"track_(statements|p50_to_reference)\('enqueue'\)")

    ratio, statements = re.findall(r"enqueue\s+([\d.]+)", output)
    assert float(statements) == 1
    assert 0.1 < float(ratio) < 10


@needs_asv
@pytest.mark.timeout(300)
def test_it_measures_without_asvs_git(tmp_path: Path) -> None:
    """What asv starts for each benchmark, with the interpreter that is here: all of it for one
    workload, where no git is to be found."""
    environment = {**os.environ, "LAB_PROFILE": "smoke", "ASV_PYTHONPATH": str(ROOT)}

    def asv_runner(verb: str, track: str, *more: str) -> None:
        name = f"bench_workloads.Workloads.{track}-{project().counted.index('claim-lifo-1e5')}"
        command = [sys.executable, "-m", "asv.benchmark", verb, str(ROOT / "benchmarks"), name]
        said = tmp_path / "said"  # not a pipe, which the desktop that Wine starts here would keep
        with said.open("wb") as stream:
            done = subprocess.run(
                [*command, "{}", *more], cwd=tmp_path, env=environment, check=False,
                stdout=stream, stderr=subprocess.STDOUT,
            )  # fmt: skip
        assert done.returncode == 0, said.read_text("utf-8", "replace")

    def figure(track: str) -> float:
        asv_runner("run", track, "None", "result.json")
        return float(json.loads((tmp_path / "result.json").read_text("utf-8")))

    asv_runner("setup_cache", "track_statements")
    assert figure("track_statements") == 1
    assert 0.1 < figure("track_p50_to_reference") < 10
    assert 0.1 < figure("track_throughput_to_reference") < 10
