"""The error table on yt-dlp alone, and on yt-dlp with every package that it makes use of: with
`requests` it has another HTTP library, with `certifi` other authorities. And on one too old.

Each has an environment of its own, kept beside pytest's cache. yt-dlp's version is named, and its
extras apart from it: asked for `yt-dlp[default]`, a resolver may come up with an older yt-dlp.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = ("tests/e2e/test_error_table.py", "tests/e2e/test_only_youtube_is_asked.py")
TOOLS = ("pytest>=8.3", "pytest-timeout>=2.3", "cryptography>=44", "rich>=13.9")
ALONE = (f"yt-dlp=={metadata.version('yt-dlp')}",)
# As yt-dlp's own extra `default` names them.
OPTIONAL = (
    "requests>=2.32.2,<3", "urllib3>=2.0.2,<3", "certifi", "websockets>=13", "brotli", "mutagen",
    "pycryptodomex",
)  # fmt: skip
INSTALLS = {"alone": ALONE, "with all": (*ALONE, *OPTIONAL)}
PROBE = "from yt_dlp.networking.common import _REQUEST_HANDLERS as found; print(*sorted(found))"
HANDLERS = {"alone": ["Urllib"], "with all": ["Requests", "Urllib", "Websockets"]}
TOO_OLD = """
from tubeq.domain.errors import PluginError
from tubeq.plugins.youtube.channel import YouTubeChannelPlugin
try:
    YouTubeChannelPlugin()
except PluginError as error:
    print(error.code, error)
"""
_PATIENCE_S = 280.0
_KEPT = ROOT / ".pytest_cache" / "installs"

pytestmark = pytest.mark.timeout(300)


def environment(requirements: Sequence[str]) -> Path:
    """The interpreter of a virtual environment with these, and tubeq from its source."""
    key = hashlib.sha256("\n".join([sys.version, str(ROOT), *requirements]).encode()).hexdigest()
    folder = _KEPT / key[:16]
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    if ready.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)])
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
        install = [str(python), "-m", "pip", "install", "--quiet"]
    # Elsewhere, as the project would tell uv which yt-dlp it wants itself.
    _run([*install, *requirements], Path(tempfile.gettempdir()))
    _run([*install, "--no-deps", "--editable", ROOT])
    ready.touch()
    return python


def _run(command: Sequence[str | Path], folder: Path = ROOT) -> str:
    ours = ("PYTHONPATH", "PYTEST_ADDOPTS", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("COV", "PYTEST_", "TUBEQ"))
    }
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=kept, capture_output=True, text=True,
        timeout=_PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


@pytest.mark.parametrize("install", INSTALLS)
def test_the_error_table(tmp_path: Path, install: str) -> None:
    """Every row has the same code, decision and delay there as here."""
    python = environment([*INSTALLS[install], *TOOLS])
    assert _run([python, "-c", PROBE]).split() == HANDLERS[install]
    report = tmp_path / "junit.xml"
    _run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *TABLES])
    (suite,) = ET.parse(report).getroot()
    counts = {name: int(suite.get(name, "0")) for name in ("tests", "skipped", "failures")}
    assert counts["tests"] > 150
    assert (counts["skipped"], counts["failures"]) == (0, 0)


def test_an_old_yt_dlp_does_not_scrape() -> None:
    python = environment(["yt-dlp<2026.7.4"])
    code, _, message = _run([python, "-c", TOO_OLD]).partition(" ")
    assert code == "yt_dlp_too_old"
    assert "pip install" in message
