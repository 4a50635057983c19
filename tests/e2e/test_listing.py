"""Long listings over real sockets: they stream, and they go on where an earlier attempt stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tubeq import TransientError
from tubeq.domain.errors import ClaimLost, PermanentError
from tubeq.plugins.base import running
from tubeq.plugins.saving import Collected, collecting
from tubeq.testing.youtube import RequestKind, faults
from tubeq.testing.youtube.answers import continuation

CHANNEL, PLAYLIST, SEARCH = "youtube_channel", "youtube_playlist", "youtube_search"
LIST_ID = "PLarchive0123456789"
SOURCES = {
    CHANNEL: {"channel_url": "@archive"},
    PLAYLIST: {"playlist": LIST_ID},
    SEARCH: {"query": "archive"},
}
PAGE_SIZES = {CHANNEL: 30, PLAYLIST: 100, SEARCH: 20}
# As few as show it: more than the four batches before a failure. yt-dlp takes 5 ms for each.
COUNTS = {CHANNEL: 200, PLAYLIST: 350, SEARCH: 130}
COUNT = COUNTS[CHANNEL]
MOST = 500
"""More than there are, and as many as a listing may return that does not stream."""


@pytest.fixture(autouse=True)
def archive(world):
    world.channel("@archive", COUNT)
    world.playlist(LIST_ID, COUNTS[PLAYLIST])
    world.query("archive", COUNTS[SEARCH])
    return world


class InBatches(Collected):
    """Remembers each save, and may fail."""

    def __init__(self, cursor=None, fail_at=None, known=()):
        super().__init__(cursor)
        self.sizes = []
        self._fail_at = fail_at
        self.ideas.update(known)

    def save(self, ideas, tasks, cursor):
        if len(self.sizes) == self._fail_at:
            raise ClaimLost("task", 1)
        ideas = list(ideas)
        self.sizes.append(len(ideas))
        return super().save(ideas, tasks, cursor)


def run(scrape, saver, task_type=CHANNEL, **parameters):
    with running(lambda: None, saver):
        return scrape(task_type, **SOURCES[task_type], **{"enrich": True, **parameters})


def cut_off(scrape, task_type=CHANNEL):
    """An attempt that lost its claim after four saves."""
    saver = InBatches(fail_at=4)
    with pytest.raises(ClaimLost):
        run(scrape, saver, task_type, max_results=MOST)
    return saver


def go_on(scrape, after, task_type=CHANNEL):
    """The next attempt, which ends well."""
    again = InBatches(after.cursor(), known=after.ideas)
    run(scrape, again, task_type, max_results=MOST)
    return again


@pytest.mark.parametrize("task_type", SOURCES)
def test_a_listing_saves_ideas_and_a_task_for_each(scrape, task_type):
    saver = InBatches()
    wanted = COUNTS[task_type] - 17
    assert run(scrape, saver, task_type, max_results=wanted) == []
    assert len(saver.ideas) == len(saver.tasks) == wanted
    flat = scrape(task_type, **SOURCES[task_type], max_results=wanted)
    assert list(saver.ideas) == [idea.source_id for idea in flat]
    assert {idea.title for idea in saver.ideas.values()} == {idea.title for idea in flat}
    for source_id, task in saver.tasks.items():
        assert (task.task_type, task.parameters) == ("youtube_video", {"video": source_id})
    assert saver.sizes[0] == 1  # the first one at once
    assert sum(saver.sizes) == wanted


@pytest.mark.parametrize("task_type", SOURCES)
def test_streaming_asks_for_no_more_pages_than_a_list_does(scrape, task_type):
    pages = 2 * PAGE_SIZES[task_type]
    scrape(task_type, **SOURCES[task_type], max_results=pages)
    listed = scrape.requests
    run(scrape, InBatches(), task_type, max_results=pages)
    assert scrape.requests == listed


@pytest.mark.parametrize("task_type", SOURCES)
def test_an_attempt_goes_on_where_the_last_one_stopped(scrape, task_type):
    whole = [idea.source_id for idea in scrape(task_type, **SOURCES[task_type], max_results=MOST)]
    first = cut_off(scrape, task_type)
    stored = len(first.ideas)
    assert PAGE_SIZES[task_type] < stored < COUNTS[task_type]
    assert list(go_on(scrape, first, task_type).ideas) == whole
    # Only the pages that were not saved, and the first one, which yt-dlp cannot do without.
    asked_again = scrape.requests[RequestKind.CONTINUATION]
    pages = -(-COUNTS[task_type] // PAGE_SIZES[task_type])
    assert asked_again == pages - stored // PAGE_SIZES[task_type]


def test_what_was_published_meanwhile_is_found_as_well(scrape, world):
    first = cut_off(scrape)
    before = list(first.ideas)
    new = world.channel("@elsewhere", 2).videos
    channel = world.find("@archive")
    world._add(replace(channel, videos=(*new, *channel.videos)))
    again = go_on(scrape, first)
    assert len(again.ideas) == COUNT + 2
    assert {video.video_id for video in new} <= set(again.ideas)
    assert before == list(again.ideas)[: len(before)]


@pytest.mark.parametrize(
    ("fault", "code", "after"),
    [
        (faults.http_error(429), "http_429", 0),
        (faults.http_error(429), "http_429", 1),
        (faults.http_error(429), "http_429", 4),
        (faults.redirect("https://elsewhere.example/"), "unsafe_redirect", 4),
        (faults.gzip_bomb(20), "too_large", 4),
    ],
    ids=["429 at page 2", "429 at page 3", "429 at page 6", "redirect", "bomb"],
)
def test_a_failed_page_keeps_what_came_before(scrape, world, fault, code, after):
    world.fail(fault, request=RequestKind.CONTINUATION, after=after, times=4)
    saver = InBatches()
    with pytest.raises((TransientError, PermanentError)) as caught:
        run(scrape, saver, max_results=MOST)
    assert caught.value.code == code
    assert not isinstance(caught.value.__context__, TransientError)
    assert len(saver.ideas) == 30 * (after + 1)
    world.faults.clear()
    assert len(go_on(scrape, saver).ideas) == COUNT
    assert scrape.requests[RequestKind.CONTINUATION] == 6 - after


@pytest.mark.parametrize(
    ("fault", "times"),
    [(faults.http_error(400), 1), (faults.http_error(404), 1), (faults.empty_json(), 2)],
    ids=["400", "404", "empty"],
)
def test_a_page_that_youtube_forgot_is_looked_for_from_the_beginning(scrape, world, fault, times):
    first = cut_off(scrape)
    world.fail(fault, request=RequestKind.CONTINUATION, times=times)
    assert len(go_on(scrape, first).ideas) == COUNT


def test_a_token_that_is_none_is_got_over(scrape):
    item = continuation("channel", "UCnobody", "videos", 30)["continuationItemRenderer"]
    token = item["continuationEndpoint"]["continuationCommand"]["token"]
    again = InBatches({"page": token})
    run(scrape, again, max_results=MOST)
    assert len(again.ideas) == COUNT


@pytest.mark.parametrize("code", [429, 503])
def test_a_page_that_cannot_be_had_now_is_kept_in_mind(scrape, world, code):
    first = cut_off(scrape)
    cursor = first.cursor()
    world.fail(faults.http_error(code), request=RequestKind.CONTINUATION, times=4)
    again = InBatches(cursor, known=first.ideas)
    with pytest.raises(TransientError):
        run(scrape, again, max_results=MOST)
    assert again.cursor() == cursor


def test_an_attempt_that_has_all_asks_for_nothing(scrape):
    first = InBatches()
    run(scrape, first, max_results=100)
    run(scrape, InBatches(first.cursor(), known=first.ideas), max_results=100)
    assert not scrape.requests


def test_an_empty_listing_is_suspect(scrape, world):
    world.channel("@archive", 0)
    with pytest.raises((TransientError, PermanentError)):
        run(scrape, InBatches())


def test_an_age_ends_it(scrape):
    saver = InBatches()
    run(scrape, saver, max_results=MOST, max_age_days=100)
    flat = scrape(CHANNEL, **SOURCES[CHANNEL], max_results=MOST, max_age_days=100)
    assert 0 < len(flat) < 60
    assert list(saver.ideas) == [idea.source_id for idea in flat]


def test_a_short_listing_that_is_not_enriched_is_returned(scrape):
    saver = InBatches()
    assert len(run(scrape, saver, enrich=False, max_results=MOST)) == COUNT
    assert saver.sizes == []


def test_a_long_listing_streams_and_makes_no_tasks_unless_asked(scrape):
    with collecting() as collected:
        assert scrape(CHANNEL, **SOURCES[CHANNEL], max_results=501) == []
    assert len(collected.ideas) == COUNT
    assert not collected.tasks


def test_outside_of_a_worker_all_is_returned(scrape):
    assert len(scrape(CHANNEL, **SOURCES[CHANNEL], max_results=200_000, enrich=True)) == COUNT


def test_a_large_channel_comes_in_bounded_memory(scrape, world):
    """No batch is larger than a few pages, and nothing grows with the number of videos but what
    the saver of this test holds itself."""
    world.big_channel("@large", 700)
    saver = InBatches()
    with running(lambda: None, saver):
        scrape(CHANNEL, channel_url="@large", max_results=200_000, enrich=True)
    assert len(saver.ideas) == 700
    assert max(saver.sizes) <= 330


def test_a_page_that_takes_too_long_keeps_what_came_before(make_plugin, world):
    world.fail(faults.slow_drip(), request=RequestKind.CONTINUATION, after=4)
    plugin = make_plugin(CHANNEL, deadline_s=2.5)
    saver = InBatches()
    with running(lambda: None, saver), pytest.raises(TransientError) as caught:
        plugin.scrape(**SOURCES[CHANNEL], max_results=MOST, enrich=True)
    assert caught.value.code == "timeout"
    assert len(saver.ideas) == 150
