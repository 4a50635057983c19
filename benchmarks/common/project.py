"""What is measured, as defined only in the repository's `lab.toml`.

    name       the package as pip knows it
    source     its folder
    extras     extras that are installed with it
    workloads  the module whose WORKLOADS lists them, or a package of such modules
    counted    workloads whose instructions are counted for every package
    timed      workloads whose time `compare` and `gate` measure unless others are named
    main       the branch that others are compared with
    results    the folder of stored results
    targets    the file of limits; "" for none
    also       further files and folders whose change makes a new package; `source` and the
               dependencies in pyproject.toml always do

A command finds it in the current folder or above, or is given `--project FOLDER`; processes that it
starts find it by the variable LAB_PROJECT. Without either (asv, pytest) it is the lab's own
project. Only the standard library is used here: asv imports this file in the environment of an
older commit.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from re import fullmatch
from typing import Any

from benchmarks.common.exits import BadInput, InfrastructureError

FILE = "lab.toml"
LAB = Path(__file__).resolve().parents[2]
"""The folder that `benchmarks` is imported from."""
_VARIABLE = "LAB_PROJECT"


@dataclass(frozen=True)
class Project:
    """The keys of lab.toml, see above, and the folder that it is in."""

    root: Path
    name: str
    source: str
    workloads: str
    counted: tuple[str, ...]
    timed: tuple[str, ...]
    extras: tuple[str, ...] = ()
    main: str = "main"
    results: str = "results"
    targets: str = ""
    also: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """The name that is imported."""
        return Path(self.source).name

    @property
    def requirement(self) -> str:
        """The package with its extras, as pip writes it: "name[extra]"."""
        return f"{self.name}[{','.join(self.extras)}]" if self.extras else self.name


def choose(folder: Path | None = None) -> None:
    """Find the project for this process and those that it starts: in the folder, or (None) in the
    current one or the nearest above; BadInput where there is no lab.toml."""
    here = (folder or Path.cwd()).resolve()
    ways = [here] if folder else [here, *here.parents]
    found = next((each for each in ways if (each / FILE).is_file()), None)
    if found is None:
        where = f"in {here}" if folder else f"in {here} or above"
        raise BadInput(
            f"there is no {FILE} {where}: go to the repository, or give --project FOLDER "
            f"(docs/lab-elsewhere.md says how to write one)"
        )
    os.environ.pop(_VARIABLE, None)
    if found != LAB:
        os.environ[_VARIABLE] = str(found)
    project.cache_clear()


def root() -> Path:
    """The repository's folder; found without reading lab.toml."""
    return Path(os.environ.get(_VARIABLE) or LAB)


def lab_folder() -> Path:
    """The folder for all that can be regenerated; git ignores it."""
    return root() / ".lab"


@cache
def project() -> Project:
    """What lab.toml says; BadInput where it cannot be read, or a key is missing, unknown or not
    valid."""
    path = root() / FILE
    try:
        lines = parse_toml(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {error}") from None
    known = {each.name: each for each in fields(Project) if each.name != "root"}
    found: dict[str, Any] = {}
    for name, value in lines.items():
        if name not in known:
            raise BadInput(f"{path}: there is no {name!r}; there are {', '.join(known)}")
        is_list = "tuple" in str(known[name].type)
        strings = value if is_list and isinstance(value, list) else [value]
        if isinstance(value, list) is not is_list or not all(isinstance(s, str) for s in strings):
            raise BadInput(f"{path}: {name} is a {'list of strings' if is_list else 'string'}")
        found[name] = tuple(value) if is_list else value
    for name, each in known.items():
        if each.default is MISSING and not found.get(name):
            raise BadInput(f"{path}: {name} is missing")
    if not fullmatch(r"[A-Za-z0-9][\w.-]*", found["name"]):
        raise BadInput(f"{path}: name = {found['name']!r} is not the name of a package")
    found["source"] = PurePosixPath(found["source"]).as_posix()
    inside = root() / found["source"]
    if ".." in inside.parts or not inside.is_dir() or root() not in inside.parents:
        raise BadInput(f"{path}: source = {found['source']!r} is not a folder of this repository")
    return Project(root(), **found)


def parse_toml(text: str) -> dict[str, Any]:
    """A TOML document; ValueError where it is not one, InfrastructureError without a parser."""
    for name in ("tomllib", "tomli"):
        with suppress(ImportError):
            parsed: dict[str, Any] = import_module(name).loads(text)
            return parsed
    raise InfrastructureError("reading TOML needs Python 3.11 or tomli: uv sync --group lab")
