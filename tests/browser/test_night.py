"""The quiet hour: a page that has been open for long is loaded anew between three and four, unless somebody needs it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Error, Page, expect

from storage.connection import Connection
from tests.browser.conftest import Serve, Visit, soon
from tests.support.scenes import STATION, a_device, a_reading, an_incident, stored

pytestmark = pytest.mark.browser
NIGHT = datetime(2026, 3, 2, 19, 57, tzinfo=UTC)
"""Three minutes to four in the morning in Shanghai: every page's moment has come."""
SIX_HOURS_AND_MORE = 7 * 3600 * 1000


def open_for_long(page: Page) -> None:
    page.evaluate("ms => { window.isOld = true; cityhelm.night.openedAt -= ms; }", SIX_HOURS_AND_MORE)


def is_new(page: Page) -> bool:
    """Whether this is another page than the one that was marked; not yet while it is being loaded."""
    try:
        return bool(page.evaluate("window.isOld !== true && document.querySelector('.kpi') !== null"))
    except Error:
        return False


@pytest.mark.long
def test_each_page_has_its_moment_in_the_hour_after_three(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        times = [0, 10799, 10800, 12449, 12450, 14099, 14100, 14399, 14400, 86399]
        due = page.evaluate("times => [0, 0.5, 1].map(share => times.filter(s => cityhelm.night.isTime(s, share)))", times)
        assert due == [[10800, 12449, 12450, 14099, 14100, 14399], [12450, 14099, 14100, 14399], [14100, 14399]]
        assert page.evaluate("cityhelm.page.secondOfDay(Date.UTC(2026, 2, 1, 19, 0, 5))") == 3 * 3600 + 5  # on the city's clock
        assert 0 <= page.evaluate("cityhelm.night.share") < 1
        open_for_long(page)
        page.wait_for_timeout(1500)
        assert not is_new(page)  # it is nine in the morning


@pytest.mark.long
def test_an_old_page_is_loaded_anew_at_night_and_a_young_one_is_not(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url, starts_at=NIGHT) as server:
        page = visit.open(f"{server.url}/map")
        page.evaluate("window.isOld = true")
        page.wait_for_timeout(2500)
        assert not is_new(page)
        open_for_long(page)
        soon(lambda: is_new(page), "a new page")
        expect(page.locator("#live")).to_have_text("实时")
        page.evaluate("window.isOld = true")
        page.wait_for_timeout(2500)
        assert not is_new(page)  # once is enough


@pytest.mark.long
def test_nobody_loses_what_is_open_typed_or_just_touched(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    stored(conn, a_device(), a_reading(41), an_incident())
    with serve(database_url, starts_at=NIGHT) as server:
        page = visit.open(f"{server.url}/map")
        page.evaluate("id => cityhelm.clicks.choose({kind: 'sensor', id})", STATION)
        open_for_long(page)
        page.wait_for_timeout(2500)
        assert not is_new(page)
        assert page.evaluate("cityhelm.night.isBusy()")
        page.evaluate("cityhelm.clicks.choose(null)")
        page.evaluate("cityhelm.night.touchedAt = performance.now()")
        assert page.evaluate("cityhelm.night.isBusy()")
        page.evaluate("""() => {
          cityhelm.night.touchedAt = -Infinity;
          const field = document.createElement('input');
          field.id = 'half-typed';
          field.value = '半句';
          document.body.append(field);
        }""")
        assert page.evaluate("cityhelm.night.isBusy()")
        page.evaluate("document.getElementById('half-typed').remove()")
        soon(lambda: is_new(page), "a new page once nothing is open")
