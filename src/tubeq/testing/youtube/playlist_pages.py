"""Playlists, page by page."""

from __future__ import annotations

from tubeq.testing.youtube import answers
from tubeq.testing.youtube.answers import (
    Answer,
    Json,
    RequestKind,
    age,
    byline,
    rounded_views,
    text,
)
from tubeq.testing.youtube.faults import alert_data
from tubeq.testing.youtube.models import Playlist, Video
from tubeq.testing.youtube.world import World

PAGE_SIZE = 100
_NO_SUCH = "The playlist does not exist."


def page_of(world: World, playlist_id: str) -> Answer:
    """The HTML page of a playlist."""
    data = answers.page(ytInitialData=_data(world, playlist_id))
    return Answer(RequestKind.PAGE, playlist_id, data)


def data_of(world: World, playlist_id: str) -> Answer:
    """The same as the page, as JSON, and with the videos that the page hides."""
    data = _data(world, playlist_id, hidden=True)
    return Answer(RequestKind.BROWSE, playlist_id, answers.json_response(data))


def resolved(world: World, playlist_id: str) -> Answer:
    """What to browse for the address of a playlist."""
    if world.find_playlist(playlist_id) is None:
        return answers.no_data(RequestKind.RESOLVE)
    endpoint = {"browseEndpoint": {"browseId": f"VL{playlist_id}"}}
    return Answer(RequestKind.RESOLVE, playlist_id, answers.json_response({"endpoint": endpoint}))


def next_of(world: World, playlist_id: str, hidden: bool, offset: int) -> Answer:
    """The next videos of a playlist."""
    playlist = world.find_playlist(playlist_id)
    if playlist is None:
        return answers.no_data(RequestKind.CONTINUATION)
    return answers.appended(playlist_id, _items(playlist, hidden, offset))


def _data(world: World, playlist_id: str, *, hidden: bool = False) -> Json:
    playlist = world.find_playlist(playlist_id)
    if playlist is None or playlist.alert is not None:
        return alert_data(_NO_SUCH if playlist is None else playlist.alert or "")
    videos = {"contents": _items(playlist, hidden, 0), "playlistId": playlist_id}
    section = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": videos}]}}
    tab = {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": tab}]}},
        "metadata": {"playlistMetadataRenderer": {"title": playlist.title}},
        "header": {"playlistHeaderRenderer": {"playlistId": playlist_id, "privacy": "PUBLIC"}},
    }


def _items(playlist: Playlist, hidden: bool, offset: int) -> list[Json]:
    hidden = hidden or playlist.shows_all
    videos = [video for video in playlist.videos if hidden or video.problem is None]
    what = "playlist", playlist.playlist_id, hidden
    return answers.paged(videos, offset, PAGE_SIZE, _renderer, *what)


def _renderer(video: Video) -> Json:
    is_playable = video.problem is None
    title = text(video.title if is_playable else "[Private video]")
    found: Json = {"videoId": video.video_id, "title": title, "isPlayable": is_playable}
    if is_playable:
        about = f"{rounded_views(video.views)} • {age(video.age_days)}"
        found["lengthSeconds"] = str(video.duration_s)
        found["shortBylineText"] = byline(video.byline, video.channel_id, video.channel)
        found["videoInfo"] = text(about)
    return {"playlistVideoRenderer": found}
