"""One connection per browser: tabs share it, whoever stays keeps it, and a browser that cannot share gets its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from storage.connection import Connection
from tests.browser.conftest import Serve, Visit, soon
from tests.support.scenes import STATION, a_device, a_reading, stored, the_stream

pytestmark = pytest.mark.browser


@pytest.fixture
def stream(conn: Connection) -> int:
    stored(conn, a_device(name="空气站 1"), a_reading(41))
    return the_stream(conn)


def value(page: Page, stream: int) -> float:
    read: float = page.evaluate("number => cityhelm.city.streams.get(number)?.value", stream)
    return read


@pytest.mark.long
def test_two_tabs_share_one_stream_and_the_last_one_takes_it_along(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, stream: int
) -> None:
    with serve(database_url) as server:
        one = visit.open(f"{server.url}/map")
        other = visit.open(f"{server.url}/map", page=visit.another())
        for page in (one, other):
            soon(lambda page=page: page.evaluate("cityhelm.source.isShared"), "the browser's shared connection")
            expect(page.locator("#live")).to_have_text("实时")
        assert server.viewers() == 1
        stored(conn, a_reading(58.5, minutes_ago=-server.minutes_after()))
        for page in (one, other):
            soon(lambda page=page: value(page, stream) == 58.5, "the new reading in both tabs")
        assert server.viewers() == 1
        one.close()
        stored(conn, a_reading(59.5, minutes_ago=-server.minutes_after()))
        soon(lambda: value(other, stream) == 59.5, "a reading after the first tab was closed")
        other.goto("about:blank")
        soon(lambda: server.viewers() == 0, "the end of the stream that nobody looks at")


@pytest.mark.long
def test_a_browser_without_shared_workers_has_a_stream_for_every_tab(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, stream: int
) -> None:
    visit.page.context.add_init_script("delete window.SharedWorker")
    with serve(database_url) as server:
        one = visit.open(f"{server.url}/map")
        other = visit.open(f"{server.url}/map", page=visit.another())
        soon(lambda: server.viewers() == 2, "two streams")
        stored(conn, a_reading(58.5, minutes_ago=-server.minutes_after()))
        for page in (one, other):
            soon(lambda page=page: value(page, stream) == 58.5, "the new reading")
            assert page.evaluate("cityhelm.source.isShared") is False


@pytest.mark.long
def test_a_tab_in_the_background_asks_for_nothing_and_catches_up(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, stream: int
) -> None:
    hide = "isHidden => { Object.defineProperty(document, 'hidden', {value: isHidden, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        soon(lambda: server.viewers() == 1, "the stream")
        page.evaluate(hide, True)
        soon(lambda: server.viewers() == 0, "the end of the stream")
        stored(conn, a_reading(58.5, minutes_ago=-server.minutes_after()))
        page.evaluate(hide, False)
        soon(lambda: value(page, stream) == 58.5, "what was missed")
        expect(page.locator("#live")).to_have_text("实时")
        assert page.evaluate("id => cityhelm.city.devices.has(id)", STATION)
