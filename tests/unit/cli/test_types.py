"""`tubeq types`, and the help of the commands that are made of them."""

from __future__ import annotations

from importlib import metadata

import pytest

from tests.unit.cli.conftest import Command
from tubeq.cli import scrape
from tubeq.plugins import registry
from tubeq.plugins.parameters import declared


def test_types_with_parameters_and_presets(tubeq: Command) -> None:
    told = tubeq("types", "--json").json
    channel = told["types"]["youtube_channel"]
    assert channel["required"] == ["channel_url"]
    assert channel["properties"]["max_results"] == {
        "type": "integer", "minimum": 1, "maximum": 200_000, "default": 50,
        "description": "At most so many videos, newest first.",
    }  # fmt: skip
    assert told["types"]["anything"] == {}
    assert told["presets"]["youtube_channel.shorts"]["parameters"] == {"tab": "shorts"}
    drawn = tubeq("types").out
    assert "youtube_search.newest" in drawn
    assert "not declared by its plugin" in drawn


def test_a_broken_plugin_does_not_hide_the_others(
    tubeq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = metadata.EntryPoints(
        [
            metadata.EntryPoint("broken", "no_such_module:Plugin", registry.GROUP),
            metadata.EntryPoint("broken.too", "no_such_module:PRESET", registry.PRESET_GROUP),
            metadata.EntryPoint(
                "youtube_video", "tubeq.plugins.youtube.video:YouTubeVideoPlugin", registry.GROUP
            ),
        ]
    )
    monkeypatch.setattr(metadata, "entry_points", lambda **criteria: entries.select(**criteria))
    outcome = tubeq("types", "--json")
    assert list(outcome.json["types"]) == ["youtube_video"]
    assert outcome.err.count("cannot be imported") == 2


@pytest.mark.parametrize("name", ["scrape", "search", "playlist", "video", "trending"])
def test_help_tells_every_parameter_of_the_type(
    tubeq: Command, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    about = getattr(scrape, name)
    parameters = registry.parameters_of(about.task_type)
    assert parameters is not None
    shown = tubeq(name, "--help").out
    for each in declared(parameters):
        assert each.help in shown
        if each.name != about.positional:
            assert "--" + each.name.replace("_", "-") in shown
    assert "200000" in shown or name == "video"
