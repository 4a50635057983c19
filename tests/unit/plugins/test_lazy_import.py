"""yt-dlp takes 0.2 to 0.4 s to import: nobody who does not scrape pays for it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from tubeq.plugins import base, channel_plugin, registry, youtube
plugin = channel_plugin.YouTubeChannelPlugin(proxy="http://127.0.0.1:1")
try:
    plugin.scrape(max_results=5)
except Exception as error:
    assert "channel_url" in str(error)
plugin.close()
registry.plugin_types()
sys.exit("yt_dlp" in sys.modules)
"""


def test_only_a_scrape_imports_yt_dlp() -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM], check=False, timeout=60).returncode == 0
