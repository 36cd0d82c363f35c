"""The warnings screen: figures by level and rate, the list with its filters, and all that speaks for the chosen warning."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from domain.warnings import WarningLevel, WarningSource, WarningState
from storage import rules
from storage import warnings as warnings_table
from storage.connection import Connection
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from tests.browser.conftest import CUT, Serve, Visit, soon
from tests.browser.test_command import CJK, SIZES, unreached
from tests.support.scenes import NOW, STATION, a_device, a_forecast, a_reading, a_rule, an_incident, minutes, stored, the_stream

pytestmark = pytest.mark.browser


def raised(
    conn: Connection, stream: int, level: WarningLevel, *, minutes_ago: float, rule: str = "pm25_high", foreseen: bool = False
) -> str:
    issued = NOW - minutes(30)
    written = replace(a_rule(rule), source=WarningSource.FORECAST, horizon_s=3600) if foreseen else a_rule(rule)
    evidence = {"value": 151.5, "threshold": 150.0, "direction": "above", "property": "pm25", "unit": "ug/m3"}
    opened = warnings_table.open_warning(
        conn, written, level, identifier=f"9901000010010{stream}_{rule}_{minutes_ago}", object_id=str(stream), device_id=STATION,
        now=NOW - minutes(minutes_ago), probability=0.75 if foreseen else None, lead_time_s=1800 if foreseen else None,
        evidence=evidence | ({"issued_at": issued.isoformat()} if foreseen else {}),
    )  # fmt: skip
    assert opened is not None
    return opened


@pytest.fixture
def scene(conn: Connection) -> dict[str, str]:
    """Three open warnings, one of them foreseen, one acknowledged; one that was lifted an hour ago. Ids by name."""
    stored(
        conn, a_device(name="空气站 1"), *[a_reading(40 + 10 * k, minutes_ago=60 * (11 - k)) for k in range(12)], an_incident()
    )
    stream = the_stream(conn)
    rules.seed_rules(
        conn, [a_rule(), replace(a_rule("pm25_expected"), source=WarningSource.FORECAST, horizon_s=3600)], now=NOW - minutes(600)
    )
    write_forecasts(conn, DayPartitions(conn), [a_forecast(stream, minutes_ago=30, median=152), a_forecast(stream, median=90)])
    lifted = raised(conn, stream, WarningLevel.BLUE, minutes_ago=120)
    warnings_table.record_step(conn, lifted, WarningState.CANDIDATE, WarningLevel.YELLOW, now=NOW - minutes(110))
    warnings_table.record_step(conn, lifted, WarningState.LIFTED, WarningLevel.BLUE, now=NOW - minutes(60))
    seen = raised(conn, stream, WarningLevel.BLUE, minutes_ago=25, rule="pm25_slow")
    warnings_table.record_step(
        conn, seen, WarningState.ACKNOWLEDGED, WarningLevel.BLUE, now=NOW - minutes(20), actor="wang", comment="已派人查看"
    )
    return {
        "lifted": lifted, "seen": seen, "high": raised(conn, stream, WarningLevel.YELLOW, minutes_ago=8),
        "expected": raised(conn, stream, WarningLevel.ORANGE, minutes_ago=5, rule="pm25_expected", foreseen=True),
    }  # fmt: skip


def opened(visit: Visit, url: str) -> Page:
    page = visit.page
    page.add_init_script("window.isWithMap = false")
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_selector("#board-filters select")
    soon(lambda: page.locator(".board-rate .columns").count() == 1, "the alarm rate")
    return page


def rows(page: Page) -> list[str]:
    return page.locator("#board-table tbody tr").all_inner_texts()


def test_levels_rate_and_list_come_from_the_store(serve: Serve, visit: Visit, database_url: str, scene: dict[str, str]) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings")
        assert [said.split("\n")[0] for said in page.locator(".board-level-line").all_inner_texts()] == ["0", "1", "1", "1"]
        expect(page.locator(".board-level").nth(2)).to_contain_text("待签收 1")
        assert len(rows(page)) == 3
        row = page.locator("#board-table tr", has_text="wang")
        expect(row).to_contain_text("已签收")
        expect(page.locator("#board-table tr", has_text="75%")).to_contain_text("30 分钟")
        expect(page.locator(".board-rate")).to_contain_text("归并前 4")
        expect(page.locator(".board-rate")).to_contain_text("峰值 2")


@pytest.mark.long
def test_filters_narrow_the_list_and_say_so(serve: Serve, visit: Visit, database_url: str, scene: dict[str, str]) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings")
        page.locator(".board-level").nth(1).click()
        expect(page.locator("#board-table tbody tr")).to_have_count(1)
        expect(page.locator("#board-sub")).to_have_text("显示 1 / 3")
        page.locator(".board-level").nth(1).click()
        page.locator("select[data-board-key=state]").select_option("acknowledged")
        expect(page.locator("#board-table tbody tr")).to_have_count(1)
        page.get_by_role("button", name="清除筛选").click()
        expect(page.locator("#board-table tbody tr")).to_have_count(3)
        page.get_by_role("button", name="含近 24 小时已结束").click()
        expect(page.locator("#board-table tbody tr")).to_have_count(4)
        page.locator("select[data-board-key=state]").select_option("lifted")
        expect(page.locator("#board-table tbody tr")).to_have_count(1)
        page.locator(".board-level").nth(0).click()
        expect(page.locator("#board-table")).to_have_text("没有符合筛选的预警")


def test_the_chosen_warning_has_its_evidence_rule_steps_and_earlier_ones(
    serve: Serve, visit: Visit, database_url: str, scene: dict[str, str]
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings#warning/{scene['high']}")
        expect(page.locator(".evidence .fan-target")).to_have_text("阈值 150")
        expect(page.locator(".evidence .fan-measured")).to_have_count(1)
        expect(page.locator(".rule-table tbody tr")).to_have_count(2)
        expect(page.locator(".rule-on")).to_contain_text("150")
        expect(page.locator("#evidence")).to_contain_text("pm25_high · 第 1 版")
        page.get_by_role("button", name="经过").click()
        expect(page.locator(".story li")).to_have_count(1)
        expect(page.locator(".similar-row")).to_have_count(1)
        page.locator(".similar-row").click()  # an ended one has its record too
        expect(page.locator("#evidence")).to_contain_text("这条预警已经解除")
        expect(page.locator(".story li")).to_have_count(3)
        told = [line.split() for line in page.locator(".story .story-what").all_inner_texts()]
        assert [words[2] for words in told] == ["触发", "升级", "已解除"]


@pytest.mark.long
def test_a_foreseen_warning_shows_the_band_it_rests_on(
    serve: Serve, visit: Visit, database_url: str, scene: dict[str, str]
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings")
        expect(page.locator("#evidence")).to_contain_text("所依据的预测")  # the gravest that waits is shown first
        expect(page.locator(".evidence .fan-band")).to_have_count(1)
        expect(page.locator("#evidence")).to_contain_text("08:30:00 发布")


def test_a_warning_is_acknowledged_and_said_by_whom(serve: Serve, visit: Visit, database_url: str, scene: dict[str, str]) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings#warning/{scene['high']}")
        page.locator(".evidence-head").get_by_role("button", name="签收").click()
        expect(page.locator("#board-table tr.table-on")).to_contain_text("li")
        expect(page.locator(".evidence-head .button")).to_have_count(0)
        page.get_by_role("button", name="经过").click()
        expect(page.locator(".story li")).to_have_count(2)


@pytest.mark.long
def test_many_are_taken_on_at_once(serve: Serve, visit: Visit, database_url: str, scene: dict[str, str]) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings")
        for name in ("high", "expected"):
            page.locator(f"input.pick[data-tick='{scene[name]}']").check()
        expect(page.locator("#board-bulk")).to_contain_text("已选 2 条")
        page.locator("#board-bulk").get_by_role("button", name="签收").click()
        expect(page.locator("#board-table tr", has_text="已签收")).to_have_count(3)
        expect(page.locator("#board-bulk")).to_be_empty()


@pytest.mark.long
def test_a_warning_is_judged_and_shelved_with_a_reason(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: dict[str, str]
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings#warning/{scene['high']}")
        acts = page.locator("#evidence-acts")
        acts.get_by_role("button", name="判定").click()
        page.locator("#desk-judge-form select").select_option("false_alarm")
        acts.get_by_role("button", name="确定").click()
        expect(page.locator("#desk-judge-form")).to_have_count(0)
        acts.get_by_role("button", name="搁置", exact=True).click()
        acts.get_by_role("button", name="确定").click()
        expect(page.locator("#desk-shelve-form input")).to_be_focused()
        page.keyboard.type("传感器检修")
        acts.get_by_role("button", name="确定").click()
        expect(acts.get_by_role("button", name="取消搁置")).to_be_visible()
        expect(page.locator("#board-table tr.table-on")).to_contain_text("已搁置")
    assert conn.execute("SELECT verdict FROM warning_verdict").fetchall() == [("false_alarm",)]


@pytest.mark.long
def test_publishing_waits_for_a_second_person(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: dict[str, str]
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings#warning/{scene['expected']}")
        page.get_by_role("button", name="发布", exact=True).click()
        expect(page.locator("#evidence")).to_contain_text("未对外发布")
        acts = page.locator("#evidence-acts")
        acts.get_by_role("button", name="对外发布").click()
        page.locator("#desk-publish-form [name=because]").fill("预计影响学校")
        acts.get_by_role("button", name="确定").click()
        expect(page.locator("#toast")).to_contain_text("另一人")
    assert conn.execute("SELECT count(*) FROM publication").fetchone() == (0,)


def test_an_empty_store_says_no_data(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings")
        assert page.locator("#board-table").inner_text() == page.locator("#evidence .hint").inner_text() == "暂无数据"
        assert page.locator(".board-level-line").all_inner_texts() == ["暂无数据"] * 4


@pytest.mark.long
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_is_cut_small_or_out_of_reach(
    serve: Serve, visit: Visit, database_url: str, scene: dict[str, str], lang: str
) -> None:
    with serve(database_url) as server:
        page = opened(visit, f"{server.url}/warnings?lang={lang}#warning/{scene['expected']}")
        page.wait_for_selector(".evidence .fan-band, .rule-table")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(600)
            assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
                width,
                height,
            ]
            assert page.evaluate(CUT) == [], f"{width} × {height}"
            assert page.evaluate(
                "(() => { const t = document.querySelector('#board-table'); return t.scrollWidth <= t.clientWidth; })()"
            )
        small = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())"
            " && e.checkVisibility()).map(e => [parseFloat(getComputedStyle(e).fontSize), e.className]).filter(([size]) => size < 12.9)"
        )
        assert small == []
        assert unreached(page) == []
        if lang == "en":
            said = re.sub("空气站 1|已派人查看", "", page.locator("main").inner_text())
            assert CJK.findall(said) == []
