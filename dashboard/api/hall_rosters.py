"""Rosters of a hall: its clerks and who of them is where today, its rosters with one in full, and that one as a workbook (xlsx)
or a calendar (ics).

From: hall_clerk, clerk_absence, roster, hall_event (today). Who may see a roster is asked of its own hall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from domain.halls import WindowState
from domain.moments import Moment
from domain.rights import Action, Place
from staffing.floor import Book, Floor, local_day
from staffing.rosters.calendars import calendar
from staffing.rosters.sheets import title_of, workbook
from storage import halls, rosters
from storage.connection import Connection, DatabaseUnreachable
from storage.halls import HallPlace
from storage.rosters import StoredAbsence, StoredClerk, StoredRoster

ABSENT_BEFORE, ABSENT_AHEAD = timedelta(days=14), timedelta(days=400)
"""Absences are told from so long ago to so far ahead."""
LISTED = 20
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ICS = "text/calendar; charset=utf-8"


def place_of(conn: Connection, hall_id: str) -> HallPlace | None:
    """The hall, for who may see its staff; None for one that is not known, or not to who asks."""
    own = visitor.halls()
    if own is not None and hall_id not in own:
        return None
    found = next((place for place in halls.list_halls(conn) if place.hall_id == hall_id), None)
    may = found is not None and visitor.current().may(Action.READ_STAFF, Place(found.district_code, hall_id))
    return found if may else None


def read_clerks(conn: Connection, hall_id: str, now: datetime, house: Deployment) -> Json | None:
    """Clerks with where they are today, and absences."""
    if place_of(conn, hall_id) is None:
        return None
    day = local_day(now, house.zone)
    floor = Book(halls.list_hall_events(conn, day.start, day.end, Moment.live(now), hall_ids=[hall_id])).floor
    absences = rosters.list_absences(conn, hall_id, day.date - ABSENT_BEFORE, day.date + ABSENT_AHEAD)
    today = _Today(day.date, floor, absences, rosters.list_in_force(conn, hall_id, day.date, day.date))
    return {
        "hall": hall_id, "t": ms(now), "clerks": [_clerk(each, today) for each in rosters.list_clerks(conn, hall_id)],
        "absences": [
            {
                "id": a.absence_id, "clerk": a.clerk, "from": a.first.isoformat(), "to": a.last.isoformat(), "kind": a.kind,
                "noted": ms(a.noted_at), "by": a.actor,
            }
            for a in absences
        ],
        "shifts": [
            {"id": s.id, "zh": s.zh, "en": s.en, "start": s.start.strftime("%H:%M"), "end": s.end.strftime("%H:%M")}
            for s in house.hall_practice.shifts
        ],
    }  # fmt: skip


class _Today:
    """Who is where on a day: at a window, in reserve, absent, off; None where nothing tells."""

    def __init__(self, day: date, floor: Floor, absences: list[StoredAbsence], in_force: list[StoredRoster]) -> None:
        self._at = {
            window.clerk: window.number for window in floor.windows.values()
            if window.clerk and window.state is not WindowState.CLOSED
        }  # fmt: skip
        self._absent = {a.clerk for a in absences if a.first <= day <= a.last}
        content: Mapping[str, Any] = (in_force[-1].content or {}) if in_force else {}
        told = next((each for each in content.get("days", ()) if each["date"] == day.isoformat()), None)
        self._rostered = {shift["clerk"] for shift in told["shifts"]} if told is not None else set() if in_force else None

    def of(self, clerk: str) -> str | None:
        if clerk in self._at:
            return f"window {self._at[clerk]}"
        if clerk in self._absent:
            return "absent"
        return None if self._rostered is None else "reserve" if clerk in self._rostered else "off"


def _clerk(each: StoredClerk, today: _Today) -> Json:
    return {
        "clerk": each.clerk, "skills": list(each.skills), "week_h": each.week_h, "wishes": dict(each.wishes),
        "origin": each.origin, "since": ms(each.since), "today": today.of(each.clerk),
        "changed": ms(each.changed_at), "by": each.changed_by,
    }  # fmt: skip


def read_rosters(conn: Connection, hall_id: str, roster_id: str | None, now: datetime, today: date) -> Json | None:
    """The newest rosters of a hall; one of them in full: the one named, else one that waits to be adopted, else the one in force
    today or next, else the newest."""
    if place_of(conn, hall_id) is None:
        return None
    listed = rosters.list_rosters(conn, hall_id, limit=LISTED)
    if roster_id is None:
        roster_id = _shown(listed, today)
    found = rosters.find_roster(conn, roster_id) if roster_id else None
    if found is not None and found.hall_id != hall_id:
        return None
    took = {} if found is None else {found.roster_id: (found.content or {}).get("took_s")}
    return {
        "hall": hall_id, "t": ms(now), "rosters": [{**_row(each), "took_s": took.get(each.roster_id)} for each in listed],
        "roster": {**_row(found), **_content(found)} if found is not None else None,
    }  # fmt: skip


def _shown(listed: list[StoredRoster], today: date) -> str | None:
    for state in ("draft", "in_force"):
        for each in listed:
            if each.state == state and each.last >= today:
                return each.roster_id
    return listed[0].roster_id if listed else None


def _row(each: StoredRoster) -> Json:
    return {
        "id": each.roster_id, "first": each.first.isoformat(), "last": each.last.isoformat(), "state": each.state,
        "asked": ms(each.asked_at), "by": each.asked_by, "solved": ms(each.solved_at), "decided": ms(each.decided_at),
        "decided_by": each.decided_by, "wanted": dict(each.wanted),
    }  # fmt: skip


def _content(each: StoredRoster) -> Json:
    empty: Json = {"days": [], "unmet": [], "relaxations": [], "compare": None, "fairness": None, "failed": None, "took_s": None}
    return {**empty, **(each.content or {})}


def mount(server: FastAPI, house: Deployment) -> None:
    async def told(path: str, question: Callable[[Connection], Json | None]) -> Response:
        try:
            found = await house.database.ask(question)
        except DatabaseUnreachable:
            return failed("api.database_away")
        return missing(path[:LONGEST_PATH]) if found is None else answer(found)

    async def clerks(hall: str = "") -> Response:
        if "\0" in hall:
            return missing("/api/hall/clerks")
        now = house.clock()
        return await told(f"/api/hall/clerks?hall={hall}", lambda conn: read_clerks(conn, hall, now, house))

    async def roster(hall: str = "", id: str | None = None) -> Response:  # noqa: A002 - the name that the address has
        if "\0" in hall + (id or ""):
            return missing("/api/hall/roster")
        now = house.clock()
        today = now.astimezone(house.zone).date()
        return await told(f"/api/hall/roster?hall={hall}", lambda conn: read_rosters(conn, hall, id, now, today))

    async def file(ending: str, roster_id: str, media_type: str, make: Callable[[StoredRoster, str], bytes]) -> Response:
        def read(conn: Connection) -> tuple[StoredRoster, str] | None:
            found = rosters.find_roster(conn, roster_id) if "\0" not in roster_id else None
            place = place_of(conn, found.hall_id) if found is not None else None
            if found is None or place is None or "days" not in (found.content or {}):
                return None
            return found, place.name_zh or found.hall_id

        try:
            known = await house.database.ask(read)
        except DatabaseUnreachable:
            return failed("api.database_away")
        if known is None:
            return missing(f"/api/hall/roster.{ending}?id={roster_id}"[:LONGEST_PATH])
        name = f"{known[0].hall_id}_{known[0].first}_{known[0].last}.{ending}"
        heads = {"cache-control": "no-store", "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        return Response(make(*known), headers=heads, media_type=media_type)

    async def xlsx(id: str = "") -> Response:  # noqa: A002
        def make(found: StoredRoster, hall: str) -> bytes:
            title = title_of(found.first, found.last, found.state)
            return workbook(
                found.content or {}, hall=hall, title=title, shifts=house.hall_practice.shifts, zone=house.zone, now=house.clock()
            )

        return await file("xlsx", id, XLSX, make)

    async def ics(id: str = "", clerk: str | None = None) -> Response:  # noqa: A002
        def make(found: StoredRoster, hall: str) -> bytes:
            return calendar(
                found.content or {}, roster_id=found.roster_id, hall_id=found.hall_id, hall=hall,
                shifts=house.hall_practice.shifts, zone=house.zone, made_at=found.solved_at or found.asked_at, clerk=clerk,
            )  # fmt: skip

        return await file("ics", id, ICS, make)

    server.add_api_route("/api/hall/clerks", clerks, methods=["GET"])
    server.add_api_route("/api/hall/roster", roster, methods=["GET"])
    server.add_api_route("/api/hall/roster.xlsx", xlsx, methods=["GET"])
    server.add_api_route("/api/hall/roster.ics", ics, methods=["GET"])
