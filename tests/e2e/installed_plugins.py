"""Plugins that are installed for one test: a distribution in a folder, found by its entry points.

What runs `tubeq` with PYTHONPATH led to that folder finds them before tubeq's own, so that a type
such as youtube_channel can be taken over.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path


def install(
    folder: Path, env: Mapping[str, str], source: str, groups: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Install the module `test_plugins` with this source; the environment that finds it.

    Args:
        groups: entry points, by group and name.
    """
    installed = folder / "installed"
    about = installed / "test_plugins-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: test-plugins\nVersion: 1.0\n")
    lines = []
    for group, names in groups.items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in names.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (installed / "test_plugins.py").write_text(textwrap.dedent(source))
    return {**env, "PYTHONPATH": os.pathsep.join([str(installed), env["PYTHONPATH"]])}
