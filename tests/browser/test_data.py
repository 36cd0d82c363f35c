"""The data screen: the account, the places of losses down to one source, and a letter that is mended in the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from storage.connection import Connection
from tests.browser.conftest import CUT, Serve, Visit
from tests.dashboard.test_data import scene as scene  # the same hour and the same letters
from tests.support.scenes import STATION

pytestmark = pytest.mark.browser
SIZES = ((1366, 768), (1920, 1080), (2560, 720), (1664, 448))


def opened(visit: Visit, url: str) -> Page:
    page = visit.open(url)
    page.wait_for_selector("#data-account .data-verdict, #data-account .face-empty")
    return page


def test_the_account_the_losses_and_a_letter_from_end_to_end(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: Connection
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/data")
        expect(page.locator(".data-verdict-good")).to_contain_text("收支相符")
        expect(page.locator("#data-kpis .data-below")).to_contain_text("目标 98%")
        cell = page.locator("#data-losses tbody tr").first.locator("[data-cell]").nth(23)
        cell.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        row = page.locator("#data-drill tr[data-row]")
        expect(row).to_have_count(1)
        row.click()
        expect(page.locator(".data-source-name")).to_have_text("空气站 1")
        expect(page.locator("#data-drill .table tbody tr")).to_have_count(2)
        page.locator("#data-drill .button", has_text="返回").click()
        expect(row).to_have_count(1)

        page.locator("#data-letters tr[data-row]", has_text="pm25").click()
        field = page.locator("#letter-payload")
        expect(field).to_have_value('{"id":"m","ts":"2026-03-02T00:52:30+00:00","values":{"pm25":"wet"}}')
        act, said = page.locator(".letters-deeds .button"), page.locator("#data-letter .letters-verdict")
        act.nth(1).click()
        expect(said).to_have_text('仍被拒收：pm25 为 "wet"：应为有限数值')
        field.fill(field.input_value().replace('"wet"', "41.5"))
        page.wait_for_timeout(1_200)  # the page is drawn anew every second: what is typed stays
        act.nth(0).click()
        expect(said).to_have_text("可以重放：将入库 1，更正 0，重复 0")
        act.nth(1).click()
        expect(said).to_contain_text("已重放：入库 1")
        expect(page.locator(".letters-done")).to_contain_text("由 li 重放")
        expect(page.locator("#data-letters tr[data-row]")).to_have_count(1)
        assert conn.execute("SELECT value FROM observation WHERE value = 41.5").fetchall() == [(41.5,)]

        page.locator("#data-reasons .link", has_text="主题不符").click()
        page.locator("#data-reasons .button", has_text="批量重放").click()
        expect(page.locator("#data-reasons .letters-verdict")).to_contain_text("已处理 1 条死信：重放 0 条")


def test_an_empty_city_says_so_everywhere(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/data?lang=en")
        for name in ("account", "scores", "losses", "drill", "reasons", "fresh"):
            expect(page.locator(f"#data-{name}")).to_contain_text("No data")
        expect(page.locator("#data-letters")).to_contain_text("No letter matches")


@pytest.mark.long
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_is_cut_at_any_size(serve: Serve, visit: Visit, database_url: str, scene: Connection, lang: str) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/data?lang={lang}")
        page.evaluate(f"cityhelm.data.source = '{STATION}'")
        page.locator("#data-letters tr[data-row]").first.click()
        page.wait_for_selector("#letter-payload")
        page.wait_for_selector(".data-source-head")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(600)
            assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
                width,
                height,
            ]
            assert page.evaluate(CUT) == [], f"{width} × {height}"


@pytest.mark.long
def test_shades_and_scores_are_never_kinder_than_the_numbers(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/data")
        assert page.evaluate("[0, 0.001, 0.02, 0.021, 0.1, 0.5, 0.51, 1].map(cityhelm.data.shadeOf)") == [0, 1, 1, 2, 3, 4, 5, 5]
        assert page.evaluate("[null, 0, 0.97999, 0.98, 0.9999, 1].map(cityhelm.data.shareText)") == [
            None, "0.0", "97.9", "98.0", "99.9", "100",
        ]  # fmt: skip
