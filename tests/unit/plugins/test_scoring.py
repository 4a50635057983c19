"""The formula, and others in its place."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from tubeq.domain.errors import InvalidParameters, PermanentError
from tubeq.plugins import scoring
from tubeq.plugins.ideas import idea_of
from tubeq.plugins.scoring import VideoFacts, score, standard
from tubeq.settings import Settings

counts = st.one_of(st.none(), st.integers(0, 2**53), st.integers(0, 10_000))
ages = st.one_of(st.none(), st.floats(-10, 40_000))


@given(views=counts, age_days=ages, likes=counts, comments=counts)
def test_every_score_is_from_1_to_100(**facts: Any) -> None:
    assert 1.0 <= standard(VideoFacts(**facts)) <= 100.0


@given(views=st.integers(0, 2**53), more=st.integers(1, 2**53), age_days=ages, likes=counts,
       comments=counts)  # fmt: skip
@example(views=1, more=1, age_days=40_000.0, likes=2**53, comments=2**53)
@example(views=10, more=990, age_days=None, likes=10, comments=None)
@example(views=10**9, more=10**12, age_days=None, likes=10**7, comments=10**6)
@example(views=10**8, more=8 * 10**8, age_days=1.0, likes=10**7, comments=10**6)
def test_more_views_are_never_less(
    views: int, more: int, age_days: float | None, likes: int | None, comments: int | None
) -> None:
    facts = VideoFacts(views, age_days, likes, comments)
    assert standard(facts._replace(views=views + more)) >= standard(facts)


@given(views=st.integers(0, 10**12), age_days=ages, likes=st.integers(0, 10**9),
       comments=st.integers(0, 10**9), more=st.integers(1, 10**9))  # fmt: skip
def test_more_likes_or_comments_are_never_less(
    views: int, age_days: float | None, likes: int, comments: int, more: int
) -> None:
    facts = VideoFacts(views, age_days, likes, comments)
    assert standard(facts._replace(likes=likes + more)) >= standard(facts)
    assert standard(facts._replace(comments=comments + more)) >= standard(facts)


@given(views=counts, age_days=st.floats(0, 40_000), older=st.floats(0, 40_000), likes=counts)
def test_older_is_never_more(
    views: int | None, age_days: float, older: float, likes: int | None
) -> None:
    facts = VideoFacts(views, age_days, likes)
    assert standard(facts._replace(age_days=age_days + older)) <= standard(facts)


def test_what_the_formula_says() -> None:
    assert standard(VideoFacts(10**9)) == 100.0
    assert standard(VideoFacts(None, 1.0, 10, 10)) == standard(VideoFacts(0)) == 1.0
    assert standard(VideoFacts(999_999)) == pytest.approx(66.67)
    assert standard(VideoFacts(999_999, 1.0)) == pytest.approx((66.67 + 85.71) / 2, abs=0.01)
    half = VideoFacts(999_999, None, likes=10_000)  # 1 in 100: half way from 1 to 100 in 1,000
    assert standard(half) == pytest.approx(0.92 * 66.67 + 4, abs=0.01)
    both = half._replace(comments=10_000)  # more than any: mean of a half and 1
    assert standard(both) == pytest.approx(0.92 * 66.67 + 6, abs=0.01)


def test_what_is_unknown_is_not_punished() -> None:
    unknown = standard(VideoFacts(10_000, 30.0))
    assert standard(VideoFacts(10_000, 30.0, likes=1, comments=0)) < unknown
    assert standard(VideoFacts(10_000, 30.0, likes=900)) > unknown
    known = VideoFacts(10_000, 30.0, likes=900, comments=90)
    assert standard(known) == standard(known._replace(comments=None))


def by_title_of_facts(facts: VideoFacts) -> float:
    return 42 if facts.likes == 7 else 41


def raising(facts: VideoFacts) -> float:
    raise KeyError("likes")


def nonsense(facts: VideoFacts) -> float:
    return float("nan")


def too_much(facts: VideoFacts) -> float:
    return 101


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Installs a function of this module as a scoring, and chooses it."""

    def choose_it(name: str, target: str | None = None) -> None:
        entry = metadata.EntryPoint(name, target or f"{__name__}:{name}", scoring.GROUP)
        monkeypatch.setattr(
            metadata, "entry_points", lambda **by: metadata.EntryPoints([entry]).select(**by)
        )
        monkeypatch.setenv(scoring.VARIABLE, name)

    scoring._loaded.cache_clear()
    yield choose_it
    scoring._loaded.cache_clear()


def test_the_standard_formula_is_installed() -> None:
    (entry,) = metadata.entry_points(group=scoring.GROUP, name="standard")
    assert entry.load() is standard


def test_another_formula_is_chosen_by_name(choose: Any) -> None:
    choose("by_title_of_facts")
    assert score(VideoFacts(1, likes=7)) == 42.0
    entry = {"id": "a-b_c0DEF12", "view_count": 5, "like_count": 7}
    assert idea_of(entry, 0.0).score == 42.0


@pytest.mark.parametrize(
    ("name", "said"), [("raising", "KeyError"), ("nonsense", "nan"), ("too_much", "101")]
)
def test_a_formula_that_fails_ends_the_task_for_good(choose: Any, name: str, said: str) -> None:
    choose(name)
    with pytest.raises(PermanentError, match=said) as caught:
        score(VideoFacts(1))
    assert caught.value.code == "scoring_failed"
    assert name in str(caught.value)


def test_a_formula_that_cannot_be_imported(choose: Any) -> None:
    choose("gone", "no_such_module:score")
    with pytest.raises(PermanentError, match="no_such_module") as caught:
        score(VideoFacts(1))
    assert caught.value.code == "scoring_failed"


def test_a_formula_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, choose: Any) -> None:
    monkeypatch.setenv(scoring.VARIABLE, "nothing")
    with pytest.raises(PermanentError, match="standard") as caught:
        score(VideoFacts(1))
    assert caught.value.code == "scoring_not_found"


def test_workers_learn_of_the_setting(choose: Any, tmp_path: Any) -> None:
    choose("raising")
    settings = Settings.read({"TUBEQ_SCORING": "raising"}, tmp_path)
    others = Settings.read({}, tmp_path).worker_environment()
    assert settings.worker_environment() == {**others, "TUBEQ_SCORING": "raising"}
    assert "TUBEQ_SCORING" not in others
    with pytest.raises(InvalidParameters, match=r"'mistyped'.*raising, standard"):
        Settings.read({"TUBEQ_SCORING": "mistyped"}, tmp_path).worker_environment()
