"""The command screen: what is urgent comes first, everything about the chosen incident, acts in two clicks, the log, the hours."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from domain.incidents import Grade
from domain.orders import OrderState
from domain.rights import Actor, Role, Scope
from domain.units import UnitStatus
from domain.warnings import WarningLevel, WarningState
from storage import audit
from storage import orders as orders_table
from storage import warnings as warnings_table
from storage.connection import Connection
from tests.browser.conftest import CUT, Serve, Visit, soon
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

pytestmark = pytest.mark.browser
CJK = re.compile("[\u4e00-\u9fff]")
SIZES = ((1366, 768), (1920, 1080))


@pytest.fixture
def scene(conn: Connection) -> int:
    """Two free ambulances, a station, three incidents (grades II, IV and III, oldest first) and warnings of two levels."""
    stored(
        conn, a_device(name="空气站 1"), a_reading(41), a_unit(), a_unit("a-2", name_zh="急救2车"), a_position(113.26),
        a_position(113.30, unit_id="a-2"), a_status(UnitStatus.AVAILABLE, minutes_ago=30),
        a_status(UnitStatus.AVAILABLE, unit_id="a-2", minutes_ago=30),
        an_incident("i-2", minutes_ago=5, grade=Grade.II, text="三楼冒烟，有人被困"), an_incident("i-4", minutes_ago=50, grade=Grade.IV),
        an_incident("i-3", minutes_ago=20, grade=Grade.III),
    )  # fmt: skip
    stream = the_stream(conn)
    for k, level in enumerate((WarningLevel.RED, WarningLevel.BLUE)):
        warnings_table.open_warning(
            conn, a_rule(f"rule_{level.value}"), level, identifier=f"99010000100100_2026030209000{k}_{k}", object_id=str(stream),
            device_id=STATION, now=NOW - minutes(8 + k),
            evidence={"value": 151.5, "threshold": 150.0, "direction": "above", "property": "pm25", "unit": "ug/m3"},
        )  # fmt: skip
    return stream


def opened(visit: Visit, url: str, *, page: Page | None = None) -> Page:
    page = page or visit.page
    page.add_init_script("window.isWithMap = false")
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_selector("#queue .row, #queue .quiet")
    soon(
        lambda: "载入" not in page.locator("#queue").inner_text() and "Loading" not in page.locator("#queue").inner_text(),
        "the list",
    )
    return page


def unreached(page: Page) -> list[str]:
    """Controls that the Tab key does not come to, in the round that begins wherever one was last and goes over the page's end."""
    page.evaluate("document.activeElement.blur()")
    marked = """() => { const e = document.activeElement; if (e) e.dataset.reached = "1"; return e === document.body; }"""
    ends = 0
    for _ in range(600):
        page.keyboard.press("Tab")
        ends += page.evaluate(marked)
        if ends == 2:
            break
    controls: list[str] = page.evaluate(
        """[...document.querySelectorAll("button, a[href], input, select, summary, [tabindex='0']")]
        .filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0 && !e.dataset.reached).map((e) => e.outerHTML.slice(0, 120))"""
    )
    return controls


@pytest.mark.long
def test_what_is_urgent_comes_first(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        # inverse: the red warning, grades II and III; then what asks without being grave
        assert page.locator("#queue .queue-over").count() == 3
        chosen = page.evaluate(
            "cityhelm.command.queue(cityhelm.city, cityhelm.page.now()).map(i => [i.kind, i.rank, i.isOver, i.asks])"
        )
        assert chosen == [
            ["warning", 1, True, True],
            ["incident", 2, True, True],
            ["incident", 3, True, True],
            ["incident", 4, False, True],
            ["warning", 4, False, True],
        ]
        page.get_by_role("button", name="事件 3").click()
        expect(page.locator("#queue .row")).to_have_count(3)
        page.get_by_role("button", name="预警 2").click()
        expect(page.locator("#queue .row")).to_have_count(2)


def test_urgency_is_a_rule_one_can_check(serve: Serve, visit: Visit, database_url: str) -> None:
    """Overdue is an incident above grade IV without a unit for more than 64 s; who is on the way is last."""
    case = """() => {
      const i = (id, grade, reported, state = "reported") => ({ id, grade, reported, state });
      const incidents = [i("new", "I", 950000), i("late", "III", 900000), i("ordinary", "IV", 100000), i("helped", "I", 100000, "responding"), i("sent", "I", 100000)];
      const warnings = [{ id: "seen", level: "red", state: "acknowledged", raised: 1 }];
      const orders = [{ incident: "sent", state: "issued" }, { incident: "late", state: "done" }];
      return cityhelm.command.queue({ incidents, warnings, orders }, 1000000).map((item) => item.id);
    }"""
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        assert page.evaluate(case) == ["late", "new", "ordinary", "seen", "helped", "sent"]


def test_a_unit_is_sent_and_called_back_in_two_clicks_and_the_log_says_so(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        page.locator("#queue .row", has_text="火灾").first.click()
        expect(page.locator(".dossier-head h2")).to_contain_text("火灾")
        expect(page.locator("#dossier")).to_contain_text("三楼冒烟")
        expect(page.locator(".candidate").first).to_contain_text("急救1车")
        expect(page.locator(".candidate").first).to_contain_text("预计最先到达")
        expect(page.locator(".candidate .button-first")).to_have_count(1)
        page.locator(".candidate .button").first.click()
        expect(page.locator(".sent")).to_contain_text("急救1车")
        assert page.locator(".sent .segment-name").all_inner_texts() == ["接令", "出动"]
        audit.seal(conn, server.now())
        expect(page.locator(".log-row")).to_contain_text("派出单位 · 急救1车 → 火灾")
        expect(page.locator(".log-row [title*='i-2']")).to_have_count(1)  # its number, for who looks closer
        expect(page.locator(".log-row .hash")).to_have_text(re.compile("^[0-9a-f]{4}$"))
        page.locator(".sent .button").click()
        expect(page.locator("#toast")).to_contain_text("已撤销")
        expect(page.locator(".log-row")).to_have_count(2)


@pytest.mark.long
def test_segments_run_end_and_are_all_in_the_story(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-2")
        page.locator(".candidate .button").first.click()
        expect(page.locator(".sent")).to_have_count(1)
        ((order_id,),) = conn.execute("SELECT order_id FROM dispatch_order").fetchall()
        at = server.now()
        orders_table.set_state(conn, order_id, OrderState.ACCEPTED, valid_from=at, recorded_at=at)
        stored(conn, a_status(UnitStatus.ENROUTE, minutes_ago=-server.minutes_after(), order_id=order_id))
        expect(page.locator(".sent .segment-clock")).to_have_count(3)
        expect(page.locator(".sent .segment-runs .segment-name")).to_have_text("行程")
        page.get_by_role("button", name="经过").click()
        expect(page.locator(".story .story-what").first).to_be_visible()
        told = page.locator(".story .story-what").all_inner_texts()
        assert told[0].strip().startswith("接报")
        assert any("出动" in line for line in told)
        assert any("已接令" in line for line in told)
        expect(page.locator(".dossier-head .num").first).to_have_text(re.compile(r"^\d\d:\d\d"))


@pytest.mark.long
def test_a_refusal_is_shown_word_for_word_and_an_ending_needs_a_reason(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-3")
        page.locator(".candidate .button").first.click()
        expect(page.locator(".sent")).to_have_count(1)
        page.get_by_role("button", name="结束事件").click()
        page.get_by_role("button", name="误报").click()
        expect(page.locator("#steps-close-form input")).to_be_focused()
        page.keyboard.type("测试报警")
        page.get_by_role("button", name="误报").click()
        refused = re.compile("^事件 i-3 尚有单位在处置.单位归队后自动结束.或先撤销派单$")
        expect(page.locator("#dossier-acts .refusal")).to_have_text(refused)
        page.locator(".sent .button").click()
        expect(page.locator(".sent-over")).to_have_count(1)
        page.get_by_role("button", name="误报").click()
        expect(page.locator(".ended")).to_be_visible()
        page.get_by_role("button", name="经过").click()
        expect(page.locator(".story")).to_contain_text("误报")
        expect(page.locator(".log-row", has_text="被拒")).to_have_count(1)


def test_a_warning_is_acknowledged_in_two_clicks(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        page.locator("#queue .row:has(.level-red)").click()
        page.locator("#dossier").get_by_role("button", name="签收").click()
        expect(page.locator("#queue .row:has(.level-red)")).to_contain_text("已签收")
        assert page.evaluate("cityhelm.command.queue(cityhelm.city, cityhelm.page.now()).at(-1).thing.level") == "red"


def test_the_last_hours_have_marks_that_choose(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        expect(page.locator(".strip-mark")).to_have_count(4)
        expect(page.locator("#strip-card-sub")).to_contain_text("事件 3、预警 2、派单 0")
        page.locator(".strip-incident").first.click()
        expect(page.locator(".dossier-head")).to_be_visible()


def test_near_marks_become_one_that_says_how_many(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        gathered = page.evaluate(
            """cityhelm.command.gathered([{kind: "a", rank: 2, time: 10, label: "mild"}, {kind: "a", rank: 0, time: 20, label: "grave"},
            {kind: "b", rank: 0, time: 30, label: "other"}, {kind: "a", rank: 1, time: 150, label: "later"}], 100).map((m) => [m.label, m.time, m.n])"""
        )
        assert gathered == [["grave 等 2 条", 20, 2], ["other", 30, 1], ["later", 150, 1]]


def test_an_empty_city_says_no_data(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        expect(page.locator("#queue")).to_have_text("暂无数据")
        expect(page.locator("#dossier")).to_contain_text("暂无数据")
        expect(page.locator("#log")).to_contain_text("没有操作记录")
        assert page.locator(".dossier .num").count() == 0


@pytest.mark.long
def test_an_incident_that_nobody_knows_is_said(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-99")
        expect(page.locator("#dossier")).to_contain_text("没有编号为 i-99 的事件")
    visit.complaints[:] = [said for said in visit.complaints if "404" not in said]


@pytest.mark.long
def test_who_may_not_act_sees_no_act_and_no_words_of_callers(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url, acts_as=Actor("zhao", Role.LEADER, Scope(districts=frozenset({"440107"})))) as server:
        page = opened(visit, f"{server.url}/command#incident/i-2")
        expect(page.locator(".candidate")).to_have_count(2)
        expect(page.locator("#dossier")).to_contain_text("有 1 段文字")
        assert page.locator("#dossier .button").count() == 0
        assert page.locator("#dossier-acts .button").all_inner_texts() == ["响应等级"]  # a leader's to say, and nothing else


@pytest.mark.long
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_is_cut_small_or_out_of_reach(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int, lang: str
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command?lang={lang}#incident/i-2")
        page.locator(".candidate .button").first.click()
        expect(page.locator(".sent")).to_have_count(1)
        expect(page.locator(".log-row")).to_have_count(1)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(600)
            assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
                width,
                height,
            ]
            assert page.evaluate(CUT) == [], f"{width} × {height}"
        small = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())"
            " && e.checkVisibility()).map(e => [parseFloat(getComputedStyle(e).fontSize), e.className]).filter(([size]) => size < 12.9)"
        )
        assert small == []
        assert unreached(page) == []
        if lang == "en":
            said = page.locator("main").inner_text()
            for name in ("空气站 1", "三楼冒烟，有人被困"):
                said = said.replace(name, "")
            assert CJK.findall(said) == []


@pytest.mark.long
def test_the_page_does_not_grow(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    """As many things on it after a hundred drawings with other incidents as after ten."""
    draw = """async (n) => {
      const kept = cityhelm.city.incidents;
      for (let k = 0; k < n; k += 1) {
        cityhelm.city.incidents = [{ ...kept[0], id: `x-${k}` }, ...kept.slice(1)];
        cityhelm.command.draw(k, { kind: "unit", id: "a-1" }, null, null);
      }
      cityhelm.city.incidents = kept;
      cityhelm.command.draw(0, { kind: "unit", id: "a-1" }, null, null);
      return document.querySelectorAll("main *").length;
    }"""
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#unit/a-1")
        expect(page.locator("#dossier")).to_contain_text("急救1车")
        expect(page.locator(".strip-mark")).to_have_count(4)
        few: Callable[[], int] = lambda: page.evaluate(draw, 10)  # noqa: E731 - named for what it measures
        assert few() == page.evaluate(draw, 100)


def test_a_warning_ended_leaves_the_list(serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        expect(page.locator("#queue .level")).to_have_count(2)
        for warning_id, level in conn.execute(
            "SELECT warning_id, level FROM warning JOIN warning_history USING (warning_id)"
        ).fetchall():
            if level == "red":
                warnings_table.record_step(conn, str(warning_id), WarningState.LIFTED, WarningLevel.RED, now=server.now())
        expect(page.locator("#queue .level")).to_have_count(1)
