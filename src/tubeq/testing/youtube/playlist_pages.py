"""Playlists, page by page."""

from __future__ import annotations

from tubeq.testing.youtube.answers import (
    Answer,
    Json,
    RequestKind,
    age,
    alert,
    byline,
    continuation,
    json_response,
    no_data,
    page,
    rounded_views,
    text,
)
from tubeq.testing.youtube.models import Playlist, Video
from tubeq.testing.youtube.world import World

PAGE_SIZE = 100
_NO_SUCH = "The playlist does not exist."


def page_of(world: World, playlist_id: str) -> Answer:
    """The HTML page of a playlist."""
    return Answer(RequestKind.PAGE, playlist_id, page(ytInitialData=_data(world, playlist_id)))


def data_of(world: World, playlist_id: str) -> Answer:
    """The same as the page, as JSON, and with the videos that the page hides."""
    data = _data(world, playlist_id, hidden=True)
    return Answer(RequestKind.BROWSE, playlist_id, json_response(data))


def resolved(world: World, playlist_id: str) -> Answer:
    """What to browse for the address of a playlist."""
    if world.find_playlist(playlist_id) is None:
        return no_data(RequestKind.RESOLVE)
    endpoint = {"browseEndpoint": {"browseId": f"VL{playlist_id}"}}
    return Answer(RequestKind.RESOLVE, playlist_id, json_response({"endpoint": endpoint}))


def next_of(world: World, playlist_id: str, hidden: bool, offset: int) -> Answer:
    """The next videos of a playlist."""
    playlist = world.find_playlist(playlist_id)
    if playlist is None:
        return no_data(RequestKind.CONTINUATION)
    items = _items(playlist, hidden, offset)
    action = {"appendContinuationItemsAction": {"continuationItems": items}}
    response = json_response({"onResponseReceivedActions": [action]})
    return Answer(RequestKind.CONTINUATION, playlist_id, response)


def _data(world: World, playlist_id: str, *, hidden: bool = False) -> Json:
    playlist = world.find_playlist(playlist_id)
    if playlist is None or playlist.alert is not None:
        return alert(_NO_SUCH if playlist is None else playlist.alert or "")
    videos = {"contents": _items(playlist, hidden, 0), "playlistId": playlist_id}
    section = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": videos}]}}
    tab = {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": tab}]}},
        "metadata": {"playlistMetadataRenderer": {"title": playlist.title}},
        "header": {"playlistHeaderRenderer": {"playlistId": playlist_id, "privacy": "PUBLIC"}},
    }


def _items(playlist: Playlist, hidden: bool, offset: int) -> list[Json]:
    """One page of videos, and the token for the next where there is one."""
    hidden = hidden or playlist.shows_all
    videos = [video for video in playlist.videos if hidden or video.problem is None]
    end = offset + PAGE_SIZE
    items = [_renderer(video) for video in videos[offset:end]]
    if end < len(videos):
        items.append(continuation("playlist", playlist.playlist_id, hidden, end))
    return items


def _renderer(video: Video) -> Json:
    if video.problem is not None:
        return {
            "playlistVideoRenderer": {
                "videoId": video.video_id,
                "title": text("[Private video]"),
                "isPlayable": False,
            }
        }
    about = f"{rounded_views(video.views)} • {age(video.age_days)}"
    return {
        "playlistVideoRenderer": {
            "videoId": video.video_id,
            "title": text(video.title),
            "lengthSeconds": str(video.duration_s),
            "shortBylineText": byline(video.byline, video.channel_id, video.channel),
            "videoInfo": text(about),
            "isPlayable": True,
        }
    }
