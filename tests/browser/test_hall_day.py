"""A manager's day on the page of halls: the proposal that is looked at, tried out, accepted or declined; a window by hand; rosters,
ratings and the city in views of their own; what the cockpit tells of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from domain.halls import HallEventKind
from domain.rights import Actor, Role, Scope
from domain.staffing import ProposalState, StepState
from storage import window_plans
from storage.connection import Connection
from storage.window_plans import WindowProposal
from tests.browser.conftest import Serve, Server, Visit, overlapping, soon
from tests.browser.test_halls import halls_of_a_morning
from tests.support import hall_answers
from tests.support.halls import said
from tests.support.scenes import NOW, stored

pytestmark = pytest.mark.browser
K = HallEventKind
MANAGER = Actor("dai", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-1"})))
LATER = timedelta(minutes=14)


def proposed(conn: Connection, proposal_id: str = "wp-1") -> None:
    """A proposal for East Hall: window 3 opens for tax now, for an hour."""
    t = round(NOW.timestamp() * 1000)
    step = hall_answers.step(t, 3, 0, (), ("tax",), from_state="paused", until=t + hall_answers.HOUR)
    told = {
        name: value for name, value in hall_answers.proposal(t).items() if name not in ("id", "state", "issued", "valid_until")
    }
    commands = [
        {"window": 3, "at": t, "state": "open", "items": ["tax"]},
        {"window": 3, "at": t + hall_answers.HOUR, "state": "paused", "items": []},
    ]
    content = {**told, "steps": [step], "commands": commands, "target_s": 900, "day_kind": "workday"}
    made = WindowProposal(proposal_id, "hall-1", NOW, NOW + LATER, ProposalState.OPEN, content)
    window_plans.write_proposal(conn, made, now=NOW)


def answered(page: Page, server: Server, **instead: Any) -> list[dict[str, Any]]:
    """Answers what is asked about a hall's future in the server's place; what was posted is kept."""
    posted: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        make = instead.get(path.rsplit("/", 1)[1], hall_answers.ANSWERS.get(path))
        if make is None:
            return route.fallback()
        if route.request.method == "POST":
            posted.append(route.request.post_data_json)
        return route.fulfill(json=make(round(server.now().timestamp() * 1000)))

    page.route("**/api/hall/**", answer)
    page.route("**/api/halls/city", answer)
    return posted


def opened(visit: Visit, server: Server, address: str = "") -> Page:
    page = visit.open(f"{server.url}/halls?hall=hall-1{address}")
    expect(page.locator("#hall-choice select")).to_have_value("hall-1")
    return page


@pytest.mark.long
def test_the_manager_accepts_a_proposal_and_stops_it_with_a_reason(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    halls_of_a_morning(conn)
    proposed(conn)
    with serve(database_url, acts_as=MANAGER) as server:
        page = opened(visit, server)
        banner = page.locator("#hall-banner")
        expect(banner.locator(".hall-banner-said")).to_contain_text(re.compile(r"预计最长等候\s*24\s*→\s*11\s*分钟"))
        expect(page.locator(".hall-window-lit")).to_contain_text("→ 税务")
        expect(page.locator(".hall-course-lit .hall-piece-proposed")).to_be_visible()
        assert banner.locator(".button-first").count() == 1, "one thing is proposed, one button is solid"
        banner.get_by_role("button", name="采纳", exact=True).click()
        expect(banner).to_contain_text("方案执行中")
        steps = soon(lambda: window_plans.list_steps(conn, "hall-1", NOW - LATER), "the commands are written")
        assert [(s.window_no, s.wanted) for s in steps if s.follows is None] == [(3, "open")]
        page.locator("[data-hall-plan=steps]").click()
        expect(page.locator(".hall-step").first).to_contain_text(re.compile("待执行|已下发"))
        banner.get_by_role("button", name="中止", exact=True).click()
        expect(banner.locator("[name=reason]")).to_be_focused()
        page.keyboard.type("客流已回落")
        banner.get_by_role("button", name="确认中止").click()
        expect(banner).not_to_contain_text("方案执行中")
        found = soon(
            lambda: (p := window_plans.find_proposal(conn, "wp-1")) and p.state is ProposalState.WITHDRAWN and p, "stopped"
        )
        assert found.reason == "客流已回落"


@pytest.mark.long
def test_a_proposal_is_declined_with_a_reason_in_place_and_a_window_commanded_by_hand(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    halls_of_a_morning(conn)
    proposed(conn)
    with serve(database_url, acts_as=MANAGER) as server:
        page = opened(visit, server)
        banner = page.locator("#hall-banner")
        banner.get_by_role("button", name="不采纳").click()
        banner.get_by_role("button", name="确认不采纳").click()
        expect(banner.locator("[name=reason]")).to_be_focused()
        assert window_plans.find_open(conn, "hall-1") is not None, "without a reason nothing is said"
        banner.locator("[name=reason]").fill("7 号窗设备检修")
        banner.get_by_role("button", name="确认不采纳").click()
        expect(banner).to_contain_text("暂无开窗建议")
        page.locator("[data-hall-plan=past]").click()
        expect(page.locator(".hall-past")).to_contain_text("7 号窗设备检修")
        page.locator("[data-hall-window='3']").click()
        page.locator(".hall-by-hand [name=state]").select_option("open")
        page.locator(".hall-by-hand [name=items]").select_option("tax")
        page.locator(".hall-by-hand [name=minutes]").fill("45")
        page.locator(".hall-by-hand [name=reason]").fill("排队过长")
        page.get_by_role("button", name="下发指令").click()
        expect(page.locator("#toast")).to_be_visible()
        steps = soon(lambda: window_plans.list_steps(conn, "hall-1", NOW - LATER), "the command is written")
        first = next(s for s in steps if s.follows is None)
        assert (first.window_no, first.wanted, first.items, first.actor) == (3, "open", ("tax",), "dai")
        assert first.state in (StepState.PLANNED, StepState.SENT)
        expect(page.locator(".hall-by-hand")).to_have_count(0)


def test_sliders_ask_what_would_be_and_redraw_the_fan(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    halls_of_a_morning(conn)
    with serve(database_url, acts_as=MANAGER) as server:
        posted = answered(visit.page, server)
        page = opened(visit, server)
        expect(page.locator("#hall-ahead")).to_contain_text("按方案 P90")
        page.locator("[data-hall-ahead=forecast]").click()
        expect(page.locator("#hall-ahead")).to_contain_text(
            re.compile(r"提前\s*60\s*分钟：80% 区间实际覆盖\s*79\s*%，平均误差\s*4.4\s*分钟（按当前等候外推\s*8.3")
        )
        arrivals = page.locator("[data-if=arrivals]")
        for percent in range(5, 35, 5):
            arrivals.fill(str(percent))
        expect(page.locator("#hall-if-sub")).to_contain_text(re.compile(r"200\s*次仿真 ·\s*312\s*毫秒"))
        assert posted[-1] == {"hall": "hall-1", "arrivals": 1.3}
        assert len(posted) <= 3, "what is dragged is asked once it rests"
        expect(page.locator("#hall-ahead")).to_contain_text("试算后 P90")
        expect(page.locator(".hall-if-figures")).to_contain_text(re.compile(r"24 → 12"))
        page.get_by_role("button", name="清除").click()
        expect(page.locator(".hall-if-figures")).to_have_count(0)
        page.get_by_role("button", name="调整").click()
        expect(page.locator(".hall-if-step")).to_have_count(2)
        page.locator("[data-if-shift='0,1']").click()
        page.locator("[data-if-keep='1']").click()
        for _ in range(100):  # the answers come from here: nothing may wait but the browser
            if len(posted[-1].get("windows", [])) == 1:
                break
            page.wait_for_timeout(100)
        step = hall_answers.proposal(round(NOW.timestamp() * 1000))["steps"][0]
        (window,) = posted[-1]["windows"]
        assert (window["window"], window["at"]) == (7, step["at"] + hall_answers.SLOT)
        accept = page.get_by_role("button", name="采纳调整后的方案")
        assert '"steps":"[{' in (accept.get_attribute("data-act") or "").replace("\\", "")
        refused = {
            "before": None,
            "after": None,
            "n": 0,
            "took_ms": 0,
            "said": None,
            "refused": hall_answers.pair("没有人员", "no clerks"),
        }
        answered(page, server, what_if=lambda t: refused)
        page.locator("[data-if-shift='0,-1']").click()
        expect(page.locator("#hall-if .refusal")).to_have_text("没有人员")


@pytest.mark.long
def test_who_may_not_act_sees_no_buttons_and_a_manager_no_city(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    halls_of_a_morning(conn)
    proposed(conn)
    with serve(database_url, acts_as=MANAGER) as server:
        page = opened(visit, server)
        expect(page.locator("[data-hall-view]")).to_have_count(3)
        expect(page.locator("[data-hall-view=city]")).to_have_count(0)
        expect(page.locator("#hall-all .hall-row[data-hall]")).to_have_count(1)
    with serve(database_url) as server:  # a commander
        page = opened(visit, server, "&lang=en")
        expect(page.locator(".hall-banner-said")).to_contain_text("worst wait")
        expect(page.locator("[data-hall-view]")).to_have_count(3)
        expect(page.locator("[data-hall-view=roster]")).to_have_count(0)
        assert page.locator("[data-act], [data-hall-ask], [data-hall-adjust], [data-hall-window]").count() == 0


def test_rosters_ratings_and_the_city_have_views_with_addresses(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    halls_of_a_morning(conn)
    with serve(database_url, acts_as=Actor("dai", Role.HALL_MANAGER)) as server:
        answered(visit.page, server)
        page = opened(visit, server, "&view=roster")
        expect(page.locator(".hall-matrix tbody tr")).to_have_count(12)
        page.locator("[data-roster-day]").nth(2).click()
        expect(page.locator("[data-roster-day]").nth(2)).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#hall-unmet")).to_contain_text("缺 1 人")
        assert page.get_by_role("link", name="导出 Excel").get_attribute("href") == "/api/hall/roster.xlsx?id=ro-1"
        page.get_by_role("button", name="登记人员").click()
        page.locator("[data-skill]").first.click()
        expect(page.locator("#hall-clerks [name=skills]")).to_have_value(re.compile("[a-z_]+"))
        page.locator("[data-hall-view=ratings]").click()
        expect(page.locator(".hall-follow-row").first).to_contain_text(re.compile(r"逾期\s*1\s*个工作日"))
        page.locator("[data-follow-up='f-1']").click()
        expect(page.locator("#hall-case")).to_contain_text("已电话回访")
        expect(page.get_by_role("button", name="已整改")).to_be_visible()
        page.locator("[data-hall-view=city]").click()
        expect(page.locator("#hall-surges")).to_contain_text("×2.2")
        expect(page.locator("#hall-cross")).to_contain_text(re.compile(r"−11%"))
        assert "view=city" in page.url
        page.reload()
        expect(page.locator("#hall-compare tbody tr")).to_have_count(2)
        untold = page.evaluate(
            "[...document.querySelectorAll('main .num')].filter(e => e.checkVisibility() && (!e.title || !(e.dataset.source ?? '').includes(' · '))).map(e => e.textContent)"
        )
        assert untold == [], "every number says where it comes from"


@pytest.mark.long
def test_a_hall_of_which_nothing_is_foreseen_has_sentences_for_it(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    halls_of_a_morning(conn)
    stored(conn, said(K.ARRIVE, -3, "A050"))
    with serve(database_url, acts_as=Actor("dai", Role.HALL_MANAGER)) as server:
        page = opened(visit, server)
        expect(page.locator("#hall-banner")).to_contain_text("暂无开窗建议")
        expect(page.locator("#hall-ahead .face")).to_be_visible()
        expect(page.locator("#hall-plan")).to_contain_text("改动 0 处")
        page.locator("[data-hall-view=roster]").click()
        expect(page.locator("#hall-rosters")).to_contain_text("尚无排班")
        page.locator("[data-hall-view=ratings]").click()
        expect(page.locator("#hall-follow")).to_contain_text("没有待回访的差评")
        page.locator("[data-hall-view=city]").click()
        expect(page.locator("#hall-best")).to_contain_text("历史不足")
        page.locator("[data-hall-view=today]").click()
        page.locator("[data-hall-select]").select_option("annapolis")
        expect(page.locator("#hall-banner")).to_contain_text("仅有排队快照")
        expect(page.locator("#hall-if")).to_contain_text("无法试算")


@pytest.mark.long
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080), (3840, 1080)], ids=str)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_view_is_cut_or_scrolls_the_page(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, size: tuple[int, int], lang: str
) -> None:
    from tests.screens.inspection import language_findings, overflow_findings

    halls_of_a_morning(conn)
    with serve(database_url, acts_as=Actor("dai", Role.HALL_MANAGER)) as server:
        visit.page.set_viewport_size({"width": size[0], "height": size[1]})
        answered(visit.page, server)
        page = opened(visit, server, f"&lang={lang}")
        for view, shows in (
            ("today", ".hall-window"),
            ("roster", ".hall-matrix"),
            ("ratings", ".hall-follow-row"),
            ("city", ".hall-surge"),
        ):
            page.locator(f"[data-hall-view={view}]").click()
            expect(page.locator(shows).first).to_be_visible()
            assert overflow_findings(page) + language_findings(page, lang) == [], view
            assert overlapping(page, f"#hall-view-{view} > *, .hall-top > *") == [], view
