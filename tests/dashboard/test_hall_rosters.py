"""Clerks, rosters and ratings over the wire: for whom, what, and the files that are taken away."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from benchmarks._hall_staff import ROSTER, staff
from dashboard.app import create_app
from domain.halls import HallEventKind
from domain.moments import Moment
from domain.rights import Actor, Role, Scope
from domain.staffing import RosterState
from staffing.books import Books, Seen
from staffing.practice import HallPractice
from staffing.rating_desk import RatingDesk
from storage import rosters
from storage.connection import Connection
from storage.rosters import StoredRoster
from tests.dashboard.conftest import House, ask, post
from tests.support.halls import a_visit, said
from tests.support.scenes import NOW, stored
from tests.support.window_scenes import MANAGER, STRANGER, a_hall

K = HallEventKind
ZONE = ZoneInfo("Asia/Shanghai")
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LEADER = Actor("zhou", Role.LEADER)


@pytest.fixture
def scene(conn: Connection) -> Connection:
    a_hall(conn)
    return conn


def act(app: Any, action: str, **what: str) -> dict[str, Any]:
    reply = post(app, f"/api/acts/{action}", what)
    return {**reply.json, "status": reply.status}


def test_clerks_are_registered_told_with_where_they_are_and_absences_noted(
    house: House, database_url: str, scene: Connection
) -> None:
    app = create_app(house(database_url, acts_as=MANAGER))
    done = act(
        app, "clerk.set", hall="hall-1", clerk="c02", skills="tax; enquiry", week_h="32", off_weekdays="4;5", reason="新到岗"
    )
    assert (done["outcome"], done["zh"]) == ("done", "已登记 c02，会办理 2 项")
    for name in ("c08", "c09"):
        assert act(app, "clerk.set", hall="hall-1", clerk=name, skills="tax", reason="x")["outcome"] == "done"
    noted = act(app, "absence.note", hall="hall-1", clerk="c08", **{"from": "2026-03-02", "to": "2026-03-04"}, kind="sick")
    assert noted["zh"] == "已登记 c08 2026-03-02 至 2026-03-04 缺勤"
    told = ask(app, "/api/hall/clerks?hall=hall-1").json
    assert [(c["clerk"], c["today"], c["week_h"], c["skills"]) for c in told["clerks"]] == [
        ("c02", "window 2", 32, ["tax", "enquiry"]), ("c08", "absent", 40, ["tax"]), ("c09", None, 40, ["tax"]),
    ]  # fmt: skip
    assert told["clerks"][0]["wishes"] == {"off_weekdays": [4, 5]}
    assert [(a["clerk"], a["from"], a["to"], a["kind"], a["by"]) for a in told["absences"]] == [
        ("c08", "2026-03-02", "2026-03-04", "sick", "wang")
    ]
    assert act(app, "absence.cancel", absence=told["absences"][0]["id"], reason="康复")["outcome"] == "done"
    assert act(app, "clerk.retire", hall="hall-1", clerk="c09", reason="调离")["outcome"] == "done"
    assert ask(app, "/api/hall/clerks?hall=hall-1").json["absences"] == []


@pytest.mark.parametrize(
    ("action", "said_", "words"),
    [
        ("clerk.set", {"clerk": "c1", "skills": "tax", "week_h": "many", "reason": "x"}, "expected a number such as 0.7"),
        ("clerk.set", {"clerk": "c1", "skills": "tax", "week_h": "nan", "reason": "x"}, "expected a number such as 0.7"),
        ("absence.note", {"clerk": "c1", "from": "soon", "to": "later", "kind": "leave"}, "expected a date such as 2026-03-02"),
        ("absence.note", {"clerk": "c1", "from": "2026-03-02", "to": "2026-03-02", "kind": "bored"}, "expected one of leave, sick, training, duty"),
        ("roster.ask", {"from": "2026-03-03", "days": "x"}, "no whole number"),
        ("roster.ask", {"from": "2026-03-03", "days": "1", "relax": "everything"}, "expected one of overtime, shift, leave"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_said_back(
    house: House, database_url: str, scene: Connection, action: str, said_: dict[str, str], words: str
) -> None:
    done = act(create_app(house(database_url, acts_as=MANAGER)), action, hall="hall-1", **said_)
    assert done["status"] == 409
    assert words in done["en"]


def test_staff_is_for_the_hall_s_own_manager_and_who_sees_all_halls(house: House, database_url: str, scene: Connection) -> None:
    staff(scene, "hall-1", ["tax", "enquiry"], NOW)
    paths = [
        "/api/hall/clerks?hall=hall-1",
        "/api/hall/roster?hall=hall-1",
        f"/api/hall/roster.xlsx?id={ROSTER}",
        f"/api/hall/roster.ics?id={ROSTER}",
    ]
    elsewhere = Actor("sun", Role.LEADER, Scope(districts=frozenset({"999999"})))
    for who, status in ((MANAGER, 200), (LEADER, 200), (STRANGER, 404), (elsewhere, 404), (Actor("li", Role.COMMANDER), 403)):
        app = create_app(house(database_url, acts_as=who))
        assert [ask(app, path).status for path in paths] == [status] * 4, who
    app = create_app(house(database_url, acts_as=MANAGER))
    assert [ask(app, path.replace("hall-1", "hall-9").replace(ROSTER, "none")).status for path in paths] == [404] * 4
    assert ask(app, "/api/hall/roster?hall=\0").status == 404


def test_a_roster_is_asked_for_and_told_in_full(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url, acts_as=MANAGER))
    asked = act(app, "roster.ask", hall="hall-1", **{"from": "2026-03-03"}, days="14", quantile="0.8", relax="overtime;leave")
    assert (asked["outcome"], asked["zh"]) == ("done", "开始编制 14 天的排班，最多约 60 秒")
    told = ask(app, "/api/hall/roster?hall=hall-1").json
    assert (told["roster"]["state"], told["roster"]["days"], told["rosters"][0]["wanted"]) == (
        "asked", [], {"quantile": 0.8, "relax": ["leave", "overtime"]},
    )  # fmt: skip
    assert act(app, "roster.withdraw", roster=asked["object_id"], reason="改期")["zh"] == f"已撤销排班 {asked['object_id']}"
    staff(scene, "hall-1", ["tax", "enquiry"], NOW)
    told = ask(app, "/api/hall/roster?hall=hall-1").json
    assert [(r["id"], r["state"]) for r in told["rosters"]] == [(asked["object_id"], "withdrawn"), (ROSTER, "in_force")]
    assert (told["roster"]["id"], len(told["roster"]["days"]), told["roster"]["took_s"]) == (ROSTER, 14, 1.0)
    assert ask(app, f"/api/hall/roster?hall=hall-1&id={asked['object_id']}").json["roster"]["state"] == "withdrawn"
    failed = StoredRoster("r-f", "hall-1", NOW.date(), NOW.date(), RosterState.ASKED, NOW, "wang", {})
    rosters.create_roster(scene, failed)
    rosters.finish_roster(scene, "r-f", RosterState.FAILED, {"failed": {"zh": "无", "en": "none"}}, took_s=0, now=NOW)
    assert ask(app, "/api/hall/roster?hall=hall-1&id=r-f").json["roster"]["failed"] == {"zh": "无", "en": "none"}
    assert ask(app, "/api/hall/roster.xlsx?id=r-f").status == 404


def _cells(body: bytes, number: int) -> list[list[str]]:
    """The texts of a sheet, row by row, as its XML has them."""
    with zipfile.ZipFile(BytesIO(body)) as book:
        shared = [
            "".join(t.text or "" for t in each.iter(f"{SHEET}t"))
            for each in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        ]
        rows = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml")).iter(f"{SHEET}row")
        return [
            [
                shared[int(v.text or 0)] if c.get("t") == "s" else v.text or ""
                for c in row
                if (v := c.find(f"{SHEET}v")) is not None
            ]
            for row in rows
        ]


def test_a_roster_is_taken_away_as_a_workbook(house: House, database_url: str, scene: Connection) -> None:
    staff(scene, "hall-1", ["tax", "enquiry"], NOW)
    reply = ask(create_app(house(database_url, acts_as=MANAGER)), f"/api/hall/roster.xlsx?id={ROSTER}")
    assert reply.headers["content-type"].endswith("spreadsheetml.sheet")
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''hall-1_2026-03-02_2026-03-15.xlsx"
    with zipfile.ZipFile(BytesIO(reply.body)) as book:
        names = [each.get("name") for each in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{SHEET}sheet")]
    assert names == ["排班表", "需求与安排", "未满足与建议"]
    rows = _cells(reply.body, 1)
    assert rows[1][:2] == ["人员", "3月2日\n星期一"]
    assert len(rows) == 62
    assert rows[2] == ["c00", *["全天班\n09:00–17:15\n午休 12:00–12:45"] * 14, "108.5"]
    assert _cells(reply.body, 2)[1] == ["2026-03-02", "09:00", "税务", "5", "60", "0"]
    assert _cells(reply.body, 3)[1] == ["无"]


def test_a_roster_is_taken_away_as_a_calendar_by_pseudonym_in_the_hall_s_zone(
    house: House, database_url: str, scene: Connection
) -> None:
    staff(scene, "hall-1", ["tax", "enquiry"], NOW)
    app = create_app(house(database_url, acts_as=MANAGER))
    reply = ask(app, f"/api/hall/roster.ics?id={ROSTER}&clerk=c07")
    assert reply.headers["content-type"].startswith("text/calendar")
    book = Calendar.from_ical(reply.body)
    events = book.walk("VEVENT")
    assert len(events) == 14
    first = min(events, key=lambda event: event.decoded("dtstart"))
    assert first.decoded("dtstart") == NOW
    assert first["dtstart"].params["TZID"] == "Asia/Shanghai"
    assert (str(first["summary"]), str(first["location"]), str(first["description"])) == (
        "c07 全天班",
        "东厅",
        "午休 12:00–12:45",
    )
    assert [str(zone["tzid"]) for zone in book.walk("VTIMEZONE")] == ["Asia/Shanghai"]
    everybody = Calendar.from_ical(ask(app, f"/api/hall/roster.ics?id={ROSTER}").body).walk("VEVENT")
    assert len(everybody) == 60 * 14
    assert len({str(event["uid"]) for event in everybody}) == 60 * 14


def bad(conn: Connection) -> None:
    stored(conn, *a_visit("A1", -30, -20, -19, -10, window=2), said(K.RATING, -5, "A1", grade=5, item=None),
           *a_visit("B1", -30, -25, -19, -10), said(K.RATING, -4, "B1", grade=1, item=None))  # fmt: skip
    books = Books(ZONE)
    seen = Seen(books.read(conn, Moment.live(NOW)), books.floors, {}, {}, "workday")
    RatingDesk(HallPractice(), ZONE, lambda day: day.weekday() < 5).tick(conn, NOW, seen)


def test_ratings_are_told_and_a_bad_one_is_answered(house: House, database_url: str, scene: Connection) -> None:
    bad(scene)
    app = create_app(house(database_url, acts_as=MANAGER))
    told = ask(app, "/api/hall/ratings?hall=hall-1").json
    assert (told["counts"], told["good_share"], told["effect"]) == ([1, 0, 0, 0, 1], 0.5, None)
    assert [(w["window"], w["clerk"], w["n"], w["good_share"]) for w in told["by_window"]] == [(2, "c01", 1, 0), (1, "c01", 1, 1)]
    assert [(i["item"], i["n"]) for i in told["by_item"]] == [("tax", 2)]
    assert [(r["grade"], r["wait_s"]) for r in told["recent"]] == [(1, 300), (5, 600)]
    (found,) = told["follow_ups"]
    assert (found["ticket"], found["days_left"], found["state"], found["next"], found["is_overdue"]) == (
        "A1",
        15,
        "open",
        ["contacted"],
        False,
    )
    assert told["counts_follow_ups"] == {"open": 1, "overdue": 0, "closed": 0, "closed_in_time_share": None}
    done = act(app, "rating.answer", follow_up=found["id"], state="contacted", words="已致电")
    assert (done["outcome"], done["zh"]) == ("done", "A1 的差评回访：已回访")
    assert act(app, "rating.answer", follow_up=found["id"], state="dragon", words="x")["status"] == 409
    (found,) = ask(app, "/api/hall/ratings?hall=hall-1").json["follow_ups"]
    assert [(s["state"], s["by"], s["words"]) for s in found["steps"]] == [("contacted", "wang", "已致电")]


def test_words_of_a_follow_up_and_clerks_are_not_for_everybody(house: House, database_url: str, scene: Connection) -> None:
    bad(scene)
    manager = create_app(house(database_url, acts_as=MANAGER))
    (found,) = ask(manager, "/api/hall/ratings?hall=hall-1").json["follow_ups"]
    assert act(manager, "rating.answer", follow_up=found["id"], state="contacted", words="已致电")["outcome"] == "done"
    leader = ask(create_app(house(database_url, acts_as=LEADER)), "/api/hall/ratings?hall=hall-1").json
    assert leader["follow_ups"][0]["steps"][0]["words"] == "已致电", "a leader reads texts"
    commander = ask(create_app(house(database_url)), "/api/hall/ratings?hall=hall-1").json
    assert (commander["counts"], commander["follow_ups"], commander["by_clerk"]) == ([1, 0, 0, 0, 1], [], [])
    assert {w["clerk"] for w in commander["by_window"]} == {None}
    assert ask(create_app(house(database_url, acts_as=STRANGER)), "/api/hall/ratings?hall=hall-1").status == 404
