"""A wheel as a side of a comparison: it is unpacked, and runs where it lies.

It is not installed: its dependencies are the running interpreter's, as they are for a plain folder,
so neither git, nor a repository, nor a network is needed. What could not run is refused before
anything is measured. `packaging` is imported inside functions: asv imports this file without it.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from benchmarks.common.exits import BadInput, in_a_line
from benchmarks.common.project import project


def is_wheel(name: str) -> bool:
    """Whether a side's name is that of a wheel's file."""
    return name.endswith(".whl")


def check_wheel(path: Path) -> Message:
    """The wheel's metadata; BadInput where it cannot be read, is of another project, or does not
    run in this interpreter."""
    from packaging.tags import sys_tags
    from packaging.utils import canonicalize_name, parse_wheel_filename

    try:
        name, _, _, tags = parse_wheel_filename(path.name)
        with ZipFile(path) as archive:
            inside = archive.namelist()
            described = "-".join(path.name.split("-")[:2]) + ".dist-info/METADATA"
            metadata = Parser().parsestr(archive.read(described).decode("utf-8"))
        unmet = ", ".join(_unmet(metadata))
    except FileNotFoundError:
        raise BadInput(f"there is no wheel {path}") from None
    except (OSError, BadZipFile, ValueError, KeyError, RuntimeError) as error:
        raise BadInput(f"{path} is not a wheel: {in_a_line(error)}") from None
    if name != canonicalize_name(project().name):
        raise BadInput(f"{path} is a wheel of {name}, and {project().name} is measured here")
    if not any(each.startswith(f"{project().package}/") for each in inside):
        raise BadInput(f"there is no {project().package} in {path}")
    here = f"{platform.python_implementation()} {platform.python_version()}"
    if tags.isdisjoint(sys_tags()):
        meant = " or ".join(sorted(map(str, tags)))
        where = f"{here} on {platform.system()} {platform.machine()}"
        raise BadInput(f"{path} is for {meant}, and does not run in {where}")
    if unmet:
        raise BadInput(f"{path} needs {unmet}, which {here} here has not: install that, since a "
                       "wheel runs with the packages that are installed")  # fmt: skip
    return metadata


def unpack_wheel(path: Path, metadata: Message, tree: Path) -> None:
    """Fill a folder as a repository has it: the package at `source`, and its dependencies, which
    also tell packages apart (records/packages.py), in a pyproject.toml."""
    needs = metadata.get_all("Requires-Dist", [])
    named = json.dumps([each for each in needs if "extra ==" not in each])
    (tree / "pyproject.toml").write_text(f"[project]\ndependencies = {named}\n", encoding="utf-8")
    with ZipFile(path) as archive:
        archive.extractall(tree / Path(project().source).parent)


def _unmet(metadata: Message) -> Iterator[str]:
    """What it needs of the running interpreter and does not find."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    python = SpecifierSet(metadata.get("Requires-Python", ""))
    if not python.contains(platform.python_version(), prereleases=True):
        yield f"Python {python}"
    for each in map(Requirement, metadata.get_all("Requires-Dist", [])):
        extras = ({"extra": extra} for extra in ("", *project().extras))
        if each.marker is None or any(map(each.marker.evaluate, extras)):
            try:
                is_met = each.specifier.contains(version(each.name), prereleases=True)
            except PackageNotFoundError:
                is_met = False
            if not is_met:
                yield f"{each.name}{each.specifier}"
