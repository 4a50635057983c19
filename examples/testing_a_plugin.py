"""The test of a plugin: what it saves is collected, no queue and no worker is needed."""

from __future__ import annotations

from own_plugin import PAGES, Animals

from tubeq.plugins.saving import collecting


def test_it_saves_every_page() -> None:
    with collecting() as collected:
        assert Animals(PAGES.__getitem__).scrape() == []
    assert list(collected.ideas) == ["ant", "bee", "cat", "dog", "elk"]
    assert collected.cursors[-1] == {"page": 3}


def test_it_resumes_where_an_earlier_attempt_stopped() -> None:
    with collecting(cursor={"page": 2}) as collected:
        Animals(PAGES.__getitem__).scrape()
    assert list(collected.ideas) == ["elk"]


if __name__ == "__main__":
    test_it_saves_every_page()
    test_it_resumes_where_an_earlier_attempt_stopped()
    print("2 passed")
