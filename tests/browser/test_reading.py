"""Reading from afar: every size of screen in both languages without a word cut, large text, and no motion for who wants none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from domain.sensors import SensorKind
from domain.units import UnitKind, UnitStatus
from domain.warnings import WarningLevel
from runtime.processes import PROCESSES
from storage import heartbeats
from storage import warnings as warnings_table
from storage.connection import Connection
from tests.browser.conftest import CUT, Serve, Visit, overlapping, soon
from tests.support.scenes import (
    NOW,
    a_device,
    a_position,
    a_reading,
    a_rejection,
    a_rule,
    a_status,
    a_unit,
    an_incident,
    stored,
    the_stream,
)

pytestmark = pytest.mark.browser
SIZES = ((1920, 1080), (1366, 768), (3840, 2160))
INGEST = {"messages_per_s": 1234.5, "readings_per_s": 2345.6, "commit_ms_p95": 123.4, "lag_s_p95": 12.31, "waiting_messages": 12345,
          "rejected_total": 123456, "broker": "mqtts://cityhelm@broker.example.org:8883", "protocol": 5}  # fmt: skip


@pytest.fixture
def full(conn: Connection) -> Connection:
    """Every kind of sensor and unit, every level of warning, incidents, dead letters, processes: all that a screen has to hold."""
    kinds = [kind for kind in SensorKind if kind is not SensorKind.UNIT]
    for n, kind in enumerate(kinds):
        device_id = f"440106/environment/north/{kind.name.lower()}"
        place = (113.2 + n / 100, 23.1)
        stored(
            conn,
            a_device(device_id, type_name=kind.type_name, name=f"Device {n}", place=place),
            a_reading(41 + n, device_id=device_id),
        )
    for n in range(15):
        unit_id = f"u-{n}"
        status = (UnitStatus.AVAILABLE, UnitStatus.ENROUTE, UnitStatus.WORKING)[n % 3]
        stored(conn, a_unit(unit_id, name_zh=f"{UnitKind.AMBULANCE.zh}{n}"), a_position(113.26 + n / 100, unit_id=unit_id),
               a_status(status, unit_id=unit_id, minutes_ago=30))  # fmt: skip
    stored(
        conn, *[an_incident(f"i-{n}", minutes_ago=10 * n + 1) for n in range(4)], *[a_rejection(minutes_ago=n) for n in range(3)]
    )
    stream = the_stream(conn, "440106/environment/north/air_quality")
    for n, level in enumerate(WarningLevel):
        warnings_table.open_warning(
            conn, a_rule(f"rule-{n}"), level, identifier=f"9901000010010{n}_20260302090000_1", object_id=str(stream),
            device_id="440106/environment/north/air_quality", now=NOW,
            evidence={"value": 151.5, "threshold": 150.0, "direction": "above", "property": "pm25", "unit": "ug/m3"},
        )  # fmt: skip
    for process in (*(row.name for row in PROCESSES), "housekeeping"):
        heartbeats.beat(conn, process, "operations-host-1:31415", started_at=NOW - timedelta(hours=1), now=NOW, metrics=INGEST)
    return conn


def assert_readable(page: Page, what: str) -> None:
    width, height = page.evaluate("[innerWidth, innerHeight]")
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [width, height], what
    assert page.evaluate(CUT) == [], what
    assert overlapping(page, "header > *, main > *, .kpi, .column > .card, .map-furniture > details, .map-buttons") == [], what


def shown(page: Page, path: str) -> None:
    page.wait_for_selector("#processes tbody tr" if path == "/system" else "#layers .layer")


@pytest.mark.long
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("path", ["/map", "/system"])
def test_no_word_is_cut_on_any_screen(
    serve: Serve, visit: Visit, database_url: str, full: Connection, path: str, lang: str
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}{path}?lang={lang}")
        shown(page, path)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(300)
            assert_readable(page, f"{path} {lang} {width}")
        page.set_viewport_size({"width": 1920, "height": 1080})
        page.locator("#large-text").click()
        page.wait_for_timeout(300)
        assert_readable(page, f"{path} {lang} large")


def test_a_word_that_is_cut_would_be_seen(serve: Serve, visit: Visit, database_url: str, full: Connection) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.evaluate("document.querySelector('.kpi').style.width = '40px'")
        assert page.evaluate(CUT) != []
        page.evaluate("document.querySelectorAll('.kpi')[2].style.marginLeft = '-80px'")
        assert ["kpi", "kpi"] in overlapping(page, ".kpi")


@pytest.mark.long
def test_large_text_is_a_quarter_larger_and_remembered(serve: Serve, visit: Visit, database_url: str, full: Connection) -> None:
    size = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.set_viewport_size({"width": 1920, "height": 1080})
        switch = page.locator("#large-text")
        assert (page.evaluate(size), switch.get_attribute("aria-pressed")) == (10, "false")
        switch.click()
        assert (page.evaluate(size), switch.get_attribute("aria-pressed")) == (12.5, "true")
        other = visit.open(f"{server.url}/system?lang=en", page=visit.another())
        other.set_viewport_size({"width": 1920, "height": 1080})
        assert (other.evaluate(size), other.locator("#large-text").get_attribute("aria-pressed")) == (12.5, "true")
        other.locator("#large-text").click()
        page.reload(wait_until="domcontentloaded")
        page.wait_for_selector(".kpi")
        assert page.evaluate(size) == 10


def test_who_wants_no_motion_sees_none(serve: Serve, visit: Visit, database_url: str, conn: Connection, full: Connection) -> None:
    moving = "[getComputedStyle(document.getElementById('live'), '::before').animationName, getComputedStyle(document.querySelector('.row')).transitionDuration, cityhelm.page.isCalm]"
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        expect(page.locator("#live")).to_have_class("live live-on")
        assert page.evaluate(moving) == ["none", "0s", True]
        page.emulate_media(reduced_motion="no-preference")
        soon(lambda: page.evaluate(moving) == ["breathe", "0.15s, 0.15s", False], "motion for who does not mind")
        page.emulate_media(reduced_motion="reduce")
        soon(lambda: page.evaluate(moving) == ["none", "0s", True], "the change of mind, without a new page")
