"""Every screen in its table, for those who come by keyboard or have it read to them: axe-core, controls, focus, languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from domain.incidents import Grade
from domain.rights import Actor
from domain.units import UnitStatus
from domain.warnings import WarningLevel
from storage import warnings as warnings_table
from storage.connection import Connection
from storage.rules import seed_rules
from tests.browser.conftest import Serve, Visit
from tests.browser.test_halls import halls_of_a_morning
from tests.screens.inspection import axe_findings, keyboard_findings, language_findings, overflow_findings
from tests.screens.views import VIEWS, View, unseen_screens
from tests.support.scenes import (
    NOW,
    STATION,
    a_device,
    a_position,
    a_reading,
    a_rule,
    a_status,
    a_unit,
    an_incident,
    minutes,
    stored,
    the_stream,
)

pytestmark = [pytest.mark.browser, pytest.mark.long]
LOOKED_AT = [view for view in VIEWS if view.city == "day"]


@pytest.fixture
def scene(conn: Connection) -> None:
    """A station with a blue warning, two ambulances, incidents of grades II and IV, halls in the morning."""
    halls_of_a_morning(conn)
    stored(
        conn, a_device(name="空气站 1"), a_reading(41), a_unit(), a_unit("a-2", name_zh="急救2车"), a_position(113.26),
        a_position(113.30, unit_id="a-2"), a_status(UnitStatus.AVAILABLE, minutes_ago=30),
        a_status(UnitStatus.AVAILABLE, unit_id="a-2", minutes_ago=30), an_incident("i-2", grade=Grade.III), an_incident("i-4", grade=Grade.IV),
    )  # fmt: skip
    seed_rules(conn, [a_rule("pm25_high")], now=NOW - minutes(600))
    warnings_table.open_warning(
        conn, a_rule("pm25_high"), WarningLevel.BLUE, identifier="99010000100100_20260302090000_1", object_id=str(the_stream(conn)),
        device_id=STATION, now=NOW - minutes(8),
        evidence={"value": 151.5, "threshold": 150.0, "direction": "above", "property": "pm25", "unit": "ug/m3"},
    )  # fmt: skip


def opened(visit: Visit, url: str, view: View, lang: str) -> Page:
    page = visit.page
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.add_init_script(f"window.isWithMap = {str(view.has_map).lower()}")
    page.goto(f"{url}{view.path}?lang={lang}", wait_until="domcontentloaded")
    if view.has_map:
        page.evaluate("cityhelm.ready")
    if view.press:
        page.locator(view.press.format(incident="i-2")).first.click()
    page.wait_for_selector(view.shows)
    page.wait_for_timeout(1000)
    return page


def test_every_screen_of_the_table_has_a_view() -> None:
    assert unseen_screens() == []


@pytest.mark.parametrize("view", LOOKED_AT, ids=lambda view: view.name)
def test_a_screen_is_open_to_everybody(serve: Serve, visit: Visit, database_url: str, scene: None, view: View) -> None:
    """Nothing serious by axe-core, every control on the way of the Tab key, focus that is seen, nothing cut, one language."""
    with serve(database_url, acts_as=Actor("li", view.role)) as server:
        page = opened(visit, server.url, view, "zh")
        assert axe_findings(page) == []
        assert overflow_findings(page) == []
        assert language_findings(page, "zh") == []
        assert keyboard_findings(page) == []


@pytest.mark.parametrize("view", LOOKED_AT, ids=lambda view: view.name)
def test_a_screen_in_english_says_nothing_in_chinese(
    serve: Serve, visit: Visit, database_url: str, scene: None, view: View
) -> None:
    """Names that others gave are told in both languages by those who gave them; the scene's have one and are left out."""
    with serve(database_url, acts_as=Actor("li", view.role)) as server:
        page = opened(visit, server.url, view, "en")
        assert [found for found in language_findings(page, "en") if "空气站" not in found] == []
        assert overflow_findings(page) == []
