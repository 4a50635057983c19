"""Channels: their tabs, page by page."""

from __future__ import annotations

from tubeq.testing.youtube import answers
from tubeq.testing.youtube.answers import Answer, Json, RequestKind, age, clock, rounded_views, text
from tubeq.testing.youtube.faults import alert_data
from tubeq.testing.youtube.models import Channel, Video
from tubeq.testing.youtube.world import World

PAGE_SIZE = 30
_PREFIXES = ("channel", "c", "user")
_TITLES = {"videos": "Videos", "shorts": "Shorts", "streams": "Live"}


def page_of(world: World, segments: list[str]) -> Answer:
    """The HTML page of a channel's tab."""
    channel = _find(world, segments)
    if channel is None:
        return answers.no_page(RequestKind.PAGE)
    data = answers.page(ytInitialData=_data(channel, _tab_name(segments)))
    return Answer(RequestKind.PAGE, channel.handle.lower(), data)


def resolved(world: World, segments: list[str]) -> Answer:
    """What to browse for the address of a tab."""
    channel = _find(world, segments)
    if channel is None:
        return answers.no_data(RequestKind.RESOLVE)
    endpoint = {"browseEndpoint": {"browseId": channel.channel_id, "params": _tab_name(segments)}}
    response = answers.json_response({"endpoint": endpoint})
    return Answer(RequestKind.RESOLVE, channel.handle.lower(), response)


def data_of(world: World, channel_id: str, tab: str) -> Answer:
    """The same as the page, as JSON."""
    channel = world.find(channel_id)
    if channel is None:
        return answers.no_data(RequestKind.BROWSE)
    data = answers.json_response(_data(channel, tab))
    return Answer(RequestKind.BROWSE, channel.handle.lower(), data)


def next_of(world: World, channel_id: str, tab: str, offset: int) -> Answer:
    """The next videos of a tab."""
    channel = world.find(channel_id)
    if channel is None:
        return answers.no_data(RequestKind.CONTINUATION)
    return answers.appended(channel.handle.lower(), _items(channel, tab, offset))


def _find(world: World, segments: list[str]) -> Channel | None:
    return world.find("/".join(segments[1:2]) if segments[0] in _PREFIXES else segments[0])


def _tab_name(segments: list[str]) -> str:
    return segments[-1] if segments[-1] in _TITLES else "videos"


def _data(channel: Channel, wanted: str) -> Json:
    if channel.alert is not None:
        return alert_data(channel.alert)
    if channel.moved_to is not None:
        there = {"commandMetadata": {"webCommandMetadata": {"url": f"/{channel.moved_to}"}}}
        return {"onResponseReceivedActions": [{"navigateAction": {"endpoint": there}}]}
    name = channel.title or channel.handle.removeprefix("@")
    # Without videos there is no such tab: a request for it gets the home tab.
    there_are = [tab for tab in _TITLES if channel.tab(tab)]
    tabs = [_tab(channel, "Home", "featured", None if wanted in there_are else [])]
    for tab in there_are:
        items = _items(channel, tab, 0) if tab == wanted else None
        tabs.append(_tab(channel, _TITLES[tab], tab, items))
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": tabs}},
        "metadata": {
            "channelMetadataRenderer": {
                "title": name,
                "externalId": channel.channel_id,
                "vanityChannelUrl": f"http://www.youtube.com/{channel.handle}",
            }
        },
        "header": {"pageHeaderRenderer": {"pageTitle": name}},
    }


def _tab(channel: Channel, title: str, name: str, items: list[Json] | None) -> Json:
    """A tab; the selected one is the one with items."""
    url = f"/{channel.handle}/{name}"
    tab: Json = {
        "title": title,
        "endpoint": {"commandMetadata": {"webCommandMetadata": {"url": url}}},
    }
    if items is not None:
        tab |= {"selected": True, "content": {"richGridRenderer": {"contents": items}}}
    return {"tabRenderer": tab}


def _items(channel: Channel, tab: str, offset: int) -> list[Json]:
    shape = _video_renderer if channel.old_layout else _short if tab == "shorts" else _lockup

    def item(video: Video) -> Json:
        return {"richItemRenderer": {"content": shape(video)}}

    videos = channel.tab(tab)
    return answers.paged(videos, offset, PAGE_SIZE, item, "channel", channel.channel_id, tab)


def _lockup(video: Video) -> Json:
    count, when, length = rounded_views(video.views), age(video.age_days), clock(video.duration_s)
    style = "THUMBNAIL_OVERLAY_BADGE_STYLE_DEFAULT"
    if video.viewers is not None:  # for a live video, viewers are counted
        count, when, length = rounded_views(video.viewers, "watching"), "Started today", "LIVE"
        style = "THUMBNAIL_OVERLAY_BADGE_STYLE_LIVE"
    elif video.problem is not None and video.problem.upcoming:
        count, when, length = "1.2K waiting", "Premieres 12/31/2030, 5:00 PM", "UPCOMING"
    parts: list[Json] = [
        {"text": {"content": count}},
        {"text": {"content": when}, "accessibilityLabel": when},
    ]
    badge = {"thumbnailBadgeViewModel": {"text": length, "badgeStyle": style}}
    overlay = {"thumbnailBottomOverlayViewModel": {"badges": [badge]}}
    rows = {"contentMetadataViewModel": {"metadataRows": [{"metadataParts": parts}]}}
    return {
        "lockupViewModel": {
            "contentId": video.video_id,
            "contentType": "LOCKUP_CONTENT_TYPE_VIDEO",
            "contentImage": {"thumbnailViewModel": {"overlays": [overlay]}},
            "metadata": {
                "lockupMetadataViewModel": {"title": {"content": video.title}, "metadata": rows}
            },
        }
    }


def _short(video: Video) -> Json:
    """A short, without age and length."""
    return {
        "shortsLockupViewModel": {
            "entityId": f"shorts-shelf-item-{video.video_id}",
            "overlayMetadata": {
                "primaryText": {"content": video.title},
                "secondaryText": {"content": rounded_views(video.views)},
            },
            "onTap": {"innertubeCommand": {"reelWatchEndpoint": {"videoId": video.video_id}}},
        }
    }


def _video_renderer(video: Video) -> Json:
    return {
        "videoRenderer": {
            "videoId": video.video_id,
            "title": text(video.title),
            "descriptionSnippet": text(video.description),
            "lengthText": {"simpleText": clock(video.duration_s)},
            "viewCountText": {"simpleText": f"{video.views:,} views"},
            "publishedTimeText": {"simpleText": age(video.age_days)},
        }
    }
