"""Which versions of yt-dlp may scrape."""

from __future__ import annotations

import pytest

from tubeq.domain.errors import PluginError
from tubeq.plugins.youtube.ytdlp_version import check_version, installed_version, version_problem


@pytest.mark.parametrize(
    "version",
    ["2026.7.4", "2026.07.04", "2026.10.21", "2026.10.26.232900.dev0", "2027.1.1", "2026.7.4+mine"],
)
def test_new_enough(version: str) -> None:
    assert version_problem(version) is None
    check_version(version)


@pytest.mark.parametrize(
    "version", ["2026.7.3", "2026.06.30", "2025.12.31", "2021.01.01", "2026.7.3.9"]
)
def test_too_old(version: str) -> None:
    with pytest.raises(PluginError, match="known security holes") as caught:
        check_version(version)
    assert caught.value.code == "yt_dlp_too_old"
    assert "pip install 'yt-dlp>=2026.7.4'" in str(caught.value)


@pytest.mark.parametrize("version", ["", "nightly", "26.10.26", "2026.10", "\u0662026.10.26"])
def test_unknown(version: str) -> None:
    assert "not a version" in str(version_problem(version))


def test_missing() -> None:
    assert "not installed" in str(version_problem(None))


def test_the_installed_one_is_new_enough() -> None:
    check_version(installed_version())
