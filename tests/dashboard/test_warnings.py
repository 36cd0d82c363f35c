"""What people do with warnings, and how well warnings serve, over the open interface."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from alerts.gathering import gather_all
from alerts.practice import Bonds
from dashboard.app import create_app
from domain.moments import Moment
from domain.rights import Actor, Role
from domain.warnings import LevelThreshold, WarningLevel, WarningSource, WarningState, WarningVerdict
from storage import attention, warnings
from storage.connection import Connection
from storage.rules import seed_rules
from storage.situations import list_open_situations
from storage.snapshots import live_frame
from storage.warnings import list_open_warnings, record_step
from tests.dashboard.conftest import House, ask, post
from tests.dashboard.test_dossiers import NOW_MS, a_warning
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_rule, an_incident, minutes, stored, the_stream

LIVE = Moment.live(NOW)


def test_many_warnings_are_acknowledged_at_once_and_each_tells_what_became_of_it(
    house: House, database_url: str, conn: Connection
) -> None:
    stored(conn, a_device())
    ids = [a_warning(conn, object_id=str(k)) for k in range(3)]
    record_step(conn, ids[1], WarningState.LIFTED, WarningLevel.BLUE, now=NOW - minutes(5))
    app = create_app(house(database_url))
    said = post(app, "/api/acts/warning.bulk", {"act": "acknowledge", "warnings": ",".join(ids), "comment": "在看"})
    assert (said.status, said.json["zh"]) == (200, "3 条预警中 2 条已办理")
    assert [one["code"] for one in said.json["each"]] == ["done", "warning_closed", "done"]
    assert {w.state for w in list_open_warnings(conn, LIVE)} == {WarningState.ACKNOWLEDGED}


def test_all_or_none_means_none_when_one_is_refused(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_device())
    ids = [a_warning(conn, object_id=str(k)) for k in range(2)]
    record_step(conn, ids[1], WarningState.LIFTED, WarningLevel.BLUE, now=NOW - minutes(5))
    app = create_app(house(database_url))
    said = post(app, "/api/acts/warning.bulk", {"act": "handle", "warnings": ",".join(ids), "whole": "yes"})
    assert (said.status, said.json["code"]) == (409, "warning_closed")
    assert said.json["en"].startswith(f"None was done; warning {ids[1]}: the warning was lifted")
    (left,) = list_open_warnings(conn, LIVE)
    assert left.state is WarningState.CANDIDATE


@pytest.mark.parametrize(
    "request_",
    [
        {"act": "publish", "warnings": "a"}, {"act": "verify", "warnings": ", ,"}, {"act": "judge", "warnings": "a"},
        {"act": "verify", "warnings": "a", "hours": "2"},
    ],
)  # fmt: skip
def test_a_bulk_act_that_cannot_be_is_refused_with_a_sentence(house: House, database_url: str, request_: dict[str, str]) -> None:
    said = post(create_app(house(database_url)), "/api/acts/warning.bulk", request_)
    assert (said.status, said.json["code"]) == (409, "bulk_malformed")


def test_every_act_on_a_warning_answers_and_shows_in_the_live_frame(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_device())
    warning = a_warning(conn)
    passing = count()
    app = create_app(house(database_url, clock=lambda: NOW + timedelta(seconds=2 * next(passing))))

    def act(action: str, **said: str) -> tuple[int, str | None]:
        done = post(app, f"/api/acts/{action}", said)
        return done.status, done.json["object_id"]

    assert act("warning.verify", warning=warning) == (200, warning)
    assert act("warning.acknowledge", warning=warning) == (200, warning)
    assert act("warning.handle", warning=warning, comment="派人") == (200, warning)
    assert act("warning.assign", warning=warning, role="commander") == (200, warning)
    assert act("warning.judge", warning=warning, verdict="right") == (200, warning)
    status, shelf = act("warning.shelve", warning=warning, hours="2", reason="已知")
    assert status == 200
    (shown,) = [w for w in ask(app, "/api/map").json["warnings"] if w["id"] == warning]
    assert (shown["state"], shown["verdict"], shown["district"]) == ("handling", "right", "440106")
    assert (shown["assigned"]["to"], shown["assigned"]["kind"], shown["assigned"]["by"]) == ("commander", "role", "li")
    assert (shown["shelved"]["shelf"], shown["shelved"]["reason"], shown["shelved"]["by"]) == (int(shelf or 0), "已知", "li")
    assert shown["shelved"]["until"] == pytest.approx(NOW_MS + 7_200_000, abs=120_000)
    board = ask(app, "/api/warnings").json
    assert [one["warning"] for one in board["shelves"]] == [warning]
    assert act("warning.unshelve", shelf=shelf or "")[0] == 200
    window = {"from": "2026-03-02T09:00:00+08:00", "until": "2026-03-02T12:00:00+08:00", "reason": "换表", "districts": "440106"}
    status, number = act("maintenance.plan", **window)
    assert status == 200
    (planned,) = ask(app, "/api/warnings").json["maintenance"]
    assert (planned["id"], planned["districts"], planned["suppressed"]) == (int(number or 0), ["440106"], 0)
    assert act("maintenance.end", window=number or "")[0] == 200
    assert act("warning.dismiss", warning=warning, reason="误报")[0] == 200
    dossier = ask(app, f"/api/warnings/{warning}").json
    assert [s["transition"] for s in dossier["steps"]] == ["raised", "verified", "acknowledged", "handling", "cancelled"]
    assert [(a["to"], a["kind"]) for a in dossier["assignments"]] == [("li", "account"), ("commander", "role")]
    assert [(v["verdict"], v["by"]) for v in dossier["verdicts"]] == [("right", "li")]


def test_who_only_looks_on_may_do_none_of_it(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_device())
    warning = a_warning(conn)
    app = create_app(house(database_url, acts_as=Actor("zhao", Role.LEADER)))
    for action, said in (
        ("warning.verify", {"warning": warning}), ("warning.shelve", {"warning": warning, "hours": "1", "reason": "x"}),
        ("warning.bulk", {"act": "verify", "warnings": warning}), ("warning.hand_over", {"account": "li"}),
    ):  # fmt: skip
        done = post(app, f"/api/acts/{action}", said)
        assert (done.status, done.json["code"]) == (409, "no_right")


def a_situation(conn: Connection) -> list[str]:
    stored(conn, a_device())
    ids = [a_warning(conn, object_id=str(k), minutes_ago=10 - k) for k in range(3)]
    gather_all(conn, list_open_warnings(conn, LIVE), Bonds(), [], NOW - minutes(7))
    return ids


def test_a_situation_is_in_the_frame_and_in_the_list_with_its_words(house: House, database_url: str, conn: Connection) -> None:
    ids = a_situation(conn)
    (found,) = live_frame(conn, LIVE, received_since=NOW).situations
    assert found == list_open_situations(conn, LIVE)[0]
    app = create_app(house(database_url))
    (row,) = ask(app, "/api/map").json["situations"]
    assert (row["root"], row["members"], row["n"], row["level"], row["hazards"]) == (ids[0], ids, 3, "blue", {"other": 3})
    assert row["outline"]["type"] == "Polygon"
    assert row["en"] == f"PM2.5 is high: {STATION} and 2 more places"
    (listed,) = ask(app, "/api/situations?days=2").json["situations"]
    assert (listed["number"], listed["closed"]) == (row["number"], None)
    assert ask(app, "/api/situations?days=0").status == 400
    assert ask(app, f"/api/warnings/{ids[1]}").json["situation"]["root"] == ids[0]


def test_a_situation_becomes_an_incident_by_its_root(house: House, database_url: str, conn: Connection) -> None:
    ids = a_situation(conn)
    app = create_app(house(database_url))
    said = {"kind": "warning", "source": ids[0], "grade": "III", "hazard": "air_pollution"}
    made = post(app, "/api/acts/incident.promote", said)
    assert made.status == 200
    assert ask(app, f"/api/warnings/{ids[0]}").json["incidents"] == [made.json["object_id"]]


def test_the_alarm_rate_counts_what_was_shown(house: House, database_url: str, conn: Connection) -> None:
    """Three warnings: two stood alone, the third came as the situation did."""
    a_situation(conn)
    told = ask(create_app(house(database_url)), "/api/alarms?days=1").json
    assert (told["load"]["raised"], told["load"]["shown"], told["load"]["standing"]) == (3, 3, 1)
    assert told["load"]["priorities"] == {"blue": 3}
    assert told["load"]["mean_per_slot"] == pytest.approx(3 / 144)
    assert (sum(told["slots"]["raised"]), told["slots"]["step_s"], len(told["slots"]["raised"])) == (3, 600, 144)
    assert [day["day"] for day in told["days"]] == ["2026-03-01", "2026-03-02"]
    assert told["limits"] == {"mean": 1.0, "peak": 10}
    assert ask(create_app(house(database_url)), "/api/alarms?days=29").status == 400


def test_without_any_warning_the_figures_are_nothing_and_not_a_number(house: House, database_url: str) -> None:
    app = create_app(house(database_url))
    told = ask(app, "/api/alarms").json["load"]
    assert (told["raised"], told["shown"], told["peak_at"]) == (0, 0, None)
    assert ask(app, "/api/scoreboard").json["rules"] == []
    assert ask(app, "/api/risk").json["districts"] == []


EXPECTED = replace(
    a_rule("pm25_expected"), source=WarningSource.FORECAST, horizon_s=7_200.0, thresholds=(LevelThreshold(WarningLevel.YELLOW, 150, 120),),
)  # fmt: skip


def a_forecast_warning(conn: Connection, hours_ago: float) -> str:
    opened = warnings.open_warning(
        conn, EXPECTED, WarningLevel.YELLOW, identifier=f"f-{hours_ago}", object_id=str(the_stream(conn)), device_id=STATION,
        now=NOW - minutes(60 * hours_ago),
    )  # fmt: skip
    assert opened is not None
    record_step(conn, opened, WarningState.LIFTED, WarningLevel.YELLOW, now=NOW - minutes(60 * hours_ago - 90))
    return opened


def test_a_rule_of_forecasts_is_scored_by_what_came_and_by_what_people_say(
    house: House, database_url: str, conn: Connection
) -> None:
    """Six warnings: after four the threshold was reached half an hour later, after two it was not. A verdict goes before."""
    seed_rules(conn, [a_rule(), EXPECTED], now=NOW)
    stored(conn, a_device())
    ids = [a_forecast_warning(conn, hours) for hours in (5, 10, 15, 20, 25, 30)]
    stored(conn, *(a_reading(155, minutes_ago=60 * hours - 30) for hours in (5, 10, 15, 20)))
    opened = warnings.open_warning(
        conn, a_rule(), WarningLevel.YELLOW, identifier="p", object_id=str(the_stream(conn)), device_id=STATION,
        now=NOW - minutes(2_000),
    )  # fmt: skip
    assert opened is not None
    app = create_app(house(database_url))
    (row,) = ask(app, "/api/scoreboard?rule=pm25_expected").json["rules"]
    assert (row["n"], row["right"], row["false"], row["precision"]) == (6, 4, 2, pytest.approx(4 / 6))
    assert (row["lead_s"], row["n_lead"]) == (None, 4), "too few to tell"
    attention.judge(conn, ids[4], WarningVerdict.RIGHT, actor="li", words=None, now=NOW)
    (row,) = ask(app, "/api/scoreboard?rule=pm25_expected").json["rules"]
    assert (row["right"], row["false"]) == (5, 1)
    assert (row["missed"], row["n_events"]) == (0, 0), "nothing was reached since the rule first warned"
    dossier = ask(app, f"/api/warnings/{ids[0]}").json
    assert dossier["scoreboard"]["right"] == 5
    assert [s["verdict"] for s in dossier["similar"]] == [None, None, None, "right", None]


def test_the_dossier_tells_of_sensors_near_and_of_incidents_missed(house: House, database_url: str, conn: Connection) -> None:
    seed_rules(conn, [replace(a_rule(), hazard_class="fire")], now=NOW)
    near, far = STATION.replace("air-1", "air-2"), STATION.replace("air-1", "air-3")
    stored(conn, a_device(name="北站"), a_device(near, place=(113.255, 23.125)), a_device(far, place=(113.35, 23.125)))
    stored(conn, a_reading(110), a_reading(90, device_id=near), an_incident(minutes_ago=5))
    opened = warnings.open_warning(
        conn, a_rule(), WarningLevel.BLUE, identifier="s", object_id="1", device_id=STATION, now=NOW - minutes(20),
        evidence={"property": "pm25"},
    )  # fmt: skip
    told = ask(create_app(house(database_url)), f"/api/warnings/{opened}").json
    assert [(s["device"], s["value"], s["distance_m"]) for s in told["sensors"]] == [(STATION, 110, 0), (near, 90, 511)]
    assert told["impact"] is None
    assert (told["scoreboard"]["n_events"], told["scoreboard"]["missed"]) == (1, 0)


def test_the_risk_of_a_district_shows_its_parts_and_how_it_was(house: House, database_url: str, conn: Connection) -> None:
    """One blue warning of ten minutes ago: 1 point, score 15; nothing an hour ago. Without units their part is left out."""
    stored(conn, a_device())
    a_warning(conn)
    (row,) = ask(create_app(house(database_url)), "/api/risk").json["districts"]
    parts = {part["name"]: (part["value"], part["score"]) for part in row["parts"]}
    assert parts == {
        "warnings": (1, 15), "foreseen": (0, 0), "incidents": (0, 0), "anomalies": (0, 0), "units": (None, None),
    }  # fmt: skip
    assert row["risk"] == pytest.approx(35 * 15 / 90, abs=0.05)
    assert (row["code"], row["was_1h"]) == ("440106", None)
