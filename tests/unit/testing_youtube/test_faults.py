"""Which requests a planned fault strikes, and what it makes of their responses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tubeq.testing.youtube import World, faults
from tubeq.testing.youtube.faults import Delivery, Response

GOOD = Response(b'{"richItemRenderer": 1}', "application/json")


def statuses(world: World, *requests: tuple[str | None, str]) -> list[int]:
    """The status that each of the requests, a channel and a kind, is answered with."""
    apply = world.faults.apply
    return [apply(GOOD, subject=channel, request=kind).status for channel, kind in requests]


def failing(**condition: Any) -> World:
    world = World()
    world.fail(faults.http_error(503), **condition)
    return world


def test_for_ever() -> None:
    assert statuses(failing(), ("@a", "page"), ("@b", "browse"), (None, "unknown")) == [503] * 3


def test_for_one_channel_in_any_case() -> None:
    world = failing(channel="Lighthouse")
    asked = [("@a", "page"), ("@lighthouse", "page"), (None, "page")]
    assert statuses(world, *asked) == [200, 503, 200]


def test_for_one_kind_of_request() -> None:
    world = failing(request="continuation")
    assert statuses(world, ("@a", "page"), ("@a", "continuation")) == [200, 503]


def test_for_a_few_requests_after_a_few_good_ones() -> None:
    world = failing(channel="@a", after=1, times=2)
    requests = [("@a", "page"), ("@b", "page"), ("@a", "page"), ("@a", "page"), ("@a", "page")]
    assert statuses(world, *requests) == [200, 200, 503, 503, 200]


def test_until_cleared() -> None:
    world = failing()
    world.faults.clear()
    assert statuses(world, ("@a", "page")) == [200]


def test_several_at_once() -> None:
    world = World()
    world.fail(faults.http_error(429), times=1)
    world.fail(faults.reset())
    first, second = (world.faults.apply(GOOD, subject=None, request="page") for _ in range(2))
    assert (first.status, first.delivery) == (429, Delivery.RESET)
    assert (second.status, second.delivery) == (200, Delivery.RESET)


@pytest.mark.parametrize(("given", "header"), [(30, "30"), ("Wed, 21 Oct", "Wed, 21 Oct")])
def test_retry_after(given: float | str, header: str) -> None:
    response = faults.http_error(429, retry_after_s=given)(GOOD)
    assert response.headers == (("Retry-After", header),)
    assert faults.http_error(429)(GOOD).headers == ()


@pytest.mark.parametrize(
    ("fault", "delivery"),
    [
        (faults.reset(), Delivery.RESET),
        (faults.hang(), Delivery.SILENT),
        (faults.slow_drip(), Delivery.DRIPPED),
        (faults.truncated(), Delivery.TRUNCATED),
    ],
)
def test_deliveries_leave_the_body_alone(fault: faults.Fault, delivery: Delivery) -> None:
    response = fault(GOOD)
    assert (response.delivery, response.body) == (delivery, GOOD.body)


def test_bodies() -> None:
    assert faults.half_json()(GOOD).body == GOOD.body[: len(GOOD.body) // 2]
    assert faults.empty_json()(GOOD).body == b"{}"
    assert b"richItemRenderer" not in faults.unknown_layout()(GOOD).body
    assert faults.html_page()(GOOD).content_type.startswith("text/html")


def test_an_alert_comes_in_the_shape_that_was_asked_for() -> None:
    page = Response(b"<html>", "text/html; charset=utf-8")
    assert "alerts" in json.loads(faults.bot_check()(GOOD).body)
    assert b"ytInitialData" in faults.bot_check()(page).body
