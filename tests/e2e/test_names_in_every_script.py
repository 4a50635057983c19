"""Channels whose names are in any script: found, stored and limited under one name."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

import pytest

from tests.e2e.command_line import Tubeq
from tests.e2e.conftest import Scrape
from tubeq.plugins.youtube.channel import ChannelParameters
from tubeq.testing.youtube import World

# ruff: noqa: RUF001 - letters of other scripts are what this is about

HANDLES = {
    "Thai": "@ไทยรัฐ",
    "Hindi": "@हिन्दी",
    "Bengali": "@বাংলা",
    "Tamil": "@தமிழ்",
    "Khmer": "@ខ្មែរ",
    "Arabic": "@الجزيرة",
    "Arabic with vowels": "@مُحَمَّد",
    "Persian with a joiner": "@می\u200cخواهم",
    "Hebrew": "@חדשות12",
    "Chinese": "@中村悠一のあそびば",
    "Korean": "@으아-v1k",
    "Cyrillic": "@работа.в_москве",
    "Vietnamese": "@tiếngviệt",
    "Spanish": "@josé",
    "middle dot": "@xarxa·cat",
    "Greek": "@ελλάδα",
}


@pytest.mark.parametrize("handle", HANDLES.values(), ids=HANDLES.keys())
def test_a_handle_in_each_of_its_spellings(scrape: Scrape, world: World, handle: str) -> None:
    world.channel(handle, 2)
    decomposed = unicodedata.normalize("NFD", handle)
    spellings = [
        handle, decomposed, quote(handle), quote(decomposed), quote(handle, safe="@"),
        f"https://www.youtube.com/{handle}", f"youtube.com/{quote(handle)}/videos",
        f"\u200f{handle}\u200e", f"<https://www.youtube.com/{decomposed}>", handle.upper(),
    ]  # fmt: skip
    keys = {ChannelParameters.of({"channel_url": each}).limit_key for each in spellings}
    assert keys == {f"channel:{handle}"}
    for spelling in (decomposed, quote(handle)):
        ideas = scrape("youtube_channel", channel_url=spelling)
        assert {idea.extra["handle"] for idea in ideas} == {handle}
        assert len(ideas) == 2


@pytest.mark.parametrize("form", ["c/{}", "user/{}", "{}", "{}/videos"])
def test_old_names_too(scrape: Scrape, world: World, form: str) -> None:
    world.channel("@বাংলা", 2)
    for name in ("বাংলা", quote("বাংলা")):
        address = f"https://www.youtube.com/{form.format(name)}"
        assert len(scrape("youtube_channel", channel_url=address)) == 2


@pytest.mark.parametrize("handle", HANDLES.values(), ids=HANDLES.keys())
def test_the_handle_of_a_videos_page_is_the_whole_one(
    scrape: Scrape, world: World, handle: str
) -> None:
    video = world.channel(handle, 1).videos[0]
    (idea,) = scrape("youtube_video", video=video.video_id)
    assert idea.extra["handle"] == handle


def test_an_address_of_a_tab_means_the_tab(scrape: Scrape, world: World) -> None:
    world.channel("@lighthouse", 1, shorts=2, streams=3)
    address = "https://www.youtube.com/@lighthouse"
    counts = {
        tab: len(scrape("youtube_channel", channel_url=f"{address}/{tab}"))
        for tab in ("about", "videos", "shorts", "streams", "live")
    }
    assert counts == {"about": 1, "videos": 1, "shorts": 2, "streams": 3, "live": 3}


@pytest.mark.integration
def test_the_command_line_finds_what_it_stored(tubeq: Tubeq, world: World) -> None:
    world.channel("@ÉcoleÀlaMode", 2)
    given = unicodedata.normalize("NFD", "@ÉcoleÀlaMode")
    tubeq("scrape", given, "--json")
    (task,) = tubeq.tasks()
    assert task.parameters == {"channel_url": "@ÉcoleÀlaMode"}
    for name in ("@ÉcoleÀlaMode", given, "@écoleàlamode", "@ÉCOLEÀLAMODE", quote("@ÉcoleÀlaMode")):
        assert len(tubeq.json("items", "--channel", name)) == 2, name
