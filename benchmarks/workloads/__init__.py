"""The workloads of the project by name. A module lists its own in WORKLOADS."""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules

from benchmarks.common.exits import BadInput
from benchmarks.common.options import check_names
from benchmarks.common.project import FILE, LAB, project, root
from benchmarks.workloads.base import Lacks, Profile, Sample, Workload


def all_workloads() -> dict[str, Workload]:
    """All workloads by name, in the order of their modules.

    Raises:
        BadInput: the module that lab.toml names cannot be imported, or lists none.
    """
    name = project().workloads
    if root() != LAB:  # last: an installed package takes precedence over the work tree's
        folders = (root(), (root() / project().source).parent)
        sys.path += [str(each) for each in folders if str(each) not in sys.path]
    try:
        named = import_module(name)
        below = sorted(each.name for each in iter_modules(getattr(named, "__path__", ())))
        modules = [named, *(import_module(f"{name}.{each}") for each in below)]
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise BadInput(f"{FILE}: workloads = {name!r} cannot be imported: {why}") from error
    found = {each.name: each for module in modules for each in getattr(module, "WORKLOADS", ())}
    if not found:
        raise BadInput(f"{FILE}: workloads = {name!r}: no WORKLOADS = (...) in it")
    for key, names in (("counted", project().counted), ("timed", project().timed)):
        check_names(f"workload for {FILE}'s {key}:", names, found)
    return found


__all__ = ["Lacks", "Profile", "Sample", "Workload", "all_workloads"]
