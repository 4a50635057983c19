"""How many processes run the tests: one a core, by pytest-xdist, which `addopts` in pyproject.toml
ask for; this one alone where it is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    if not pluginmanager.hasplugin("xdist"):
        parser.addoption("--numprocesses", help="without effect: pytest-xdist is not installed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """None leaves it to pytest-xdist.

    A single file is sooner done by one process; benchmarks measure, and would measure each other.
    """
    paths = {Path(argument.partition("::")[0]) for argument in config.args}
    is_one_file = len(paths) == 1 and all(path.is_file() for path in paths)
    measures = any("benchmarks" in path.parts for path in paths)
    return 0 if is_one_file or measures else None
