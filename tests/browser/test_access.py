"""The way in and the second person in a real browser: who are you, a password, a role, a badge, a banner."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from access import approvals as second
from access import people, totp
from access.passwords import hashed
from domain.rights import EVERYWHERE, Action, Actor, Role
from storage import accounts, approvals
from storage.connection import Connection
from tests.browser.conftest import Serve, Visit
from tests.support.scenes import NOW
from tests.support.visitors import settled

pytestmark = pytest.mark.browser
PASSWORD = "three willows by the river"
ADMIN = Actor("admin1", Role.ADMINISTRATOR)


def an_account(conn: Connection, name: str, *roles: Role, must_change: bool = False) -> None:
    accounts.create_account(
        conn,
        name,
        department=None,
        password_hash=hashed(PASSWORD),
        must_change=must_change,
        subject=None,
        created_by="test",
        now=NOW,
    )
    for role in roles:
        accounts.create_grant(conn, name, role, EVERYWHERE, granted_by="test", approval_id=None, now=NOW)


@pytest.mark.long
def test_who_comes_from_a_page_signs_in_and_goes_on_to_it(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    an_account(conn, "oper1", Role.OPERATOR)
    with serve(database_url, acts_as=None) as server:
        page = visit.page
        page.goto(f"{server.url}/system")
        expect(page).to_have_url(f"{server.url}/sign-in?next=/system")
        page.get_by_label("账号").fill("oper1")
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_role("button", name="登录").click()
        page.wait_for_selector(".kpi")
        expect(page).to_have_url(f"{server.url}/system")
        expect(page.locator(".actor")).to_have_text("运维 · oper1")
        expect(page.get_by_role("link", name="审计")).to_have_count(0)


@pytest.mark.long
def test_a_first_password_a_role_and_an_authenticator_come_one_after_the_other(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    an_account(conn, "wu", Role.COMMANDER, Role.DISPATCHER, must_change=True)
    with serve(database_url, acts_as=None) as server:
        page = visit.page
        page.goto(f"{server.url}/sign-in")
        page.get_by_label("账号").fill("wu")
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_role("button", name="登录").click()
        page.get_by_label("当前密码").fill(PASSWORD)
        page.get_by_label("新密码（至少 12 个字符）").fill("four lamps in the rain")
        page.get_by_label("再次输入新密码").fill("four lamps in the rain")
        page.get_by_role("button", name="确认").click()
        page.get_by_role("button", name="指挥长").click()
        assert page.locator(".qr path").evaluate("path => path.getBBox().width") > 20, (
            "the picture is drawn, under the strict policy"
        )
        secret = (page.locator(".secret").text_content() or "").replace(" ", "")
        page.get_by_label("动态口令").fill(totp.code_at(secret, totp.step_of(server.now())))
        page.get_by_role("button", name="确认").click()
        page.wait_for_selector(".kpi")
        expect(page.locator(".actor")).to_have_text("指挥长 · wu")


def pending(conn: Connection) -> Any:
    """A role that another administrator has asked for."""
    settled(conn, ADMIN, at=NOW)
    people.create(conn, "duty1", ADMIN, NOW)
    rule = approvals.find_rule(conn, Action.GRANT_ROLE)
    assert rule is not None
    return second.ask(conn, rule, {"name": "duty1", "role": "dispatcher"}, ADMIN, NOW, reason="new on the desk")


def test_a_request_waits_behind_a_badge_and_is_carried_out_when_another_agrees(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    pending(conn)
    with serve(database_url, acts_as=Actor("admin2", Role.ADMINISTRATOR)) as server:
        page = visit.page
        page.goto(f"{server.url}/people")
        expect(page.locator("#requests-count")).to_have_text("1")
        page.locator("#requests-badge").click()
        page.get_by_role("button", name="批准并执行").click()
        expect(page.locator(".access-said")).to_contain_text("已授予 duty1")
        expect(page.locator("#approvals-past .access-request")).to_have_count(1)
        (grant,) = accounts.list_grants(conn, "duty1")
        assert (grant.role, grant.granted_by) == (Role.DISPATCHER, "admin1")


def test_an_administrator_asks_for_another_policy_on_the_page_of_people(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    with serve(database_url, acts_as=ADMIN) as server:
        page = visit.page
        page.goto(f"{server.url}/people")
        page.locator("#rule-action").select_option("order.issue")
        page.locator("#rule-minutes").fill("20")
        page.locator("#rule-because").fill("a drill")
        page.locator("#people-policy").get_by_role("button", name="修改").click()
        expect(page.locator(".access-said")).to_contain_text("待另一人批准")
        (request,) = approvals.list_recent(conn, limit=9)
        assert request.payload == {"action": "order.issue", "required": "yes", "minutes": "20"}
        expect(page.locator("#rule-action option[value='approval.decide']")).to_have_count(0)


def test_a_broken_glass_is_a_banner_on_every_screen(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    pending(conn)
    bold = second.break_glass(conn, Action.GRANT_ROLE, {"name": "duty1", "role": "leader"}, ADMIN, NOW, reason="alone")
    people.grant(conn, "duty1", "leader", EVERYWHERE, bold, NOW)
    with serve(database_url, acts_as=Actor("wall1", Role.WALL)) as server:
        page = visit.open(f"{server.url}/wall")
        expect(page.locator("#glass-banner")).to_contain_text("admin1")
        expect(page.locator("#glass-banner")).to_contain_text("授予角色")
