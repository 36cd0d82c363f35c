"""The operations screen: alive by itself, honest when it is empty, late or cut off, and an order from click to answer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from domain.observations import freshness
from domain.orders import OrderState
from domain.rights import Actor, Role
from domain.sensors import DeviceMode, DeviceState
from domain.units import UnitStatus
from domain.warnings import WarningLevel
from storage import orders as orders_table
from storage import warnings as warnings_table
from storage.connection import Connection, connect
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from tests.browser.conftest import Serve, Visit, soon
from tests.support.databases import Databases
from tests.support.freshness import WORDS
from tests.support.scenes import (
    NOW,
    STATION,
    a_device,
    a_forecast,
    a_position,
    a_reading,
    a_rule,
    a_state,
    a_status,
    a_unit,
    an_incident,
    stored,
    the_stream,
)

pytestmark = pytest.mark.browser
CJK = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def scene(conn: Connection) -> int:
    """A station that measured 41 a moment ago, a free ambulance, a fire, a warning, a forecast. Returns the datastream."""
    stored(
        conn, a_device(name="空气站 1"), a_reading(40, minutes_ago=60), a_reading(41), a_unit(), a_unit("a-2", name_zh="急救2车"),
        a_position(113.26), a_position(113.30, unit_id="a-2"), a_status(UnitStatus.AVAILABLE, minutes_ago=30),
        a_status(UnitStatus.AVAILABLE, unit_id="a-2", minutes_ago=30), an_incident(),
    )  # fmt: skip
    stream = the_stream(conn)
    write_forecasts(conn, DayPartitions(conn), [a_forecast(stream)])
    warnings_table.open_warning(
        conn, a_rule(), WarningLevel.YELLOW, identifier="99010000100100_20260302090000_1", object_id=str(stream), device_id=STATION,
        now=NOW, evidence={"value": 151.5, "threshold": 150.0, "direction": "above", "property": "pm25", "unit": "ug/m3"},
    )  # fmt: skip
    return stream


def text_of(page: Page, selector: str) -> str:
    return page.locator(selector).inner_text()


def numbers(page: Page) -> list[dict[str, str]]:
    """Every number on the page: text, source, title."""
    found: list[dict[str, str]] = page.evaluate(
        "[...document.querySelectorAll('.num')].map(e => ({text: e.textContent, source: e.dataset.source ?? '', title: e.title}))"
    )
    return found


def test_numbers_change_by_themselves_when_rows_come(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        page.evaluate("id => cityhelm.clicks.choose({kind: 'sensor', id})", STATION)
        expect(page.locator(".value .num").first).to_have_text("41")
        stored(conn, a_reading(58.5, minutes_ago=-server.minutes_after()))
        expect(page.locator(".value .num").first).to_have_text("58.5")
        assert page.evaluate("number => cityhelm.city.streams.get(number).quality", scene) == "good"


@pytest.mark.long
def test_units_move_on_the_map_and_the_view_stays_where_the_viewer_put_it(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        page.evaluate("cityhelm.map.view.jumpTo({center: [113.27, 23.12], zoom: 12.5})")
        stored(conn, a_position(113.28, minutes_ago=-server.minutes_after()))
        soon(lambda: page.evaluate("cityhelm.city.units.get('a-1').lon") == 113.28, "the unit's new place")
        stored(conn, a_device("440106/environment/north/air-2", name="空气站 2"))
        soon(lambda: page.evaluate("cityhelm.city.devices.size") == 2, "a new device, asked for again")
        centre = page.evaluate("cityhelm.map.view.getCenter().toArray()")
        assert centre == pytest.approx([113.27, 23.12], abs=1e-6)
        assert page.evaluate("cityhelm.map.view.getZoom()") == pytest.approx(12.5)


def test_every_number_names_its_table_and_query(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    chosen = [("sensor", STATION), ("unit", "a-1"), ("incident", "i-1"), ("type", "AirQualityObserved"), None]
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        for pick in chosen:
            page.evaluate("pick => cityhelm.clicks.choose(pick && {kind: pick[0], id: pick[1]})", pick)
            soon(lambda: page.evaluate("document.querySelector('#object').childElementCount > 1"), f"{pick} to be shown")
            shown = numbers(page)
            assert len(shown) > 15
            assert [n for n in shown if " · " not in n["source"] or not n["title"]] == []


def test_an_empty_database_shows_no_data_and_never_a_number(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        soon(lambda: "实时" in text_of(page, "#live"), "the first frame")
        expect(page.locator("#kpis .kpi")).to_have_count(5)
        assert page.locator("#kpis .empty").all_inner_texts() == ["暂无数据"] * 5
        for place in ("#currency", "#warnings", "#incidents", "#object", "#layers"):
            assert "暂无数据" in text_of(page, place)
        assert [n["text"] for n in numbers(page) if not re.fullmatch(r"\d\d:\d\d:\d\d", n["text"])] == []  # the clock alone


def test_a_value_that_is_late_turns_grey(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    stored(conn, a_device(interval_s=5), a_reading(41, minutes_ago=2))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.evaluate("id => cityhelm.clicks.choose({kind: 'sensor', id})", STATION)
        expect(page.locator(".value .num").first).to_have_class(re.compile(r"\bstale\b"))
        assert "失联" in text_of(page, ".object-head")


def test_freshness_is_the_domain_s(serve: Serve, visit: Visit, database_url: str) -> None:
    """The browser ages values between frames by the rule it was told: the same answer for every age, mode and state."""
    ages = [None, 0, 9.9, 10, 10.1, 15, 15.1, 50, 50.1, 119, 121, 179, 181, 599, 601]
    cases = [
        (age, s, mode, state)
        for age in ages
        for s in (1, 5, 60)
        for mode in (*DeviceMode, "odd")
        for state in (*DeviceState, "odd")
    ]
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        judged = page.evaluate(
            "cases => cases.map(([age, s, mode, state]) => cityhelm.city.freshness(age, s, mode, state))", cases
        )
        assert judged == [freshness(*case).value for case in cases]
        ages_s = page.evaluate(
            "cases => cases.map(([mode, ...ago]) => cityhelm.city.wordAge(1e7, ...ago.map(s => s === null ? null : 1e7 - 1000 * s), mode))",
            [case[:3] for case in WORDS],
        )  # fmt: skip
        assert ages_s == [case[3] for case in WORDS]
        page.evaluate("cityhelm.page.facts.freshness.until[0][1] = 1000")
        assert (
            page.evaluate("cityhelm.city.freshness(601, 60, 'periodic', 'online')") == "fresh"
        )  # it repeats no number of its own


@pytest.mark.long
@pytest.mark.parametrize(("heartbeat_s", "chip", "number"), [(3600, "实时", "num"), (5, "失联", re.compile("stale"))])
def test_a_device_that_speaks_on_change_is_live_while_it_is_heard(
    heartbeat_s: int, chip: str, number: str | re.Pattern[str], serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    stored(
        conn, a_device(mode="on_change", interval_s=heartbeat_s), a_reading(41, minutes_ago=50), a_state("online", minutes_ago=55)
    )
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.evaluate("id => cityhelm.clicks.choose({kind: 'sensor', id})", STATION)
        expect(page.locator(".object-head .chip")).to_have_text(chip)
        expect(page.locator(".value .num").first).to_have_class(number)


def test_an_order_goes_from_a_click_to_the_unit_s_answer(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.locator("#incidents .row").click()
        expect(page.locator(".candidate").first).to_contain_text("急救1车")  # nearer than the other
        expect(page.locator("#object")).to_contain_text("直线估算")
        page.locator(".candidate .button").first.click()
        expect(page.locator(".order-step-done")).to_have_count(1)
        expect(page.locator("#toast")).to_contain_text("已下达")
        expect(page.locator(".candidate").first).to_contain_text("急救2车")
        ((order_id,),) = conn.execute("SELECT order_id FROM dispatch_order").fetchall()
        for state in (OrderState.SENT, OrderState.ACCEPTED):
            at = server.now()
            orders_table.set_state(conn, order_id, state, valid_from=at, recorded_at=at)
        stored(conn, a_status(UnitStatus.ENROUTE, minutes_ago=-server.minutes_after(), order_id=order_id))
        expect(page.locator(".order-step-done")).to_have_count(3)
        assert [line.split("\n")[0] for line in page.locator(".order-step").all_inner_texts()] == ["已下达", "已发送", "已接令"]
        expect(page.locator("#kpis .kpi").nth(3).locator(".num").first).to_have_text("1")


@pytest.mark.long
def test_a_refusal_is_shown_word_for_word_beside_the_button(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.locator("#incidents .row").click()
        expect(page.locator(".candidate")).to_have_count(2)
        page.locator(".candidate .button").first.hover()  # nothing moves away under a hand
        # meanwhile someone else takes the unit, with a clock a moment ahead, so that the page still offers it
        page.evaluate("cityhelm.city.apply = () => true; cityhelm.city.replace = () => {}")
        stored(conn, a_status(UnitStatus.WORKING, minutes_ago=-server.minutes_after()))
        page.locator(".candidate .button").first.click()
        expect(page.locator(".refusal")).to_have_text(re.compile("^急救1车 处置中.09:00 起$"))


@pytest.mark.long
def test_a_warning_is_acknowledged_by_a_click(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        expect(page.locator("#warnings .level")).to_have_text("Ⅲ级 黄色")
        expect(page.locator("#warnings .shape")).to_have_class("shape shape-square")
        page.locator("#warnings .button").click()
        expect(page.locator("#warnings")).to_contain_text("已签收")
        expect(page.locator("#warnings .button")).to_have_count(0)


@pytest.mark.long
def test_an_incident_is_closed_with_a_reason_that_nobody_takes_from_under_one_s_hand(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.locator("#incidents .row").click()
        page.locator(".closing summary").click()
        page.get_by_role("button", name="误报").click()  # without a reason: nothing happens but that one is asked for it
        expect(page.locator("#closing-form input")).to_be_focused()
        page.keyboard.type("测试报警")
        stored(conn, a_reading(58.5, minutes_ago=-server.minutes_after()))
        page.wait_for_timeout(1500)  # everything is drawn again meanwhile
        expect(page.locator("#closing-form input")).to_have_value("测试报警")
        page.get_by_role("button", name="误报").click()
        expect(page.locator("#toast")).to_contain_text("已结束")
        expect(page.locator("#object")).to_contain_text("该事件已经结束")
        said = conn.execute("SELECT detail ->> 'reason' FROM audit_entry WHERE action = 'incident.close'").fetchall()
        assert said == [("测试报警",)]


def test_who_may_not_act_sees_no_button(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url, acts_as=Actor("wall1", Role.WALL)) as server:
        page = visit.open(f"{server.url}/map")
        page.locator("#incidents .row").click()
        expect(page.locator(".candidate")).to_have_count(2)
        expect(page.locator(".candidate .button")).to_have_count(0)
        expect(page.locator("#warnings .button")).to_have_count(0)
        expect(page.locator(".closing")).to_have_count(0)
        expect(page.locator(".actor")).to_have_text("大屏 · wall1")


@pytest.mark.long
def test_the_chart_shows_what_was_measured_and_the_forecast_s_band(
    serve: Serve, visit: Visit, database_url: str, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.evaluate("id => cityhelm.clicks.choose({kind: 'sensor', id})", STATION)
        page.wait_for_selector("#chart .scatterlayer")
        drawn = page.evaluate("document.querySelector('#chart .js-plotly-plot').data.map(t => t.name ?? '')")
        assert drawn == ["", "80% 区间", "预测", "实测"]
        assert page.locator("#chart .modebar").count() == 0
        expect(page.locator("#chart-note")).to_contain_text("naive")
        times = page.evaluate("document.querySelector('#chart .js-plotly-plot').data[2].x")
        assert times[0] == "2026-03-02 09:00:00"  # the deployment's clock, though the viewer's machine is in New York


def test_an_incident_is_named_by_its_district_and_not_by_its_number(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    stored(conn, replace(an_incident("i-7"), lon=113.30, lat=23.10))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        row = page.locator("#incidents .row")
        expect(row).to_contain_text("东区")
        expect(row).not_to_contain_text("i-7")


def test_the_english_page_speaks_english(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map?lang=en")
        assert page.locator("html").get_attribute("lang") == "en"
        page.locator("#incidents .row").click()
        expect(page.locator(".candidate")).to_have_count(2)
        names = ("空气站 1", "中")  # a device's own name, and the name of the other language
        said = text_of(page, "body")
        for name in names:
            said = said.replace(name, "")
        assert CJK.findall(said) == []
        titles = page.evaluate("[...document.querySelectorAll('[title],[aria-label]')].map(e => e.title + e.ariaLabel)")
        assert [title for title in titles if CJK.search(title)] == []
        page.get_by_role("link", name="System").click()
        page.wait_for_selector("main.system")
        assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.long
def test_nothing_scrolls_and_nothing_is_too_small_to_read(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        for path in ("/map", "/system"):
            page = visit.open(f"{server.url}{path}")
            for width, height in ((1920, 1080), (1366, 768), (2560, 1080)):
                page.set_viewport_size({"width": width, "height": height})
                assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
                    width,
                    height,
                ]
            page.set_viewport_size({"width": 1920, "height": 1080})
            sizes = page.evaluate(
                "[...document.querySelectorAll('body *')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())"
                " && e.checkVisibility()).map(e => [parseFloat(getComputedStyle(e).fontSize), e.className, e.textContent])"
            )
            assert [row for row in sizes if row[0] < 12.9] == []


def test_the_map_is_drawn_with_the_city_and_what_is_live(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        kinds = page.evaluate("cityhelm.map.view.getStyle().layers.map(layer => layer.id)")
        assert "district" in kinds
        assert page.evaluate("cityhelm.map.view.queryRenderedFeatures({layers: ['district']}).length") > 0
        page.evaluate("cityhelm.map.press('reset')")
        page.wait_for_timeout(500)
        place = page.evaluate("(() => { const p = cityhelm.map.view.project([113.25, 23.125]); return [p.x, p.y]; })()")
        box = page.locator("#map").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + place[0], box["y"] + place[1])  # where the fire is drawn
        expect(page.locator(".object-head h2")).to_have_text("火灾")
        page.keyboard.press("Escape")
        expect(page.locator(".overview-title")).to_be_visible()


def test_a_database_that_goes_away_is_said_and_comes_back(
    serve: Serve, visit: Visit, databases: Databases, scene: int, database_url: str, conn: Connection
) -> None:
    name = database_url.rsplit("/", 1)[1].split("?")[0]
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        soon(lambda: text_of(page, "#live") == "实时", "live")
        allow(databases, name, False)
        expect(page.locator("#live")).to_contain_text("数据库中断")
        said, below = page.locator("#live").bounding_box(), page.locator("main > * > *").first.bounding_box()
        assert said is not None
        assert below is not None
        assert said["y"] + said["height"] <= below["y"], "the sentence covers the page"
        assert page.locator("#kpis .num").count() > 3  # what was known stays, and grows older
        expect(page.locator("#kpis .kpi-line > .num").first).to_have_class(re.compile(r"\bstale\b"))
        allow(databases, name, True)
        expect(page.locator("#live")).to_have_text("实时")


@pytest.mark.long
def test_a_server_that_goes_away_is_said_and_found_again(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url, is_missed=True) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        expect(page.locator("#live")).to_have_text("实时")
    expect(page.locator("#live")).to_contain_text("与服务器的连接中断")
    with serve(database_url, port=int(server.url.rsplit(":", 1)[1])):
        expect(page.locator("#live")).to_have_text("实时")
        assert page.locator("#kpis .num").count() > 3
    unanswered = ("ERR_CONNECTION_REFUSED", "Failed to fetch", "ERR_INCOMPLETE_CHUNKED")
    visit.complaints[:] = [said for said in visit.complaints if not any(word in said for word in unanswered)]


@pytest.mark.long
def test_a_page_that_stays_open_does_not_grow(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    """Twice three thousand frames with new values, moves and lists: as many things in the page as before. What each frame kept would
    grow both times (a kilobyte: three megabytes; an element: three thousand); what the page loads late, marks as old meanwhile or the
    browser has not collected yet comes once."""
    live = """async (n) => {
      const [stream] = cityhelm.city.streams.keys();
      for (let k = 0; k < n; k += 1) {
        const t = cityhelm.page.now();
        const incidents = k % 2 ? { ids: [] } : { changed: [{ id: `x-${k}`, hazard: 'fire', grade: 'III', state: 'reported', lon: 113.2, lat: 23.1, reported: t }], ids: [`x-${k}`] };
        cityhelm.city.apply({ t, newest: [5, 1], values: [[stream, k, 0, 5, 4], [99, k, 0, 5, 4]], units: [], moved: [['a-1', 113 + k / 1e5, 23.1, 5, 30, 90]], incidents });
        if (k % 10 === 0) cityhelm.operations.draw(k, null, null, null);
        if (k % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
      }
      cityhelm.operations.draw(n, null, null, null); // the server's own frames come in between, and list what they know
      return [document.querySelectorAll('*').length, cityhelm.city.streams.size, cityhelm.city.units.size];
    }"""
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        page.evaluate("cityhelm.stream.state = 'live'; cityhelm.city.replace = () => {}")
        cdp = page.context.new_cdp_session(page)

        def measured(frames: int) -> tuple[list[int], float, float]:
            things = page.evaluate(live, frames)
            cdp.send("HeapProfiler.collectGarbage")
            listeners = next(m["value"] for m in cdp.send("Performance.getMetrics")["metrics"] if m["name"] == "JSEventListeners")
            return things, listeners, cdp.send("Runtime.getHeapUsage")["usedSize"]

        cdp.send("Performance.enable")
        measured(400)
        things, listeners, used = measured(2_000)  # until every cache is full
        grown = []
        for _ in range(2):
            things_after, listeners_after, used_after = measured(3_000)
            assert things_after[1:] == things[1:]  # streams and units
            assert things_after[0] < things[0] + 300, "elements"
            assert listeners_after < listeners + 300
            grown.append(used_after - used)
            used = used_after
        assert min(grown) < 1_000_000, grown


def allow(databases: Databases, name: str, is_allowed: bool) -> None:
    """Lets clients into a database or throws them out of it."""
    with connect(databases.server_url) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {str(is_allowed).lower()}')
        if not is_allowed:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
