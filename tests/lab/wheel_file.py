"""A small wheel for a test, written as the format says: a builder would need a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile


def write_wheel(
    folder: Path,
    files: Mapping[str, str],
    *,
    name: str = "other",
    tag: str = "py3-none-any",
    metadata: str = "",
) -> Path:
    """The wheel of version 1, with these files; `metadata` are further lines of its METADATA."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1-{tag}.whl"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
    described = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
    with ZipFile(path, "w") as archive:
        for each, text in files.items():
            archive.writestr(each, text)
        archive.writestr(f"{name}-1.dist-info/METADATA", head + metadata)
        archive.writestr(f"{name}-1.dist-info/WHEEL", described)
    return path
