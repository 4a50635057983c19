"""Ideas from entries as yt-dlp gives them: what stands in for a fact is none."""

from __future__ import annotations

from typing import Any

import pytest

from tubeq.plugins.ideas import idea_of

VIDEO_ID = "a-b_c0DEF12"
PAGE: dict[str, Any] = {"formats": []}


@pytest.mark.parametrize(
    ("entry", "views", "is_rounded"),
    [
        ({"view_count": 0}, None, False),  # "No views", which hides any number
        ({"view_count": 1}, 1, False),
        ({"view_count": 999}, 999, False),
        ({"view_count": 1_200}, 1_200, True),
        ({"view_count": 17_000_000}, 17_000_000, True),
        ({"view_count": 63_304}, 63_304, False),  # as older layouts list it
        ({"view_count": 7, "live_status": "is_live"}, None, False),
        ({"view_count": 7, "live_status": "was_live"}, 7, False),
        ({**PAGE, "view_count": 0}, 0, False),
        ({**PAGE, "view_count": 17_000_000}, 17_000_000, False),
        ({**PAGE, "view_count": 7, "live_status": "is_live"}, 7, False),
        ({**PAGE, "view_count": 7, "live_status": "is_upcoming"}, None, False),
    ],
)
def test_views(entry: dict[str, Any], views: int | None, is_rounded: bool) -> None:
    idea = idea_of({"id": VIDEO_ID, "title": "Tea", **entry}, now=1.8e9)
    assert idea.views == views
    assert idea.extra.get("views_rounded", False) is is_rounded
