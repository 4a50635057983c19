"""The score of a video: the default formula, and others that may replace it.

A package offers one by naming a function of VideoFacts that returns 1 to 100:

    [project.entry-points."tubeq.scoring"]
    mine = "my_package:score"

The setting `scoring`, passed to workers as TUBEQ_SCORING, chooses it by that name. It is
imported when the first video is scored.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import NamedTuple

from tubeq.domain.errors import InvalidParameters, PermanentError

GROUP = "tubeq.scoring"
VARIABLE = "TUBEQ_SCORING"
STANDARD = "standard"

MOST_VIEWS = 1e9
MOST_VIEWS_A_DAY = 1e7
ENGAGEMENT_POINTS = 8.0
LIKES_A_VIEW = 0.001, 0.1
COMMENTS_A_VIEW = 0.0001, 0.01


class VideoFacts(NamedTuple):
    """What a score may depend on; None for what is not on the page."""

    views: int | None
    age_days: float | None = None
    likes: int | None = None
    comments: int | None = None


Scoring = Callable[[VideoFacts], float]


def standard(facts: VideoFacts) -> float:
    """1 to 100; it never falls with more views, likes or comments, nor rises with age.

    *Reach* is log10(1 + views) / 9 and *pace* log10(1 + views a day) / 7, at most 1 each: a
    thousand million views, or ten million a day. Their mean, or reach alone where the age is
    unknown, makes 100 points.

    Where likes or comments are known, they make 8 of these: *engagement* is their position between
    1 and 100 likes in a thousand views, on a logarithmic scale, and between 1 and 100
    comments in ten thousand; the mean where both are known. Unknown values do not lower the score.
    It is at most 8 points, since more views with the same likes also mean less engagement, which
    must not outweigh what they add to reach.
    """
    views = facts.views
    if not views or views < 0:
        return 1.0
    points = min(math.log10(1 + views) / math.log10(MOST_VIEWS), 1.0)
    if facts.age_days is not None:
        daily = views / max(facts.age_days, 1.0)
        points = (points + min(math.log10(1 + daily) / math.log10(MOST_VIEWS_A_DAY), 1.0)) / 2
    score = 100 * points
    engagement = _engagement(facts, min(views, MOST_VIEWS))
    if engagement is not None:
        score = score * (1 - ENGAGEMENT_POINTS / 100) + ENGAGEMENT_POINTS * engagement
    return max(1.0, round(score, 2))


def _engagement(facts: VideoFacts, views: float) -> float | None:
    """0 to 1, or None where nothing is known of it."""
    known = [
        _place(count / (1 + views), *scale)
        for count, scale in ((facts.likes, LIKES_A_VIEW), (facts.comments, COMMENTS_A_VIEW))
        if count is not None
    ]
    return sum(known) / len(known) if known else None


def _place(rate: float, low: float, high: float) -> float:
    """The position of a rate between two others, on a logarithmic scale: 0 to 1."""
    return math.log(min(max(rate, low), high) / low) / math.log(high / low)


def score(facts: VideoFacts) -> float:
    """The score by the chosen formula.

    Raises:
        PermanentError: there is no such formula, it failed, or gave no number from 1 to 100;
            the message names it. A retry would not help.
    """
    name = os.environ.get(VARIABLE) or STANDARD
    if name == STANDARD:
        return standard(facts)
    formula = _loaded(name)
    try:
        value = formula(facts)
    except Exception as error:
        raise PermanentError(
            f"scoring {name!r} failed with {type(error).__name__}: {error}", code="scoring_failed"
        ) from error
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 1 <= value <= 100:
        raise PermanentError(
            f"scoring {name!r} gave {value!r:.100}: it must give a number from 1 to 100",
            code="scoring_failed",
        )
    return float(value)


def scoring_names() -> list[str]:
    """The formulas that can be chosen, sorted. Imports none of them."""
    return sorted({STANDARD, *(entry.name for entry in metadata.entry_points(group=GROUP))})


def checked_scoring(name: str) -> str:
    """The name of a formula that is installed.

    Raises:
        InvalidParameters: there is no formula of that name.
    """
    if name not in scoring_names():
        known = ", ".join(scoring_names())
        raise InvalidParameters(f"no scoring is called {name!r:.60}; there are: {known}")
    return name


@cache
def _loaded(name: str) -> Scoring:
    try:
        checked_scoring(name)
        (entry, *_) = metadata.entry_points(group=GROUP, name=name)
        formula: Scoring = entry.load()
    except InvalidParameters as error:
        raise PermanentError(str(error), code="scoring_not_found") from None
    except Exception as error:
        raise PermanentError(
            f"scoring {name!r} cannot be imported: {error}", code="scoring_failed"
        ) from error
    return formula
