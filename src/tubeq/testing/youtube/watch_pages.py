"""Videos: the page on which they are watched, and the calls that return parts of it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from tubeq.testing.youtube.answers import Answer, Json, RequestKind, json_response, page, text
from tubeq.testing.youtube.models import Video
from tubeq.testing.youtube.problems import UNKNOWN, Problem
from tubeq.testing.youtube.world import World


def page_of(world: World, video_id: str) -> Answer:
    """The HTML page of a video."""
    video = world.find_video(video_id)
    data = page(ytInitialPlayerResponse=_player(video), ytInitialData=_rest(video))
    return Answer(RequestKind.WATCH, video_id, data)


def player(world: World, query: Json) -> Answer:
    """The data of the video itself."""
    video_id = str(query["videoId"])
    data = _player(world.find_video(video_id))
    return Answer(RequestKind.PLAYER, video_id, json_response(data))


def rest(world: World, query: Json) -> Answer:
    """The data around the video."""
    video_id = str(query["videoId"])
    return Answer(RequestKind.NEXT, video_id, json_response(_rest(world.find_video(video_id))))


def _player(video: Video | None) -> Json:
    problem = UNKNOWN if video is None else video.problem
    begins_at = problem.begins_at if problem is not None else None
    if problem is not None and begins_at is not None and begins_at + problem.late_s <= time.time():
        problem = None
    data: Json = {"playabilityStatus": _playability(problem)}
    if video is None or (problem is not None and not problem.gives_details):
        return data
    data["videoDetails"] = {
        "videoId": video.video_id,
        "title": video.title,
        "lengthSeconds": str(video.duration_s),
        "keywords": list(video.tags),
        "channelId": video.channel_id,
        "shortDescription": video.description,
        "viewCount": str(video.views),
        "author": video.byline,
        "isPrivate": False,
        "isLive": video.viewers is not None,
        "isLiveContent": video.viewers is not None or (problem is not None and problem.upcoming),
        "isUpcoming": problem is not None and problem.upcoming,
    }
    data["microformat"] = {"playerMicroformatRenderer": _microformat(video, begins_at)}
    if problem is None:
        # The host is never asked: nothing is downloaded.
        url = f"https://rr1---sn-simulated.googlevideo.com/videoplayback?id={video.video_id}"
        one = {"itag": 18, "url": url, "mimeType": 'video/mp4; codecs="avc1.42001E, mp4a.40.2"'}
        data["streamingData"] = {"expiresInSeconds": "21540", "formats": [one]}
    return data


def _playability(problem: Problem | None) -> Json:
    if problem is None:
        return {"status": "OK", "playableInEmbed": True}
    status: Json = {"status": problem.status}
    if problem.trailer is not None:
        trailer = {"trailerVideoId": problem.trailer}
        return {**status, "errorScreen": {"playerLegacyDesktopYpcTrailerRenderer": trailer}}
    if problem.reason:
        status["reason"] = problem.reason
    if problem.detail:
        message = {"reason": text(problem.reason), "subreason": text(problem.detail)}
        status["errorScreen"] = {"playerErrorMessageRenderer": message}
    return status


def _microformat(video: Video, begins_at: float | None) -> Json:
    live: Json = {}
    if begins_at is not None:
        moment = datetime.fromtimestamp(begins_at, timezone.utc)
        live["liveBroadcastDetails"] = {"startTimestamp": moment.isoformat()}
    return {
        **live,
        "title": {"simpleText": video.title},
        "lengthSeconds": str(video.duration_s),
        "ownerProfileUrl": f"http://www.youtube.com/{video.channel}",
        "externalChannelId": video.channel_id,
        "isFamilySafe": True,
        "isUnlisted": False,
        "availableCountries": ["DE", "FR"],
        "viewCount": str(video.views),
        "category": video.category,
        "uploadDate": published(video).isoformat(),
    }


def published(video: Video) -> datetime:
    """When a video was published: at noon, UTC, of that day."""
    day = datetime.now(timezone.utc) - timedelta(days=video.age_days)
    return day.replace(hour=12, minute=0, second=0, microsecond=0)


def _rest(video: Video | None) -> Json:
    if video is None or (video.problem is not None and not video.problem.gives_details):
        contents: list[Json] = []
    else:
        contents = [
            {"videoPrimaryInfoRenderer": _primary(video)},
            {"videoSecondaryInfoRenderer": _secondary(video)},
            {"itemSectionRenderer": {"contents": [_COMMENTS]}},
        ]
    results = {"results": {"results": {"contents": contents}}}
    return {"contents": {"twoColumnWatchNextResults": results}}


def _primary(video: Video) -> Json:
    like: Json = {"accessibilityText": f"like this video along with {video.likes:,} other people"}
    for name in ("buttonViewModel", "defaultButtonViewModel", "toggleButtonViewModel",
                 "toggleButtonViewModel", "likeButtonViewModel", "likeButtonViewModel",
                 "segmentedLikeDislikeButtonViewModel"):  # fmt: skip
        like = {name: like}
    count = {"viewCount": {"simpleText": f"{video.views:,} views"}}
    return {
        "title": text(video.title),
        "viewCount": {"videoViewCountRenderer": count},
        "dateText": {"simpleText": f"{published(video):%b %d, %Y}"},
        "videoActions": {"menuRenderer": {"topLevelButtons": [like]}},
    }


def _secondary(video: Video) -> Json:
    owner = {"title": text(video.byline)}
    return {"owner": {"videoOwnerRenderer": owner}}


_COMMENTS = {"commentsEntryPointHeaderRenderer": {"commentCount": {"simpleText": "1,234"}}}
