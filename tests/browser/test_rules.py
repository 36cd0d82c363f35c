"""The rules screen: a rule is read, changed under the server's eye, tried out on stored history and kept as a draft."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from storage import rules
from storage.connection import Connection
from tests.browser.conftest import Serve, Visit
from tests.support.scenes import NOW, a_device, a_reading, a_rule, minutes, stored

pytestmark = pytest.mark.browser


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """Twelve hours of readings that pass 150 in the last of them, and a rule that warns from 100 on."""
    stored(conn, a_device(name="空气站 1"), *[a_reading(40 + 10 * k, minutes_ago=60 * (11 - k)) for k in range(12)])
    rules.seed_rules(conn, [a_rule()], now=NOW - minutes(600))
    return conn


def opened(visit: Visit, url: str) -> Page:
    page = visit.page
    page.goto(url, wait_until="domcontentloaded")
    expect(page.locator(".rule-row")).to_have_count(1)
    return page


def test_a_rule_is_changed_under_the_eye_of_the_server_and_kept_as_a_draft(
    serve: Serve, visit: Visit, database_url: str, scene: Connection
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/rules")
        expect(page.locator("[data-rule-field='levels.blue.raise']")).to_have_value("100")
        page.locator("[data-rule-field='levels.blue.raise']").fill("160")
        expect(page.locator("#rule-form .refusal")).to_contain_text("须改正")  # blue beyond yellow
        page.locator("[data-rule-field='levels.blue.raise']").fill("110")
        expect(page.locator(".rule-changes")).to_contain_text("110")
        expect(page.locator("#rule-form .refusal")).to_have_count(0)
        page.get_by_role("button", name="存为草稿").click()
        expect(page.locator(".rule-row")).to_contain_text("有草稿")
    assert [version.version for version in rules.list_rules(scene)] == [1], "a draft changes nothing that is live"


@pytest.mark.long
def test_a_change_is_published_by_two(serve: Serve, visit: Visit, database_url: str, scene: Connection) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/rules")
        page.locator("[data-rule-field='levels.blue.raise']").fill("110")
        page.get_by_role("button", name="提交发布").click()
        page.locator("#rule-change-form input").fill("误报过多")
        page.get_by_role("button", name="确定").click()
        expect(page.locator("#toast")).to_contain_text("另一人")
    assert [version.version for version in rules.list_rules(scene)] == [1]
    assert scene.execute("SELECT action FROM approval").fetchall() == [("rule.change",)]


@pytest.mark.long
def test_what_a_change_would_have_done_is_shown_beside_today(
    serve: Serve, visit: Visit, database_url: str, scene: Connection
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/rules")
        page.locator("[data-rule-field='levels.yellow.raise']").fill("149")
        page.locator("[data-rule-test]").click()
        expect(page.locator("#rule-proof")).to_contain_text("每班", timeout=60_000)
        expect(page.locator("#rule-proof")).to_contain_text("现行")
        page.get_by_role("button", name="版本").click()
        expect(page.locator("#rule-proof")).to_contain_text("第 1 版")
        page.get_by_role("button", name="告警负荷").click()
        expect(page.locator("#rule-proof")).to_contain_text("近 7 天")
