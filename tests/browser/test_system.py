"""The system screen: who lives, what came in, what was refused; and nothing at all while nothing was ever said."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from storage import heartbeats
from storage.connection import Connection
from tests.browser.conftest import Serve, Visit
from tests.support.scenes import NOW, a_device, a_reading, a_rejection, stored

pytestmark = pytest.mark.browser
INGEST = {"messages_per_s": 12.5, "readings_per_s": 25.0, "commit_ms_p95": 8.4, "lag_s_p95": 0.31, "waiting_messages": 0,
          "rejected_total": 3, "broker": "mqtt://127.0.0.1:1883", "protocol": 5}  # fmt: skip


def beat(conn: Connection, process: str, *, seconds_ago: float = 0, metrics: dict[str, object] | None = None) -> None:
    at = NOW - timedelta(seconds=seconds_ago)
    heartbeats.beat(conn, process, "host:1", started_at=at - timedelta(hours=1), now=at, metrics=metrics or {})


def test_processes_are_alive_late_or_dead_by_their_heartbeats(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    beat(conn, "alerts", seconds_ago=20)
    beat(conn, "forecaster", seconds_ago=120)
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/system")
        rows = page.locator("#processes tbody tr")
        expect(rows).to_have_count(3)
        states = {row[0]: row[1] for row in (text.split("\t") for text in rows.all_inner_texts())}
        assert states["界面"] == "正常"
        assert states["预测"] == "停止"
        assert states["预警"] == "迟到"


@pytest.mark.long
def test_figures_come_by_themselves_and_say_where_from(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    stored(conn, a_device(), a_reading(41), a_reading(41), a_rejection())
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/system")
        expect(page.locator("#ledger .ledger-total .num")).to_have_text("4")
        expect(page.locator("#ledger")).to_contain_text("收支相符")
        expect(page.locator("#dead-letters tbody tr")).to_have_count(1)
        expect(page.locator("#system-kpis .empty").first).to_have_text("暂无数据")
        beat(conn, "ingest", seconds_ago=-60 * server.minutes_after(), metrics=INGEST)
        stored(conn, a_rejection(minutes_ago=-server.minutes_after()))
        expect(page.locator("#system-kpis .num").first).to_have_text("12.5")
        expect(page.locator("#dead-letters tbody tr")).to_have_count(2)
        expect(page.locator("#broker")).to_contain_text("MQTT 5")
        sources = page.evaluate("[...document.querySelectorAll('main .num')].map(e => [e.dataset.source ?? '', e.title])")
        assert len(sources) > 20
        assert [row for row in sources if " · " not in row[0] or not row[1]] == []
        assert len(page.screenshot()) > 50_000


@pytest.mark.long
def test_devices_are_counted_by_kind_and_freshness(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    for n, minutes_ago in enumerate((0, 2.5, 5, 60)):
        device_id = f"440106/environment/north/air-{n}"
        stored(conn, a_device(device_id), a_reading(41, device_id=device_id, minutes_ago=minutes_ago))
    stored(conn, a_device("440106/traffic/north/park-1", type_name="OffStreetParking"))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/system")
        rows = page.locator("#kinds tbody tr")
        expect(rows).to_have_count(2)
        texts = [row.split() for row in rows.all_inner_texts()]
        assert texts[0][:7] == ["空气监测站", "4", "1", "1", "1", "1", "0"]
        assert texts[1] == ["停车场", "1", "0", "0", "0", "0", "1", "暂无数据"]


@pytest.mark.long
def test_an_empty_database_has_nothing_to_count(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/system")
        expect(page.locator("#ledger")).to_have_text("暂无数据")
        expect(page.locator("#broker")).to_have_text("暂无数据")
        expect(page.locator("#dead-letters")).to_have_text("没有死信")
        assert page.locator("#system-kpis .num").count() == 0
        expect(page.locator("#kinds")).to_have_text("暂无数据")
        expect(page.locator("#database")).to_contain_text(re.compile("设备\\s*暂无数据"))


@pytest.mark.long
def test_a_broker_without_guarantees_is_said_to_be_one(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    trouble = {"waiting_bytes": 3 * 2**20, "database_away_s": 61.0, "lost_sessions_total": 1, "rate_limited_total": 0}
    beat(conn, "ingest", metrics={**INGEST, **trouble, "protocol": 4})
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/system?lang=en")
        expect(page.locator("#broker")).to_contain_text("MQTT 3.1.1")
        expect(page.locator("#broker")).to_contain_text("Degraded mode")
        figures = page.locator("#processes .metrics", has_text="held in memory")
        expect(figures).to_contain_text("held in memory 3 MB")
        expect(figures.locator(".metric-trouble")).to_have_text(
            ["last outage of the database 61 s", "sessions the broker lost 1"], use_inner_text=True
        )
        assert not re.search("[\u4e00-\u9fff]", page.locator("main").inner_text())
