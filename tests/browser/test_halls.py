"""The halls screen: a hall's figures, windows and day; all halls; halls that are closed, tell less, or tell nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from domain.halls import HallEventKind
from domain.observations import PropertySpec
from storage.connection import Connection
from tests.browser.conftest import CUT, Serve, Visit, overlapping
from tests.support.halls import a_visit, said
from tests.support.scenes import COUNTER, a_device, a_reading, a_state, stored

pytestmark = pytest.mark.browser
K = HallEventKind
WEEK = 7 * 24 * 60
SNAPSHOT = (PropertySpec("waiting", "{people}", 0, 5000), PropertySpec("wait_s", "s", 0, 86400))
QUEUE = "440106/hall/mva/annapolis"


def halls_of_a_morning(conn: Connection) -> None:
    """East Hall with three windows and a queue, West Hall closed today, and Annapolis, of which only snapshots are known."""
    for hall_id, zh, en in (("hall-1", "东区政务服务中心", "East Hall"), ("hall-2", "西区政务服务中心", "West Hall")):
        device_id = COUNTER.replace("hall-1", hall_id)
        attributes = (("name_zh", zh), ("name_en", en), ("capabilities", "tax;enquiry;social_security;id_card"))
        stored(conn, a_device(device_id, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, attributes=attributes),
               a_state("online", device_id=device_id, minutes_ago=60))  # fmt: skip
    stored(conn, a_device(QUEUE, type_name="QueueObserved", interval_s=300, properties=SNAPSHOT, name="Annapolis"),
           a_reading(12, device_id=QUEUE, prop="waiting", item="renewal", minutes_ago=1),
           a_reading(900, device_id=QUEUE, prop="wait_s", item="renewal", minutes_ago=1))  # fmt: skip
    stored(
        conn, said(K.WINDOW_OPEN, -45, window=1, items=("tax", "enquiry"), clerk="c01"), said(K.WINDOW_OPEN, -45, window=2, items=("id_card",), clerk="c02"),
        said(K.WINDOW_OPEN, -45, window=3, items=("tax",), clerk="c03"), said(K.WINDOW_PAUSE, -5, window=3),
        *a_visit("A001", -44, -24, -23, -10, window=1), *a_visit("A002", -40, -9, -8, 30, window=1)[:3], said(K.ARRIVE, -12, "A003", channel="appointment"),
        said(K.RATING, -9, "A001", grade=1),
        *(said(K.ARRIVE, -40 - back * WEEK, "A001") for back in (1, 2)),
        *(said(K.ARRIVE, 24 * 60 - 15 - back * WEEK, "A001", hall_id="hall-2") for back in (1, 2)),
    )  # fmt: skip


def opened(visit: Visit, url: str) -> Page:
    page = visit.open(url)
    expect(page.locator("#hall-all .hall-row").first).to_be_visible()
    return page


def figures(page: Page) -> dict[str, str]:
    rows = page.locator("#hall-figures .kpi").all()
    return {
        row.get_attribute("aria-label") or "": re.sub(r"\s+", " ", row.locator(".kpi-line").inner_text()).strip() for row in rows
    }


@pytest.mark.long
def test_a_hall_s_morning_is_on_one_screen(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    halls_of_a_morning(conn)
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/halls")
        expect(page.locator("[data-hall-select]")).to_have_value("hall-1")
        expect(page.locator(".hall-window")).to_have_count(3)
        shown = figures(page)
        assert 12 <= int(shown["当前最长等候"].split()[0]) <= 12 + server.minutes_after() + 1, "one has waited since 8:48"
        assert shown["P90 等候"].startswith("31 "), "waits of 20 and 31 minutes: nine in ten waited at most 31"
        assert (shown["等候人数"], shown["今日取号"], shown["今日办结"], shown["开放窗口"]) == ("1", "3", "1", "2")
        expect(page.locator("#hall-figures")).to_contain_text("超 16")
        first, second, third = page.locator(".hall-window").all_inner_texts()
        assert re.match(r"1\s.*办理中\s+c01\s+A002\s+\d\d:\d\d", first, re.DOTALL)
        assert "空闲" in second
        assert "暂停" in third
        assert "居民身份证" in page.locator("#hall-waits").inner_text()
        expect(page.locator("#hall-arrivals")).to_contain_text("近 2 个星期一的平均")
        expect(page.locator("#hall-arrivals")).to_contain_text("暂无预测")
        expect(page.locator("#hall-ratings .hall-grade").first).to_contain_text("100%")
        untold = page.evaluate(
            "[...document.querySelectorAll('main .num')].filter(e => !e.title || !(e.dataset.source ?? '').includes(' · ')).map(e => e.textContent)"
        )
        assert untold == [], "every number says where it comes from"


def test_it_goes_on_by_itself_and_another_hall_is_a_click_away(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    halls_of_a_morning(conn)
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/halls?lang=en")
        waiting = page.locator("#hall-figures .kpi").nth(3).locator(".kpi-line .unseen")
        expect(waiting).to_have_text("1")
        stored(conn, said(K.ARRIVE, server.minutes_after(), "A004"))
        expect(waiting).to_have_text("2")
        closed = page.locator("[data-hall='hall-2']")
        expect(closed).to_contain_text("Closed")
        closed.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#hall-choice")).to_contain_text(re.compile(r"usually opens\s*Tue 08:45"))
        expect(page.locator("#hall-windows")).to_contain_text("No window has opened today")
        assert "hall=hall-2" in page.url
        page.locator("[data-hall-select]").select_option("annapolis")
        expect(page.locator("#hall-windows")).to_contain_text("snapshots")
        expect(page.locator("#hall-waits")).to_contain_text("renewal")
        assert figures(page)["Waiting"] == "12"
        assert figures(page)["Arrived today"] == "No data"
        assert not re.search("[\u4e00-\u9fff]", page.locator("main").inner_text())


def test_a_city_without_halls_says_so(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/halls")
        for part in ("figures", "windows", "waits", "arrivals", "ratings", "all"):
            expect(page.locator(f"#hall-{part}")).to_contain_text("暂无数据")
        assert page.locator("main .num").count() == 0


@pytest.mark.long
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080)])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_is_cut_or_in_the_way(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, width: int, height: int, lang: str
) -> None:
    halls_of_a_morning(conn)
    with serve(database_url) as server:
        visit.page.set_viewport_size({"width": width, "height": height})
        page = opened(visit, f"{server.url}/halls?lang={lang}")
        expect(page.locator(".hall-window")).to_have_count(3)
        cut: list[Any] = page.evaluate(CUT)
        assert cut == []
        assert overlapping(page, "main > .card, .hall-top > *") == []
        assert page.evaluate(
            "[document.documentElement.scrollWidth <= innerWidth, document.documentElement.scrollHeight <= innerHeight]"
        ) == [True, True]
