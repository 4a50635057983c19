"""Task types are entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from tubeq.domain.errors import InvalidParameters, PluginNotFound
from tubeq.plugins import registry
from tubeq.plugins.parameters import Preset
from tubeq.plugins.youtube.channel import ChannelParameters


class Echo:
    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        return [parameters]


LOUD = Preset("echo", "Loudly.", {"volume": 11})


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    here = __name__
    names = {
        "youtube_channel": "tubeq.plugins.youtube.channel:YouTubeChannelPlugin",
        "echo": f"{here}:Echo",
        "broken_module": "no_such_module_anywhere:Plugin",
        "broken_name": f"{here}:NoSuchPlugin",
    }
    entries = [EntryPoint(name, value, registry.GROUP) for name, value in names.items()]
    entries.append(EntryPoint("stranger", "x:Y", "another.group"))
    presets = {
        "youtube_channel.shorts": "tubeq.plugins.youtube.channel:SHORTS",
        "echo.loud": f"{here}:LOUD",
        "echo.broken": f"{here}:NO_SUCH_PRESET",
    }
    entries += [EntryPoint(name, value, registry.PRESET_GROUP) for name, value in presets.items()]

    def entry_points(**criteria: Any) -> EntryPoints:
        return EntryPoints(entries).select(**criteria)

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)


def test_types_are_listed_sorted_even_where_a_plugin_is_broken() -> None:
    assert registry.plugin_types() == ["broken_module", "broken_name", "echo", "youtube_channel"]


def test_a_plugin_is_made_anew_each_time_with_its_settings() -> None:
    first, second = (registry.get_plugin("echo", proxy="http://proxy:1") for _ in range(2))
    assert isinstance(first, Echo)
    assert first.settings == {"proxy": "http://proxy:1"}
    assert first is not second


def test_the_seed_task_type_is_there() -> None:
    assert type(registry.get_plugin("youtube_channel")).__name__ == "YouTubeChannelPlugin"


def test_an_unknown_type_is_answered_with_the_known_ones() -> None:
    with pytest.raises(PluginNotFound) as caught:
        registry.get_plugin("stranger")
    assert caught.value.code == "plugin_not_found"
    assert "stranger" in str(caught.value)
    assert "echo" in str(caught.value)


@pytest.mark.parametrize("task_type", ["broken_module", "broken_name"])
def test_a_plugin_that_cannot_be_imported_says_so(task_type: str) -> None:
    with pytest.raises(PluginNotFound) as caught:
        registry.get_plugin(task_type)
    assert caught.value.code == "plugin_broken"
    assert task_type in str(caught.value)


def test_what_a_type_may_be_told() -> None:
    assert registry.parameters_of("youtube_channel") is ChannelParameters
    assert registry.parameters_of("echo") is None
    with pytest.raises(PluginNotFound):
        registry.parameters_of("stranger")


def test_presets_are_listed_and_found_by_name() -> None:
    assert registry.preset_names() == ["echo.broken", "echo.loud", "youtube_channel.shorts"]
    assert registry.get_preset("echo.loud") is LOUD
    for name, code in (("echo.broken", "plugin_broken"), ("echo.soft", "plugin_not_found")):
        with pytest.raises(PluginNotFound) as caught:
            registry.get_preset(name)
        assert caught.value.code == code


def test_a_task_is_checked_under_its_types_name_or_a_presets() -> None:
    check = registry.checker("youtube_channel.shorts")
    told = {"channel_url": "@a", "tab": "shorts"}
    assert check({"channel_url": "@a"}) == ("youtube_channel", told)
    assert check({"channel_url": "@a", "tab": "streams"})[1]["tab"] == "streams"
    with pytest.raises(InvalidParameters, match="channel_url"):
        check({})
    with pytest.raises(InvalidParameters, match="max_results"):
        registry.checker("youtube_channel")({"channel_url": "@a", "max_results": 0})
    assert registry.checker("echo.loud")({"x": 1}) == ("echo", {"volume": 11, "x": 1})
    assert registry.checker("echo")({"x": 1}) == ("echo", {"x": 1})
    for name in ("stranger", "broken_module", "echo.broken", "a\x00b"):
        with pytest.raises(PluginNotFound):
            registry.checker(name)
