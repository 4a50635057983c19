"""Every scenario by name. A module of this package lists its own in SCENARIOS."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from benchmarks.scenarios.base import Lacks, Profile, Sample, Scenario


def all_scenarios() -> dict[str, Scenario]:
    """All scenarios by name, in the order of their modules."""
    found: dict[str, Scenario] = {}
    for module in sorted(iter_modules(__path__), key=lambda each: each.name):
        scenarios = getattr(import_module(f"{__name__}.{module.name}"), "SCENARIOS", ())
        found.update({scenario.name: scenario for scenario in scenarios})
    return found


__all__ = ["Lacks", "Profile", "Sample", "Scenario", "all_scenarios"]
