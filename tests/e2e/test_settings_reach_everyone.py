"""Each field of Settings, followed to each kind of process that should obey it.

A plugin that is installed in the place of tubeq's own says what its process works with. A new field
has to be entered in WANTED, or the test fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Tubeq, environment
from tests.e2e.installed_plugins import install
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.testing.youtube import SimulatedYouTube, World

pytestmark = pytest.mark.integration

PROBE = """
    import json, os
    from tubeq.plugins.youtube.access import Access
    from tubeq.plugins.base import current_saver
    from tubeq.plugins.youtube.channel import YouTubeChannelPlugin
    from tubeq.plugins.saving import ChildTask, save
    from tubeq.plugins.youtube.video import YouTubeVideoPlugin

    def report(name):
        saver = current_saver()
        config, storage = saver._watch._config, saver._queue._storage
        access = Access.of()
        told = {
            "db_path": os.path.basename(saver._queue.db_path),
            "durability": "full" if storage._sync_all else "another",
            "busy_timeout_s": storage._session._factory.busy_timeout_s,
            "proxy": os.environ.get("HTTPS_PROXY"),
            "ca_file": os.path.basename(os.environ.get("SSL_CERT_FILE", "")),
            "cookies_file": os.path.basename(access.cookies_file or ""),
            "socket_timeout_s": access.socket_timeout_s,
            "deadline_s": access.deadline_s,
            "max_retries": config.retry_policy.max_retries,
            "backoff_s": config.retry_policy.backoff_s,
            "lease_s": config.lease_s,
            "task_timeout_s": config.task_timeout_s,
            "breaker_pause_s": config.breaker_pause_s,
            "scoring": os.environ.get("TUBEQ_SCORING"),
        }
        with open(os.environ["TEST_REPORT"], "a") as file:
            file.write(json.dumps([name, told]) + "\\n")

    class Channel(YouTubeChannelPlugin):
        def scrape(self, **parameters):
            report("channel")
            if parameters.get("enrich"):
                save([], [ChildTask("one", "youtube_video", {"video": "abcdefghi01"})])
            return []

    class Video(YouTubeVideoPlugin):
        def scrape(self, **parameters):
            report("video")
            return []

    def score(facts):
        return 1.0
"""
GROUPS = {
    "tubeq.plugins": {
        "youtube_channel": "test_plugins:Channel",
        "youtube_video": "test_plugins:Video",
    },
    "tubeq.scoring": {"mine": "test_plugins:score"},
}
WANTED: dict[str, Any] = {
    "db_path": "mine.db",
    "durability": "full",
    "busy_timeout_s": 41.0,
    "proxy": "http://127.0.0.1:9",
    "ca_file": "ca.pem",
    "cookies_file": "cookies.txt",
    "socket_timeout_s": 3.5,
    "deadline_s": 77.0,
    "max_retries": 6,
    "backoff_s": 1.25,
    "lease_s": 33.0,
    "task_timeout_s": 44.0,
    "breaker_pause_s": 55.0,
    "scoring": "mine",
}
OPTIONS = {
    "db_path": "--db", "durability": "--durability", "proxy": "--proxy", "ca_file": "--ca-file",
    "cookies_file": "--cookies-file", "socket_timeout_s": "--socket-timeout",
    "deadline_s": "--deadline", "max_retries": "--max-retries", "backoff_s": "--backoff",
    "lease_s": "--lease", "task_timeout_s": "--timeout",
}  # fmt: skip
OF_DEMO = {"durability", "busy_timeout_s"}
"""The demo has a database, a YouTube and a haste of its own."""


def test_every_setting_is_followed() -> None:
    assert list(WANTED) == list(Settings._fields)
    defaults = Settings()
    assert [name for name, value in WANTED.items() if value == getattr(defaults, name)] == []


@pytest.fixture(scope="module")
def youtube() -> Iterator[SimulatedYouTube]:
    with SimulatedYouTube(World()) as server:
        yield server


@pytest.fixture
def tubeq(tmp_path: Path, youtube: SimulatedYouTube) -> Tubeq:
    """Without any setting; the probes are installed."""
    (tmp_path / "ca.pem").write_bytes(Path(youtube.ca_file).read_bytes())
    cookie = (".youtube.com", "TRUE", "/", "TRUE", "0", "NAME", "value")
    text = "# Netscape HTTP Cookie File\n" + "\t".join(cookie) + "\n"
    (tmp_path / "cookies.txt").write_text(text)
    (tmp_path / "cookies.txt").chmod(0o600)
    inherited = {
        name: value
        for name, value in environment(TEST_REPORT=str(tmp_path / "report")).items()
        if name.upper() not in ("HTTPS_PROXY", "SSL_CERT_FILE")
    }
    return Tubeq(tmp_path, install(tmp_path, inherited, PROBE, GROUPS))


def as_variables(names: Any = WANTED) -> dict[str, str]:
    return {f"TUBEQ_{name.upper()}": str(WANTED[name]) for name in names}


def reports(tubeq: Tubeq) -> list[tuple[str, dict[str, Any]]]:
    lines = (tubeq.folder / "report").read_text().splitlines()
    return [tuple(json.loads(line)) for line in lines]


def work(tubeq: Tubeq, *options: str, **variables: str) -> None:
    """Have a worker do a task, and check what it worked with."""
    with QueueManager(tubeq.folder / "mine.db") as queue:
        queue.create_task("youtube_channel", {"channel_url": "@a"})
    tubeq("worker", "--until-idle", *options, **variables)
    assert reports(tubeq) == [("channel", WANTED)]


@pytest.mark.parametrize("processes", [(), ("--type", "youtube_channel"), ("--threads", "2")])
def test_variables_reach_the_workers(tubeq: Tubeq, processes: tuple[str, ...]) -> None:
    work(tubeq, *processes, **as_variables())


def test_a_file_reaches_the_workers(tubeq: Tubeq) -> None:
    lines = (f"{name} = {json.dumps(value)}" for name, value in WANTED.items())
    (tubeq.folder / "tubeq.toml").write_text("\n".join(lines), "utf-8")
    work(tubeq)


def test_options_reach_the_workers(tubeq: Tubeq) -> None:
    given: list[str] = []
    for name, option in OPTIONS.items():
        unit = "s" if name.endswith("_s") else ""
        given += [option, f"{WANTED[name]}{unit}"]
    work(tubeq, *given, **as_variables(WANTED.keys() - OPTIONS.keys()))


def test_variables_reach_what_a_scrape_starts(tubeq: Tubeq) -> None:
    tubeq("scrape", "@a", "--enrich", **as_variables())
    assert reports(tubeq) == [("channel", WANTED), ("video", WANTED)]


def test_variables_reach_the_demo(tubeq: Tubeq) -> None:
    demo = ("demo", "--workers", "1", "--channels", "1", "--max-results", "1", "--db", "d.db")
    tubeq(*demo, **as_variables())
    ((_, told),) = reports(tubeq)
    assert {name: told[name] for name in OF_DEMO} == {name: WANTED[name] for name in OF_DEMO}
