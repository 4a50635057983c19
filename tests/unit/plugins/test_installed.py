"""What this package itself installs."""

from __future__ import annotations

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.plugins import registry
from tubeq.plugins.parameters import declared

SAMPLES = {
    "youtube_channel": {"channel_url": "@lighthouse"},
    "youtube_playlist": {"playlist": "PL0123456789abcdef"},
    "youtube_search": {"query": "tea"},
    "youtube_trending": {},
    "youtube_video": {"video": "abcdefghijk"},
}


def test_every_plugin_declares_its_parameters() -> None:
    assert registry.plugin_types() == sorted(SAMPLES)
    for task_type, sample in SAMPLES.items():
        assert registry.checker(task_type)(sample) == (task_type, sample)
        parameters = registry.parameters_of(task_type)
        assert parameters is not None
        for each in declared(parameters):
            assert each.help.endswith(".")
            assert each.default is None or each.kind.read(each.default) == each.default


@pytest.mark.parametrize("task_type", SAMPLES)
def test_no_plugin_takes_what_it_does_not_know(task_type: str) -> None:
    for name in ("proxy", "url", "self", "", "\x00"):
        with pytest.raises(InvalidParameters, match="unknown parameter"):
            registry.get_plugin(task_type).scrape(**SAMPLES[task_type], **{name: "x"})


def test_every_preset_is_what_its_type_takes() -> None:
    assert registry.preset_names()
    for name in registry.preset_names():
        preset = registry.get_preset(name)
        assert name.startswith(f"{preset.task_type}.")
        task_type, told = registry.checker(name)(SAMPLES[preset.task_type])
        assert (task_type, told) == (
            preset.task_type,
            {**preset.parameters, **SAMPLES[preset.task_type]},
        )
