"""What the warnings page does beside showing its list: the keyboard, the risk of districts, maintenance, and being heard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from domain.warnings import WarningLevel
from storage.connection import Connection
from tests.browser.conftest import Serve, Visit, soon
from tests.browser.test_warnings import opened, raised, scene  # noqa: F401 - a fixture
from tests.support.scenes import the_stream

pytestmark = pytest.mark.browser


def test_an_officer_works_through_the_list_by_the_keyboard_alone(
    serve: Serve, visit: Visit, database_url: str, scene: dict[str, str]  # noqa: F811
) -> None:  # fmt: skip
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_contain_text("签收")
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).not_to_be_visible()
        page.keyboard.press("ArrowDown")
        soon(lambda: page.evaluate("document.activeElement.dataset.row") == "warnings", "a row in focus")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        soon(lambda: "#warning/" in page.url, "the second row is chosen")
        number = page.url.rpartition("/")[2]
        page.keyboard.press("x")
        expect(page.locator("#board-bulk")).to_contain_text("已选 1 条")
        page.keyboard.press("x")
        page.keyboard.press("a")
        expect(page.locator("#board-table tr.table-on")).to_contain_text("已签收")
        assert number in set(scene.values())


@pytest.mark.long
def test_maintenance_is_planned_seen_and_ended_beside_the_risk_of_districts(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: dict[str, str]  # noqa: F811
) -> None:  # fmt: skip
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings")
        page.get_by_role("button", name="区域风险").click()
        expect(page.locator("#board-table thead")).to_contain_text("较 1 小时前")
        expect(page.locator("#board-table .risk-part").first).to_contain_text("现时预警")
        page.locator("#board-filters").get_by_role("button", name="检修").click()
        expect(page.locator("#board-table")).to_contain_text("没有进行中或已登记的检修")
        page.get_by_role("button", name="登记检修").click()
        form = page.locator("#upkeep-plan-form")
        form.locator("[name=from]").fill("2026-03-02T09:00")
        form.locator("[name=until]").fill("2026-03-02T23:00")
        form.locator("[name=districts]").select_option(index=1)
        form.locator("[name=reason]").fill("更换传感器")
        page.locator("#board-table").get_by_role("button", name="确定").click()
        expect(page.locator("#board-table tbody tr")).to_contain_text("更换传感器")
        page.get_by_role("button", name="结束检修").click()
        expect(page.locator("#board-table")).to_contain_text("没有进行中或已登记的检修")
    assert conn.execute("SELECT reason, ended_at IS NOT NULL FROM maintenance").fetchall() == [("更换传感器", True)]


@pytest.mark.long
def test_a_new_grave_warning_rings_unless_it_is_muted_which_is_remembered(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: dict[str, str]  # noqa: F811
) -> None:  # fmt: skip
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings")

        def rung() -> int:
            return int(page.evaluate("cityhelm.chime.rung"))

        assert rung() == 0, "what stood before the page was opened is no news"
        raised(conn, the_stream(conn), WarningLevel.BLUE, minutes_ago=0, rule="mild")
        raised(conn, the_stream(conn), WarningLevel.RED, minutes_ago=0, rule="grave")
        soon(lambda: rung() == 1, "the red one rings, the blue one does not")
        page.locator("#sound").click()
        expect(page.locator("#sound")).to_have_attribute("aria-pressed", "false")
        page.reload(wait_until="domcontentloaded")
        expect(page.locator("#sound")).to_have_attribute("aria-pressed", "false")
        expect(page.locator("#sound")).to_have_attribute("title", "声音提示已关")
