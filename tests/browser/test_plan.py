"""The command screen beyond its lists: proposals with reasons, a call that a person takes, the life of an incident, what is near."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from dispatch.closing import close
from dispatch.needs import RunCard
from dispatch.planner.service import Planner
from dispatch.planning import Rules
from dispatch.practice import Practice
from dispatch.resources import reserve as hold
from domain.incidents import Grade
from domain.resources import Holding, ResourceKind
from domain.units import UnitStatus
from storage.connection import Connection
from storage.resources import seed_resources
from storage.stand_bys import write_stand_by
from tests.browser.conftest import Serve, Visit
from tests.browser.test_command import opened
from tests.support.scenes import COMMANDER, NOW, a_position, a_status, a_unit, an_incident, minutes, stored

pytestmark = pytest.mark.browser
PRACTICE = Practice((RunCard("fire", Grade.II, {"ambulance": 1, "ladder": 1}),), dict.fromkeys(Grade, 1.0), Rules())


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """A grave fire, two free ambulances, nobody with a ladder, and the plan of a planner without roads."""
    stored(
        conn, a_unit(), a_unit("a-2", name_zh="急救2车"), a_position(113.26), a_position(113.30, unit_id="a-2"),
        a_status(UnitStatus.AVAILABLE, minutes_ago=30), a_status(UnitStatus.AVAILABLE, unit_id="a-2", minutes_ago=30),
        an_incident("i-2", minutes_ago=5, grade=Grade.II, text="三楼冒烟，有人被困"),
    )  # fmt: skip
    Planner(None, PRACTICE).tick(conn, NOW)
    return conn


def test_who_should_go_is_said_with_its_reasons_and_sent_with_a_tap(
    serve: Serve, visit: Visit, database_url: str, scene: Connection
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-2")
        first = page.locator(".proposal")
        expect(first).to_have_count(1)
        expect(first).to_contain_text("急救1车")
        expect(first).to_contain_text("最快到达的可派单位")
        expect(page.locator("#dossier [title*='没有路网']")).to_have_count(1)
        expect(page.locator(".plan-needs")).to_contain_text("登高 1 · 救护车 1")
        expect(page.locator(".shortfall")).to_contain_text("缺口 1")
        expect(page.locator(".shortfall")).to_contain_text("本市没有这种力量")
        assert page.locator(".candidate").count() == 0, "the straight line is for cities without a planner"
        first.get_by_role("button", name="派出").click()
        expect(page.locator(".sent")).to_contain_text("急救1车")
        expect(page.locator(".proposal")).to_have_count(0)
    (said,) = scene.execute("SELECT recommendation_id, rank_chosen, override_reason FROM dispatch_order").fetchall()
    assert said[0] is not None
    assert said[1:] == (1, None)


@pytest.mark.long
def test_another_unit_goes_for_a_reason_that_is_kept(serve: Serve, visit: Visit, database_url: str, scene: Connection) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-2")
        page.locator(".proposal-others summary").click()
        instead = page.locator(".other", has_text="急救2车")
        instead.get_by_role("button", name="改派").click()
        expect(page.locator(".proposal-others input")).to_be_focused()
        page.keyboard.type("车上有破拆工具")
        instead.get_by_role("button", name="改派").click()
        expect(page.locator(".sent")).to_contain_text("急救2车")
    (reason,) = scene.execute("SELECT override_reason FROM dispatch_order").fetchone() or ("",)
    assert reason == "车上有破拆工具"


def test_a_call_is_taken_and_what_may_be_the_same_is_shown_before(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: Connection
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        page.get_by_role("button", name="接报", exact=True).click()
        expect(page.get_by_role("button", name="登记")).to_be_disabled()
        page.evaluate("() => { cityhelm.tools.ask = ({ done }) => done([[113.2502, 23.1252]]); }")  # a press on the map
        page.locator("[data-report=place]").click()
        page.locator(".report [name=hazard]").select_option("fire")
        expect(page.locator(".kin")).to_have_count(1)
        page.locator(".report [name=grade]").select_option("III")
        page.locator(".report [name=words]").fill("楼道有烟")
        page.get_by_role("button", name="登记").click()
        expect(page.locator(".dossier-head h2")).to_contain_text("火灾")
        expect(page.locator(".dossier-said")).to_have_text("楼道有烟")
        page.get_by_role("button", name="情况与影响").click()
        page.locator(".kin").get_by_role("button", name="并入").click()
        expect(page.locator(".dossier-head")).to_contain_text("已并案")
    assert conn.execute("SELECT count(*) FROM incident WHERE closed_at IS NULL").fetchone() == (1,)


@pytest.mark.long
def test_the_life_of_an_incident_is_told_by_those_who_command_it(
    serve: Serve, visit: Visit, database_url: str, scene: Connection
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-2")
        page.get_by_role("button", name="接管指挥").click()
        expect(page.locator(".dossier-head")).to_contain_text("指挥")
        page.get_by_role("button", name="核实", exact=True).click()
        expect(page.locator(".dossier-head")).to_contain_text("已核实")
        page.get_by_role("button", name="事件等级").click()
        page.locator("#steps-grade-form select").select_option("III")
        page.get_by_role("button", name="确定").click()
        expect(page.locator("#steps-grade-form input")).to_be_focused()
        page.keyboard.type("火势已缩小")
        page.get_by_role("button", name="确定").click()
        expect(page.locator(".dossier-head")).to_contain_text("较大")
        expect(page.locator("#steps-grade-form")).to_have_count(0)
        page.get_by_role("button", name="已控制").click()
        expect(page.locator(".dossier-head")).to_contain_text("已控制")
        page.get_by_role("button", name="经过").click()
        expect(page.locator(".story")).to_contain_text("已控制")


@pytest.mark.long
def test_room_in_a_shelter_is_reserved_and_given_back(serve: Serve, visit: Visit, database_url: str, scene: Connection) -> None:
    shelter = Holding(
        "shelter-1", ResourceKind.SHELTER, "shelter", "东区应急避难场所", "East shelter", "人", "people", "应急管理局", "440106",
        None, "", "", 113.27, 23.13, 120, 20, None,
    )  # fmt: skip
    seed_resources(scene, [shelter], NOW)
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-2")
        page.get_by_role("button", name="资源", exact=True).click()
        near = page.locator(".supply", has_text="东区应急避难场所")
        expect(near).to_contain_text("可用 100 人")
        near.locator("input").fill("30")
        near.get_by_role("button", name="预留").click()
        expect(page.locator(".supply", has_text="可用 70 人")).to_have_count(1)
        page.get_by_role("button", name="释放").click()
        expect(page.locator(".supply", has_text="可用 100 人")).to_have_count(1)


@pytest.mark.long
def test_a_line_and_a_point_are_drawn_with_how_far_they_reach(
    serve: Serve, visit: Visit, database_url: str, scene: Connection
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-2")
        page.get_by_role("button", name="情况与影响").click()
        page.evaluate(
            "() => { cityhelm.tools.ask = ({ kind, done }) => done(kind === 'line' ? [[113.25, 23.12], [113.26, 23.12]] : [[113.25, 23.12]]); }"
        )
        page.locator("#impact-reach").fill("50")
        page.get_by_role("button", name="沿线绘制").click()
        expect(page.locator("#dossier")).to_contain_text("沿线外扩 50 米")
        page.locator("#impact-reach").fill("300")
        page.get_by_role("button", name="定点").click()
        expect(page.locator("#dossier")).to_contain_text("300 米")
    drawn = scene.execute("SELECT shape ->> 'type', reach_m FROM incident_area ORDER BY recorded_at").fetchall()
    assert drawn == [("LineString", 50), ("Point", 300)]


@pytest.mark.long
def test_what_a_silent_unit_and_an_ended_incident_leave_open_is_on_the_page(
    serve: Serve, visit: Visit, database_url: str, scene: Connection
) -> None:
    """An ambulance that did not answer where it was to stand by; water held for a fire that has been put out."""
    lot = Holding(
        "w-1:water", ResourceKind.SUPPLY, "water", "瓶装饮用水", "Bottled water", "箱", "cases", None, "440106", "w-1", "一号库",
        "Warehouse 1", 113.26, 23.125, 50, 0, None,
    )  # fmt: skip
    seed_resources(scene, [lot], NOW)
    hold(scene, "w-1:water", "i-2", COMMANDER, NOW, amount="5", zone=ZoneInfo("Asia/Shanghai"))
    closing = {"ending": "closed", "reason": "已扑灭", "zone": ZoneInfo("Asia/Shanghai")}
    close(scene, "i-2", COMMANDER, NOW, **closing)
    moving = {"actor": "li", "now": NOW - minutes(3), "expires_at": NOW - minutes(1), "proposal": None, "exercise_id": None}
    write_stand_by(scene, "s-1", "a-1", ("ems-9", 113.2, 23.1), **moving)
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command")
        expect(page.locator(".unanswered")).to_contain_text("急救1车 → ems-9")
        expect(page.locator(".unanswered")).to_contain_text("未接令")
        left = page.locator(".supply", has_text="瓶装饮用水")
        expect(left).to_contain_text("5 箱")
        left.locator("input").fill("2")
        left.get_by_role("button", name="释放").click()
        expect(page.locator(".supply", has_text="瓶装饮用水")).to_have_count(0)
    assert scene.execute("SELECT used FROM resource_reservation").fetchone() == (2,)


@pytest.mark.long
def test_the_planner_that_is_away_is_said(serve: Serve, visit: Visit, database_url: str, scene: Connection) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/command#incident/i-2")
        expect(page.locator("#dossier")).to_contain_text("派遣规划进程无响应")
