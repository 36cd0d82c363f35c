"""Waits ahead through the application: what is foreseen for whom, how it has held, the first breach, and why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from dashboard.app import create_app
from dashboard.wire import ms
from domain.halls import HallEventKind
from domain.rights import Actor, Role, Scope
from staffing.practice import HallPractice
from storage import heartbeats, waits
from storage.connection import Connection
from storage.profiles import StoredProfile, write_profile
from storage.waits import StoredCalibration, WaitForecast, WaitScore
from tests.dashboard.conftest import House, ask
from tests.support.halls import said as event
from tests.support.scenes import COUNTER, NOW, a_device, stored

LEADS = (0, 900, 1_800)
K = HallEventKind
NAN, ENDLESS = float("nan"), float("inf")


def a_hall(conn: Connection, **more: Any) -> None:
    stored(conn, a_device(COUNTER, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, **more))


def a_forecast(item: str, *p90_s: float, minutes_ago: float = 2, basis: str = "simulation") -> WaitForecast:
    at = NOW - timedelta(minutes=minutes_ago)
    half, high = tuple(value / 2 for value in p90_s), tuple(map(float, p90_s))
    return WaitForecast("hall-1", item, at, at, basis, LEADS, (0.0,) * 3, half, high, (0.01,) * 3, (0.0,) * 3, half, high)


def said(house: House, database_url: str, hall: str = "hall-1", **more: Any) -> Any:
    return ask(create_app(house(database_url, **more)), f"/api/hall/ahead?hall={hall}")


def test_waits_are_told_with_their_bounds_the_first_breach_and_how_such_forecasts_held(
    house: House, database_url: str, conn: Connection
) -> None:
    """The hall passes its target in half an hour, licences in a quarter; vehicles have no window after that."""
    a_hall(conn)
    older = [a_forecast("", 3_000, 3_000, 3_000, minutes_ago=7)]
    newest = [
        a_forecast("", 300, 600, 1_000),
        a_forecast("business_licence", 600, 1_500, 1_200),
        a_forecast("vehicle", 60, 60, ENDLESS),
    ]
    waits.write_wait_forecasts(conn, [*older, *newest])
    write_profile(conn, StoredProfile("hall-1", NOW - timedelta(hours=5), NOW - timedelta(days=28), 9, {"n_days": 20}), kept=7)
    scores = [WaitScore("", 900, 200, 160, 15, 12_000, 24_000), WaitScore("tax", 900, 50, 10, 0, 1, 1)]
    waits.write_judgement(conn, "hall-1", NOW.date(), StoredCalibration(NOW, []), scores, since=None)
    told = said(house, database_url).json
    assert (told["hall"], told["t"], told["basis"], told["reason"], told["target_s"]) == (
        "hall-1",
        ms(NOW),
        "simulation",
        None,
        900,
    )
    assert told["issued"] == told["known_until"] == ms(NOW - timedelta(minutes=2))
    assert [row["item"] for row in told["items"]] == ["", "vehicle", "business_licence"], "the whole hall, then the worst"
    assert told["items"][0] | {"item": None} == {
        "item": None, "leads_s": list(LEADS), "p10_s": [0, 0, 0], "p50_s": [150, 300, 500], "p90_s": [300, 600, 1_000],
        "leave_share": [0.01] * 3,
    }  # fmt: skip
    assert told["items"][1]["p90_s"] == [60, 60, None], "no window will call them"
    assert told["breach"] == {"item": "business_licence", "at": ms(NOW + timedelta(minutes=13)), "p90_s": 1_500}
    assert told["scores"] == [{"lead_s": 900, "n": 200, "coverage": 0.8, "mae_s": 60, "persist_mae_s": 120}]
    assert told["profile"] == {"learned": ms(NOW - timedelta(hours=5)), "days": 20}
    patient = said(house, database_url, hall_practice=replace(HallPractice(), target_s=1e9)).json
    assert patient["breach"]["item"] == "vehicle", "without a window any target is passed"


def test_what_was_foreseen_an_hour_ago_is_not_told_of_now(house: House, database_url: str, conn: Connection) -> None:
    a_hall(conn)
    waits.write_wait_forecasts(conn, [a_forecast("", 300, 600, 1_000, minutes_ago=61)])
    assert said(house, database_url).json["items"] == []


def reason(house: House, database_url: str) -> str:
    told = said(house, database_url).json
    assert (told["items"], told["basis"], told["breach"]) == ([], None, None)
    return str(told["reason"]["en"])


def test_where_nothing_is_foreseen_it_says_why(house: House, database_url: str, conn: Connection) -> None:
    a_hall(conn)
    assert "is not running" in reason(house, database_url)
    heartbeats.beat(conn, "halls", "n", started_at=NOW, now=NOW, metrics={})
    assert "not enough of its past" in reason(house, database_url)
    waits.write_wait_forecasts(
        conn, [a_forecast("", 300, 600, 1_000, minutes_ago=5), a_forecast("", NAN, NAN, NAN, basis="closed_early")]
    )
    assert "all windows have closed" in reason(house, database_url)


def test_a_clock_that_is_an_hour_wrong_is_told_in_a_sentence(house: House, database_url: str, conn: Connection) -> None:
    a_hall(conn)
    assert said(house, database_url).json["note"] is None
    stored(conn, *[event(K.ARRIVE, 60 + k / 10, f"A{k}", delay_minutes=-60) for k in range(-9, 0)])
    assert "60 minutes ahead of their arrival" in said(house, database_url).json["note"]["en"]
    conn.execute("DELETE FROM hall_event")
    stored(conn, *[event(K.ARRIVE, -45 + k / 10, f"B{k}", delay_minutes=45) for k in range(-9, 0)])
    assert "约迟 45 分钟收到" in said(house, database_url).json["note"]["zh"]


def test_a_hall_of_snapshots_is_judged_by_its_items_together(house: House, database_url: str, conn: Connection) -> None:
    a_hall(conn)
    scores = [WaitScore("title", 900, 10, 8, 1, 600, 900), WaitScore("renewal", 900, 30, 24, 1, 600, 700)]
    waits.write_judgement(conn, "hall-1", NOW.date(), StoredCalibration(NOW, []), scores, since=None)
    told = said(house, database_url).json["scores"]
    assert told == [{"lead_s": 900, "n": 40, "coverage": 0.8, "mae_s": 30, "persist_mae_s": 40}]


def test_a_manager_is_told_of_his_own_hall_and_nobody_of_one_that_is_not_known(
    house: House, database_url: str, conn: Connection
) -> None:
    a_hall(conn)
    other = Actor("m", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-2"})))
    assert said(house, database_url, acts_as=other).status == 404
    own = Actor("m", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-1"})))
    assert said(house, database_url, acts_as=own).status == 200
    assert said(house, database_url, "hall-9").status == 404
    assert ask(create_app(house()), "/api/hall/ahead?hall=hall-1").status == 503
