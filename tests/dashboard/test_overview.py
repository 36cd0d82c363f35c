"""The frame of the city in figures: nothing invented, everything with its lineage, read again only when it is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from dashboard.app import create_app
from dashboard.hub import OVERVIEW, PERIOD_S, Hub
from dashboard.overview import HOLDS, CityFigures, without_oldest
from domain.indices import DELIVERED
from domain.moments import Moment
from domain.observations import PropertySpec
from domain.units import UnitStatus
from layouts.words import CATALOGUE
from storage import snapshots
from storage.connection import Connection
from storage.overview import NOTHING, Courses, HallDays, IncidentDays, Known, Minutely, RequestDays, Rollups
from tests.dashboard.conftest import SHANGHAI, House, ask
from tests.support.scenes import (
    NOW,
    a_device,
    a_reading,
    a_request,
    a_status,
    a_unit,
    an_incident,
    an_order,
    minutes,
    ordered,
    stored,
)  # fmt: skip

LIVE = Moment.live(NOW)
SPEED = (PropertySpec("averageVehicleSpeed", "km/h", 0, 200),)
LOOP = "440106/traffic/road/loop-1"
DAY_MIN = 1440

FRAME = {"t", "as_of", "weather", "kpis", "vitals", "districts", "requests", "readiness", "forecast"}
KPIS = ["incidents_today", "requests_today", "served_today", "response_min", "units_ready", "wait_p90_min"]
VITALS = ["traffic_index", "aqi", "rain", "river", "power", "water_pressure", "crowd", "online"]


def figures(codes: tuple[str, ...] = ()) -> CityFigures:
    return CityFigures(SHANGHAI, DELIVERED, codes)


def frame_of(conn: Connection, moment: Moment = LIVE, codes: tuple[str, ...] = ()) -> Any:
    """As a browser gets it."""
    return orjson.loads(orjson.dumps(figures(codes).read(conn, moment)))


def a_city(conn: Connection) -> None:
    """Three days of traffic at 60 km/h and 40 now, rain, a fire reached after eight minutes, requests of five days."""
    stored(
        conn, a_device(LOOP, properties=SPEED, type_name="TrafficFlowObserved", minutes_ago=6000), a_unit(minutes_ago=6000),
        *(a_reading(60, device_id=LOOP, prop="averageVehicleSpeed", minutes_ago=60 * h + 5) for h in range(1, 73)),
        a_reading(40, device_id=LOOP, prop="averageVehicleSpeed", minutes_ago=1),
        an_incident(minutes_ago=10), a_status(UnitStatus.AVAILABLE, minutes_ago=100),
        *(a_request(f"r-{d}-{k}", minutes_ago=DAY_MIN * d + 5 * k + 1) for d in range(6) for k in range(4)),
    )  # fmt: skip
    ordered(conn, an_order(minutes_ago=5))
    stored(conn, a_status(UnitStatus.ON_SCENE, minutes_ago=2, order_id="o-1"))


def walk(what: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its path."""
    if isinstance(what, dict):
        for key, value in what.items():
            yield from walk(value, f"{path}.{key}")
    elif isinstance(what, list):
        for value in what:
            yield from walk(value, f"{path}[]")
    else:
        yield path, what


def test_an_empty_database_gives_the_whole_frame_without_a_number(conn: Connection) -> None:
    frame = frame_of(conn, codes=("440106",))
    assert frame.keys() >= FRAME
    assert [kpi["key"] for kpi in frame["kpis"]] == KPIS
    assert [sign["key"] for sign in frame["vitals"]] == VITALS
    assert {kpi["value"] for kpi in frame["kpis"]} | {kpi["before"] for kpi in frame["kpis"]} == {None}
    assert {(sign["value"], sign["band"], sign["share"], sign["measured"]) for sign in frame["vitals"]} == {(None,) * 4}
    assert {hour for sign in frame["vitals"] for hour in sign["hours"]} == {None}
    (district,) = frame["districts"]
    assert (district["code"], district["rank"], district["score"]) == ("440106", None, None)
    assert set(district["metrics"].values()) == {None}
    assert {part["score"] for part in district["parts"]} == {None}
    assert (frame["weather"], frame["forecast"], frame["as_of"]) == (None, None, None)
    assert (frame["requests"]["today"], frame["requests"]["usual"], frame["requests"]["hot"]) == (None, None, [])
    assert set(frame["requests"]["hours"]) == {None}
    assert (frame["readiness"]["kinds"], frame["readiness"]["reserve_districts"]) == ([], [])


def test_a_scene_in_figures(conn: Connection) -> None:
    a_city(conn)
    frame = frame_of(conn)
    kpis = {kpi["key"]: kpi for kpi in frame["kpis"]}
    assert (kpis["incidents_today"]["value"], kpis["incidents_today"]["before"]) == (1, None)  # nothing is known of yesterday
    assert (kpis["requests_today"]["value"], kpis["requests_today"]["before"]) == (4, 4)
    assert (kpis["response_min"]["value"], kpis["response_min"]["n"]) == (8, 1)
    assert kpis["units_ready"]["value"] == 0
    traffic = frame["vitals"][0]
    assert (traffic["value"], traffic["band"], traffic["share"], traffic["n"]) == (
        4,
        "band.traffic.light",
        0.4,
        1,
    )  # 60 ÷ 40 = 1.5
    assert traffic["hours"] == [0] * 23 + [4]  # the newest reading is in the hour that has just ended
    (district,) = frame["districts"]
    assert district["metrics"]["traffic_index"] == 4
    assert frame["requests"]["today"] == 4
    assert frame["requests"]["usual"] == 4  # four on each of four earlier days that are known whole
    assert frame["requests"]["usual_days"] == 4
    assert frame["readiness"]["kinds"] == [{"kind": "ambulance", "ready": 0, "out": 0, "working": 1, "off": 0, "total": 1}]


def test_every_number_has_its_lineage(conn: Connection) -> None:
    a_city(conn)
    frame = frame_of(conn)
    for figure in [*frame["kpis"], *frame["vitals"], *frame["index"]["parts"]]:
        assert " · storage.overview." in figure["source"], figure["key"]
        assert figure["how"] in CATALOGUE, figure["key"]
    for figure in [*frame["kpis"], *frame["vitals"]]:
        assert (figure["value"] is None) or figure["measured"] is not None or figure["value"] == 0, figure["key"]
        assert isinstance(figure["n"], int)
    for kpi in frame["kpis"]:
        assert {kpi["unit_key"], kpi["before_key"], f"kpi.{kpi['key']}"} <= CATALOGUE.keys()
    for sign in frame["vitals"]:
        assert {key for key in (sign["unit"], sign["band"], f"vital.{sign['key']}") if key} <= CATALOGUE.keys()
        assert len(sign["hours"]) == 24
    for row in frame["index"]["parts"]:
        assert row["unit"] is None or row["unit"] in CATALOGUE
        assert row["anchors"] == [list(anchor) for anchor in getattr(DELIVERED.parts, row["key"]).scale.anchors]


def test_the_index_can_be_worked_out_from_what_the_frame_says(conn: Connection) -> None:
    a_city(conn)
    for district in frame_of(conn)["districts"]:
        known = [part for part in district["parts"] if part["score"] is not None]
        assert sum(part["share"] for part in known) == pytest.approx(1, abs=0.001)
        if district["score"] is not None:
            assert sum(part["share"] * part["score"] for part in known) == pytest.approx(district["score"], abs=0.05)
        assert district["missing"] == [part["key"] for part in district["parts"] if part["score"] is None]


def test_every_word_of_a_band_is_in_the_catalogue() -> None:
    words = {key.split(".")[1] for key in CATALOGUE if key.startswith("band.")}
    assert words == {"traffic", "aqi", "rain", "river", "power", "water_pressure", "crowd", "online"}
    assert len([key for key in CATALOGUE if key.startswith("band.aqi.")]) == 6
    assert len([key for key in CATALOGUE if key.startswith("band.traffic.")]) == 5


def test_a_past_moment_shows_what_was_known_then(conn: Connection) -> None:
    a_city(conn)
    stored(conn, a_request("late", minutes_ago=40, delay_minutes=39))
    then = NOW - minutes(30)
    as_then, as_now = frame_of(conn, Moment.past(then)), frame_of(conn, Moment.past(then, NOW))
    assert (as_then["kpis"][1]["value"], as_now["kpis"][1]["value"]) == (0, 1)
    assert as_then["kpis"][3]["value"] is None  # nobody had been sent
    assert as_then["vitals"][0]["value"] is None  # the last reading was half an hour old
    assert as_then["readiness"]["kinds"][0]["ready"] == 1


def test_a_frame_stays_small(conn: Connection) -> None:
    a_city(conn)
    assert len(orjson.dumps(frame_of(conn))) < 16_000
    assert not [path for path, value in walk(frame_of(conn)) if isinstance(value, float) and len(repr(value)) > 8]


# what holds


def known_since(**ago: float) -> Known:
    """All parts, taken so many minutes before NOW, one minute unless said."""
    at = {name: NOW - minutes(ago.get(name, 0.1)) for name in HOLDS}
    return Known(
        Rollups(at["rollups"], NOW - timedelta(minutes=30), (), (), ()), Courses(at["courses"], (), None, None, None),
        IncidentDays(at["incident_days"], None, None), RequestDays(at["request_days"], None, None, ()), HallDays(at["hall_days"], (), ()),
        Minutely(at["minutely"], None, None, None, None, (), None, None, (), None),
    )  # fmt: skip


def missing(known: Known) -> list[str]:
    return [name for name in HOLDS if getattr(known, name) is None]


def test_what_is_young_enough_holds() -> None:
    known = known_since()
    assert without_oldest(known, NOW) is known


def test_the_most_overdue_part_alone_is_read_again() -> None:
    """Courses are 12 of 10 minutes old, the minutely part 1.1 of 1."""
    assert missing(without_oldest(known_since(courses=12, minutely=1.1), NOW)) == ["courses"]
    assert missing(without_oldest(known_since(minutely=1.1), NOW)) == ["minutely"]


def test_an_hour_that_has_ended_wants_its_rollups() -> None:
    assert missing(without_oldest(known_since(), NOW + minutes(0.5))) == []
    ended = replace(known_since(), rollups=Rollups(NOW, NOW - timedelta(hours=1), (), (), ()))
    assert missing(without_oldest(ended, NOW)) == ["rollups"]


def test_after_a_long_pause_or_with_a_clock_set_back_everything_is_read() -> None:
    assert without_oldest(known_since(minutely=2.5), NOW) is NOTHING
    assert without_oldest(known_since(), NOW - minutes(5)) is NOTHING
    assert without_oldest(NOTHING, NOW) is NOTHING


def test_what_was_not_answered_is_asked_again_soon() -> None:
    known = known_since(courses=1.5)
    assert missing(without_oldest(known, NOW)) == []
    assert known.courses is not None
    hasty = replace(known, courses=replace(known.courses, unanswered=("power_hours",)))
    assert missing(without_oldest(hasty, NOW)) == ["courses"]


def test_frames_read_what_changes_and_keep_the_rest(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    a_city(conn)
    given: list[Known] = []
    real = snapshots.overview_snapshot
    monkeypatch.setattr(snapshots, "overview_snapshot", lambda *said: given.append(said[4]) or real(*said))
    city = figures()
    assert city.read(conn, LIVE)["kpis"][1]["value"] == 4
    stored(conn, a_request("new", minutes_ago=0))
    assert city.read(conn, Moment.live(NOW + timedelta(seconds=5)))["kpis"][1]["value"] == 5
    city.read(conn, Moment.live(NOW + timedelta(seconds=61)))
    assert given[0] is NOTHING
    assert [missing(known) for known in given[1:]] == [[], ["minutely"]]


# the channel and the interface


def test_nobody_looking_means_nobody_reading() -> None:
    hub = Hub("postgresql://127.0.0.1:1/nowhere", clock=lambda: NOW, zone=ZoneInfo("Asia/Shanghai"), hall_target_s=900)
    assert not hub.channels[OVERVIEW].is_wanted
    assert hub.channels[OVERVIEW].period_s == PERIOD_S[OVERVIEW] == 5


def test_the_interface_gives_the_figures_of_now_or_of_a_past_moment(database_url: str, conn: Connection, house: House) -> None:
    a_city(conn)
    app = create_app(house(database_url))
    now = ask(app, "/api/overview")
    assert (now.status, now.json["t"], now.json["kpis"][1]["value"]) == (200, round(NOW.timestamp() * 1000), 4)
    then = ask(app, "/api/overview?at=2026-03-02T08:30:00%2B08:00")
    assert (then.status, then.json["t"], then.json["kpis"][1]["value"]) == (200, round(NOW.timestamp() * 1000) - 1_800_000, 0)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("at=yesterday", "at is 'yesterday': expected a time with an offset"),
        ("at=2026-03-02T08:30:00", "expected a time with an offset"),
        ("at=2026-03-02T08:30:00Z", "expected a time that has passed"),
        ("known_at=2026-03-02T00:30:00Z", "known_at is given without at"),
        ("at=2026-03-02T00:30:00Z&known_at=2026-03-02T00:00:00Z", "is before at"),
    ],
)
def test_a_moment_that_cannot_be_asked_for_is_refused_with_a_sentence(house: House, query: str, said: str) -> None:
    reply = ask(create_app(house()), f"/api/overview?{query}")
    assert reply.status == 400
    assert said in reply.json["message"]


def test_without_a_database_the_interface_says_so(house: House) -> None:
    assert ask(create_app(house()), "/api/overview").status == 503
