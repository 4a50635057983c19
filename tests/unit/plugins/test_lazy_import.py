"""yt-dlp takes 0.2 to 0.4 s to import: nobody who does not scrape pays for it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from tubeq.plugins import base, registry
from tubeq.plugins.youtube import channel as channel_plugin
from tubeq.plugins.youtube import client as youtube
plugin = channel_plugin.YouTubeChannelPlugin(proxy="http://127.0.0.1:1")
try:
    plugin.scrape(max_results=5)
except Exception as error:
    assert "channel_url" in str(error)
plugin.close()
for task_type in registry.plugin_types():
    assert registry.parameters_of(task_type) is not None
    registry.get_plugin(task_type).close()
for name in registry.preset_names():
    registry.get_preset(name)
sys.exit("yt_dlp" in sys.modules)
"""
COMMAND_LINE = """
import sys
from tubeq.cli.main import run
from tubeq.plugins import registry
registry.plugin_types(), registry.preset_names()
run(["--help"])
sys.exit(any(name.endswith("_plugin") for name in sys.modules))
"""


def test_only_a_scrape_imports_yt_dlp() -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM], check=False, timeout=60).returncode == 0


def test_no_plugin_is_imported_before_it_is_asked_for() -> None:
    run = subprocess.run([sys.executable, "-c", COMMAND_LINE], check=False, timeout=60)
    assert run.returncode == 0
