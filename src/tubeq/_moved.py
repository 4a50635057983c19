"""Modules that moved: the old path leads to the new module, with a DeprecationWarning.

One table and one finder, asked only when no module of that name is found. The names that the
original specification fixes import without a warning.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

FIXED_BY_SPECIFICATION = frozenset({"tubeq.plugins.channel_plugin"})
MOVED = {
    f"tubeq.{old}": f"tubeq.{new}"
    for old, new in {
        "plugins.access": "plugins.youtube.access",
        "plugins.addresses": "plugins.youtube.addresses",
        "plugins.channel_plugin": "plugins.youtube.channel",
        "plugins.cookies": "plugins.youtube.cookies",
        "plugins.kinds": "plugins.parameter_types",
        "plugins.listing": "plugins.youtube.listing",
        "plugins.names": "plugins.youtube.names",
        "plugins.playlist_plugin": "plugins.youtube.playlist",
        "plugins.search_plugin": "plugins.youtube.search",
        "plugins.trending_plugin": "plugins.youtube.trending",
        "plugins.video_plugin": "plugins.youtube.video",
        "plugins.youtube_errors": "plugins.youtube.errors",
        "plugins.youtube_plugin": "plugins.youtube.plugin",
        "storage.children_port": "storage.ports.children",
        "storage.items_port": "storage.ports.items",
        "storage.limits_port": "storage.ports.limits",
        "storage.port": "storage.ports.tasks",
    }.items()
}
"""Old path: new path."""


class _MovedFinder:
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname not in MOVED:
            return None
        if fullname not in FIXED_BY_SPECIFICATION:
            warnings.warn(
                f"{fullname} is now {MOVED[fullname]}; the old name goes with the next release",
                DeprecationWarning,
                stacklevel=2,
            )
        # A Loader by its methods; importlib.abc would have to be imported for the name.
        return ModuleSpec(fullname, _MovedLoader())  # type: ignore[arg-type]


class _MovedLoader:
    def create_module(self, spec: ModuleSpec) -> None:  # noqa: ARG002
        return None  # the import system makes one

    def exec_module(self, module: ModuleType) -> None:
        # The import system returns what it finds here afterwards: one module under two names.
        name = module.__name__
        sys.modules[name] = import_module(MOVED[name])


def install() -> None:
    """Let old paths be found, after every other finder."""
    sys.meta_path.append(_MovedFinder())
