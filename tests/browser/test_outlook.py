"""The forecasts screen: a series found and read, how good it was, the accuracy of all, the cards; by address, hand and keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CUT, Serve, Visit
from tests.dashboard.test_outlook import scene as scene  # two stations, one foreseen well and one badly

pytestmark = pytest.mark.browser
SIZES = ((1366, 768), (1920, 1080), (3840, 1080), (2560, 720))


def opened(visit: Visit, url: str) -> Page:
    page = visit.open(url)
    page.wait_for_selector("#outlook-found .table, #outlook-found .quiet")
    return page


def test_a_series_is_found_read_and_judged(serve: Serve, visit: Visit, database_url: str, scene: tuple[int, int]) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/forecasts")
        expect(page.locator("#outlook-kpis")).to_contain_text("共 12 个序列")
        page.locator("#outlook-q").fill("air-2")
        row = page.locator("#outlook-found tr[data-row]")
        expect(row).to_have_count(1)
        row.click()
        expect(page.locator(".outlook-made")).to_contain_text("可用数据仅 3 个，至少需要 4 个")
        expect(page.locator("#outlook-good tbody tr")).to_have_count(2)
        expect(page.locator("#outlook-good .outlook-worse").first).to_have_text("1.50")
        assert f"series={scene[1]}" in page.url
        page.locator("#outlook-q").fill("air-1")
        expect(row).to_contain_text("空气站 1")
        row.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#outlook-odd")).to_contain_text("9.7 超出该时段通常的 2.4–4，自 08:45 起")
        expect(page.locator("#outlook-who .ranking-row")).to_have_count(2)
        for name in ("fan-wide", "fan-band", "fan-median", "fan-measured", "fan-earlier"):
            expect(page.locator(f"#outlook-one .{name}")).to_have_count(1)
        page.locator("#outlook-one .segment", has_text="7 天").click()
        expect(page.locator("#outlook-one .segment-on")).to_have_text("7 天")

        page.locator("#outlook-tabs .segment", has_text="准确度").click()
        expect(page.locator("#outlook-table tbody tr")).to_have_count(4)
        page.locator("#outlook-worst tr[data-row]").click()
        expect(page.locator(".outlook-made")).to_contain_text("可用数据仅 3 个")
        page.locator("#outlook-tabs .segment", has_text="模型").click()
        expect(page.locator(".outlook-card", has_text="autoreg")).to_contain_text("statsmodels")


@pytest.mark.long
def test_an_address_names_its_series(serve: Serve, visit: Visit, database_url: str, scene: tuple[int, int]) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/forecasts?lang=en&series=hall/hall-1/arrivals")
        expect(page.locator("#outlook-one h3")).to_have_text("Yuexiu hall · arrivals")
        expect(page.locator(".outlook-made")).to_contain_text("No forecast of this series")
        page = opened(visit, f"{server.url}/forecasts?lang=en&series=999999")
        expect(page.locator("#outlook-one")).to_contain_text("There is no such series")
        visit.complaints.clear()  # the browser notes the 404 that says so


def test_an_empty_city_says_so_everywhere(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/forecasts?lang=en")
        expect(page.locator("#outlook-found")).to_contain_text("No series matches")
        expect(page.locator("#outlook-odd")).to_contain_text("No data")
        expect(page.locator("#outlook-kpis .kpi").first).to_contain_text("No data")
        page.locator("#outlook-tabs .segment", has_text="Accuracy").click()
        for name in ("table", "worst"):
            expect(page.locator(f"#outlook-{name}")).to_contain_text("No data")


@pytest.mark.long
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_is_cut_at_any_size(serve: Serve, visit: Visit, database_url: str, scene: tuple[int, int], lang: str) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/forecasts?lang={lang}&series={scene[0]}")
        page.wait_for_selector("#outlook-one .fan-plot")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            for view in ("explore", "judge", "models"):
                page.evaluate(f"cityhelm.forecasts.view = '{view}'; cityhelm.page.beat()")
                page.wait_for_timeout(600)
                assert page.evaluate(CUT) == [], (width, height, view)
