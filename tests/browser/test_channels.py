"""Several channels on one page: each newest frame under its name, the page's own channel for the clock and the state."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from storage.connection import Connection
from tests.browser.conftest import Serve, Visit, soon
from tests.support.scenes import a_device, a_reading, a_request, stored

pytestmark = pytest.mark.browser

HIDE = "isHidden => { Object.defineProperty(document, 'hidden', {value: isHidden, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"


def requests_today(page: Page) -> int | None:
    found: int | None = page.evaluate("cityhelm.stream.overview?.requests.today")
    return found


@pytest.mark.long
def test_a_page_follows_all_its_channels_and_is_live_by_its_own(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    stored(conn, a_device(), a_reading(41), a_request("r-1", minutes_ago=5))
    with serve(database_url) as server:
        page = visit.page
        page.goto(f"{server.url}/", wait_until="domcontentloaded")
        soon(lambda: requests_today(page) == 1, "the first figures", within_s=60)
        soon(lambda: page.evaluate("cityhelm.stream.halls !== null && cityhelm.city.isLoaded"), "the other channels", within_s=60)
        assert server.viewers() == 1  # one connection for all of them
        assert page.evaluate("cityhelm.stream.channel") == "map"
        states = "['map', 'overview', 'halls', 'system'].map(cityhelm.stream.stateOf)"
        soon(lambda: page.evaluate(states) == ["live", "live", "live", "connecting"], "every channel it asked for live, no other")
        expect(page.locator("#live")).to_have_text("实时")
        assert abs(page.evaluate("cityhelm.page.now() - cityhelm.city.t")) < 5_000
        stored(conn, a_request("r-2", minutes_ago=-server.minutes_after()))
        soon(lambda: requests_today(page) == 2, "the next figures", within_s=60)
        page.evaluate(HIDE, True)
        soon(lambda: server.viewers() == 0, "the end of every stream")
        page.evaluate(HIDE, False)
        soon(lambda: server.viewers() == 1, "all of them again")
