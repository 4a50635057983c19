"""A simulated YouTube: a local HTTPS server that real, unmodified yt-dlp accepts as YouTube.

    world = World()
    world.channel("@lighthouse", videos=120)
    with SimulatedYouTube(world) as server:
        plugin = YouTubeChannelPlugin(proxy=server.proxy_url, ca_file=server.ca_file)
        ideas = plugin.scrape(channel_url="@lighthouse")
        world.fail(faults.http_error(503), request=RequestKind.CONTINUATION, times=2)
        ...
    assert not server.unexpected_hosts

Other processes are directed to it by `env={**os.environ, **server.environment}`. Needs
`cryptography`: pip install 'tubeq[demo]'.
"""

from __future__ import annotations

from tubeq.testing.youtube import faults, problems
from tubeq.testing.youtube.answers import RequestKind
from tubeq.testing.youtube.models import Channel, Playlist, Video
from tubeq.testing.youtube.server import SimulatedYouTube
from tubeq.testing.youtube.world import World

__all__ = [
    "Channel",
    "Playlist",
    "RequestKind",
    "SimulatedYouTube",
    "Video",
    "World",
    "faults",
    "problems",
]
