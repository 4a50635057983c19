"""Every workload by name. A module of this package lists its own in WORKLOADS."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from benchmarks.workloads.base import Lacks, Profile, Sample, Workload


def all_workloads() -> dict[str, Workload]:
    """All workloads by name, in the order of their modules."""
    found: dict[str, Workload] = {}
    for module in sorted(iter_modules(__path__), key=lambda each: each.name):
        workloads = getattr(import_module(f"{__name__}.{module.name}"), "WORKLOADS", ())
        found.update({workload.name: workload for workload in workloads})
    return found


__all__ = ["Lacks", "Profile", "Sample", "Workload", "all_workloads"]
