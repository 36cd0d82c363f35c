"""Acts on clerks, absences and rosters: who works in a hall is registered, changed and retired, absences are noted and
cancelled, a roster is asked for, put in force or withdrawn. Each is one audited transaction; a hall's staff is locked before it
is looked at."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from domain.refusals import Refused
from domain.rights import Action, Actor, Place
from domain.staffing import AbsenceKind, RosterState
from staffing.moves import no_hall, place_of
from staffing.practice import HallPractice, Shift
from staffing.rosters.task import Relaxation
from storage import acts, rosters
from storage.acts import Deed
from storage.connection import Connection
from storage.halls import HallPlace
from storage.rosters import REGISTERED, StoredAbsence, StoredClerk, StoredRoster

LONGEST_DAYS = 14
LONGEST_ABSENCE = timedelta(days=366)
FURTHEST_AHEAD = timedelta(days=60)
"""A roster may begin so many days from today at most: further ahead nothing is known of absences."""
MOST_WEEK_H = 60.0
LONGEST_NAME = 40
WEEKDAYS = range(7)
QUANTILES = (0.5, 0.99)


@contextmanager
def _on_hall(
    conn: Connection, action: Action, object_id: str, hall_id: str, actor: Actor, now: datetime, detail: dict[str, Any],
    exercise_id: str | None = None,
) -> Iterator[tuple[HallPlace, Deed]]:  # fmt: skip
    """The one transaction of an act on a hall's staff, which is locked; refused for a hall that nobody knows."""
    said = {name: what for name, what in detail.items() if what not in (None, "", [])}
    with acts.transaction(conn, actor, action, object_id[:200], now, exercise_id=exercise_id) as deed:
        place = place_of(conn, hall_id)
        where = Place(place.district_code, hall_id) if place is not None else Place()
        acts.begin(conn, actor, action, object_id[:200], now, detail=said, exercise_id=exercise_id, place=where, deed=deed)
        if place is None:
            raise no_hall(hall_id)
        rosters.lock_staff(conn, hall_id)
        yield place, deed


# Clerks


def set_clerk(
    conn: Connection, hall_id: str, clerk: str, actor: Actor, now: datetime, *, skills: Sequence[str], reason: str,
    practice: HallPractice, week_h: float | None = None, off_weekdays: Sequence[int] | None = None,
    shifts: Sequence[str] | None = None,
) -> StoredClerk:  # fmt: skip
    """Registers a clerk by pseudonym, or changes what is known of him; who was retired is there again. Hours and wishes that are
    not said stay. Raises Refused."""
    detail = {"hall": hall_id, "reason": reason.strip(), "skills": list(skills), "week_h": week_h}
    with _on_hall(conn, Action.SET_CLERK, f"{hall_id}/{clerk}", hall_id, actor, now, detail) as (place, deed):
        _check_reason(reason)
        before = rosters.find_clerk(conn, hall_id, clerk)
        hours = week_h if week_h is not None else before.week_h if before is not None else practice.week_h
        _check_clerk(clerk, skills, hours, off_weekdays or (), shifts or (), place, practice.shifts)
        wishes: dict[str, Any] = dict(before.wishes) if before is not None else {}
        for name, said in (("off_weekdays", off_weekdays), ("shifts", shifts)):
            if said is not None:
                wishes[name] = sorted(set(said))
        wishes = {name: said for name, said in wishes.items() if said}
        since = now if before is None or before.retired_at is not None else before.since
        after = StoredClerk(hall_id, clerk, tuple(dict.fromkeys(skills)), hours, wishes, REGISTERED, since, now, actor.name)
        rosters.set_clerk(conn, after)
        deed.changed(_said_of(before), _said_of(after))
        return after


def retire_clerk(conn: Connection, hall_id: str, clerk: str, actor: Actor, now: datetime, *, reason: str) -> None:
    """Takes a clerk off the list; what was said of him in rosters stays."""
    detail = {"hall": hall_id, "reason": reason.strip()}
    with _on_hall(conn, Action.RETIRE_CLERK, f"{hall_id}/{clerk}", hall_id, actor, now, detail) as (_, deed):
        _check_reason(reason)
        before = _present_clerk(conn, hall_id, clerk)
        rosters.retire_clerk(conn, hall_id, clerk, actor=actor.name, now=now)
        deed.changed(_said_of(before), None)


# Absences


def note_absence(
    conn: Connection, hall_id: str, clerk: str, actor: Actor, now: datetime, *, first: date, last: date, kind: AbsenceKind,
) -> StoredAbsence:  # fmt: skip
    """Notes that a clerk is absent from `first` to `last`, both included."""
    detail = {"hall": hall_id, "from": first.isoformat(), "to": last.isoformat(), "kind": str(kind)}
    with _on_hall(conn, Action.NOTE_ABSENCE, f"{hall_id}/{clerk}", hall_id, actor, now, detail) as (_, deed):
        _present_clerk(conn, hall_id, clerk)
        if not timedelta(0) <= last - first <= LONGEST_ABSENCE:
            raise Refused(
                "absence_days",
                f"缺勤自 {first} 至 {last}\uff1a应为先后有序、不超过 {LONGEST_ABSENCE.days} 天的日期",
                f"the absence is from {first} to {last}: expected dates in order, {LONGEST_ABSENCE.days} days at most",
            )
        same = [a for a in rosters.list_absences(conn, hall_id, first, last) if a.clerk == clerk]
        if same:
            raise Refused(
                "absent_already",
                f"{clerk} 在 {same[0].first} 至 {same[0].last} 已登记{same[0].kind.zh}\uff1a请先取消原登记",
                f"{clerk} is noted as on {same[0].kind.en} from {same[0].first} to {same[0].last}: cancel that first",
            )
        noted = StoredAbsence(f"a{_id(now)}", hall_id, clerk, first, last, kind, actor.name, now)
        rosters.add_absence(conn, noted)
        deed.changed(None, {"absence": noted.absence_id})
        return noted


def cancel_absence(conn: Connection, absence_id: str, actor: Actor, now: datetime, *, reason: str) -> StoredAbsence:
    """Takes an absence back."""
    found = rosters.find_absence(conn, absence_id)
    hall_id = found.hall_id if found else ""
    detail = {"hall": hall_id, "reason": reason.strip()}
    with _on_known(conn, Action.CANCEL_ABSENCE, absence_id, hall_id, actor, now, detail) as deed:
        current = rosters.find_absence(conn, absence_id)
        if current is None:
            raise Refused("absence_unknown", f"没有缺勤登记 {absence_id[:60]}", f"there is no absence {absence_id[:60]}")
        _check_reason(reason)
        if current.cancelled_at is not None:
            raise Refused("absence_cancelled", "该缺勤登记已取消", "this absence has been cancelled before")
        rosters.cancel_absence(conn, absence_id, actor=actor.name, now=now)
        deed.changed({"from": current.first.isoformat(), "to": current.last.isoformat(), "kind": str(current.kind)}, None)
        return current


# Rosters


def ask(
    conn: Connection, hall_id: str, actor: Actor, now: datetime, *, first: date, days: int, quantile: float, today: date,
    relax: Sequence[Relaxation] = (), exercise_id: str | None = None,
) -> StoredRoster:  # fmt: skip
    """Asks for a roster of some days from `first` on; the process of the halls makes it. One at a time for a hall."""
    wanted: dict[str, Any] = {"quantile": quantile, "relax": sorted(map(str, relax))}
    roster_id = f"r{_id(now)}"
    detail = {"hall": hall_id, "from": first.isoformat(), "days": days, **wanted}
    with _on_hall(conn, Action.ASK_ROSTER, roster_id, hall_id, actor, now, detail, exercise_id) as (_, deed):
        if not 1 <= days <= LONGEST_DAYS:
            raise Refused(
                "roster_days", f"天数为 {days}\uff1a应为 1 至 {LONGEST_DAYS}", f"{days} days: expected 1 to {LONGEST_DAYS}"
            )
        if not today <= first <= today + FURTHEST_AHEAD:
            raise Refused(
                "roster_first",
                f"自 {first} 起\uff1a应为今天（{today}）至 {FURTHEST_AHEAD.days} 天之内的日期",
                f"from {first}: expected a date from today ({today}) to {FURTHEST_AHEAD.days} days ahead",
            )
        if not QUANTILES[0] <= quantile <= QUANTILES[1]:
            raise Refused(
                "roster_quantile",
                f"需求分位为 {quantile:g}\uff1a应为 {QUANTILES[0]} 至 {QUANTILES[1]}",
                f"the quantile of the demand is {quantile:g}: expected {QUANTILES[0]} to {QUANTILES[1]}",
            )
        waiting = next((r for r in rosters.list_asked(conn) if (r.hall_id, r.exercise_id) == (hall_id, exercise_id)), None)
        if waiting is not None:
            raise Refused(
                "roster_being_made",
                f"该厅的排班 {waiting.roster_id} 正在编制（{waiting.asked_by}）\uff1a请等待或先撤销",
                f"roster {waiting.roster_id} of this hall is being made for {waiting.asked_by}: wait, or withdraw it first",
            )
        asked = StoredRoster(
            roster_id, hall_id, first, first + timedelta(days=days - 1), RosterState.ASKED, now, actor.name, wanted,
            exercise_id=exercise_id,
        )  # fmt: skip
        rosters.create_roster(conn, asked)
        deed.changed(None, {"state": RosterState.ASKED})
        return asked


def adopt(
    conn: Connection, roster_id: str, actor: Actor, now: datetime, *, today: date, exercise_id: str | None = None
) -> tuple[StoredRoster, list[str]]:
    """Puts a roster in force; returns it, and the ids of those that it leaves no day."""
    found = rosters.find_roster(conn, roster_id)
    hall_id = found.hall_id if found else ""
    with _on_known(conn, Action.ADOPT_ROSTER, roster_id, hall_id, actor, now, {"hall": hall_id}, exercise_id) as deed:
        current = _roster(conn, roster_id, exercise_id)
        if current.state is not RosterState.DRAFT:
            raise Refused(
                "roster_no_draft",
                f"排班 {roster_id} {current.state.zh}\uff1a只能采用待采用的排班",
                f"roster {roster_id} is {current.state.en}: only one that waits to be adopted can be put in force",
            )
        if current.last < today:
            raise Refused(
                "roster_past",
                f"排班 {roster_id} 止于 {current.last}\uff0c已过去\uff1a请重新编制",
                f"roster {roster_id} ends on {current.last}, which is past: ask for another",
            )
        rosters.set_roster_state(conn, roster_id, RosterState.IN_FORCE, actor=actor.name, now=now)
        over = rosters.supersede(conn, hall_id, exercise_id=exercise_id)
        deed.changed({"state": current.state}, {"state": RosterState.IN_FORCE, "superseded": over})
        return current, over


def withdraw(
    conn: Connection, roster_id: str, actor: Actor, now: datetime, *, reason: str, exercise_id: str | None = None
) -> StoredRoster:
    """Takes a roster back, whether it is being made, waits or is in force; one that it had superseded does not come back."""
    found = rosters.find_roster(conn, roster_id)
    hall_id = found.hall_id if found else ""
    detail = {"hall": hall_id, "reason": reason.strip()}
    with _on_known(conn, Action.WITHDRAW_ROSTER, roster_id, hall_id, actor, now, detail, exercise_id) as deed:
        current = _roster(conn, roster_id, exercise_id)
        _check_reason(reason)
        if current.state not in (RosterState.ASKED, RosterState.DRAFT, RosterState.IN_FORCE):
            raise Refused(
                "roster_over",
                f"排班 {roster_id} {current.state.zh}\uff1a只能撤销编制中、待采用或执行中的排班",
                f"roster {roster_id} is {current.state.en}: only one being made, waiting or in force can be withdrawn",
            )
        rosters.set_roster_state(conn, roster_id, RosterState.WITHDRAWN, actor=actor.name, now=now)
        deed.changed({"state": current.state}, {"state": RosterState.WITHDRAWN})
        return current


@contextmanager
def _on_known(
    conn: Connection, action: Action, object_id: str, hall_id: str, actor: Actor, now: datetime, detail: dict[str, Any],
    exercise_id: str | None = None,
) -> Iterator[Deed]:  # fmt: skip
    """As `_on_hall`, for an object by its own id, which may be none: then there is no hall either, and the act says so itself."""
    said = {name: what for name, what in detail.items() if what}
    with acts.transaction(conn, actor, action, object_id[:200], now, exercise_id=exercise_id) as deed:
        place = place_of(conn, hall_id) if hall_id else None
        where = Place(place.district_code if place else None, hall_id or None)
        acts.begin(conn, actor, action, object_id[:200], now, detail=said, exercise_id=exercise_id, place=where, deed=deed)
        rosters.lock_staff(conn, hall_id)
        yield deed


def _roster(conn: Connection, roster_id: str, exercise_id: str | None) -> StoredRoster:
    found = rosters.find_roster(conn, roster_id)
    if found is None or found.exercise_id != exercise_id:
        raise Refused("roster_unknown", f"没有排班 {roster_id[:60]}", f"there is no roster {roster_id[:60]}")
    return found


def _present_clerk(conn: Connection, hall_id: str, clerk: str) -> StoredClerk:
    found = rosters.find_clerk(conn, hall_id, clerk)
    if found is None or found.retired_at is not None:
        raise Refused(
            "clerk_unknown",
            f"大厅 {hall_id[:60]} 没有登记人员 {clerk[:LONGEST_NAME]}\uff1a应为该厅人员名单中的代号",
            f"hall {hall_id[:60]} has no clerk {clerk[:LONGEST_NAME]}: expected a pseudonym on its list",
        )
    return found


def _check_clerk(
    clerk: str, skills: Sequence[str], week_h: float, off_weekdays: Sequence[int], shifts: Sequence[str], place: HallPlace,
    known_shifts: Sequence[Shift],
) -> None:  # fmt: skip
    """Raises Refused for what cannot be said of a clerk."""
    if not clerk.strip() or len(clerk) > LONGEST_NAME or not clerk.isprintable():
        raise Refused(
            "clerk_name",
            f"人员代号应为 1 至 {LONGEST_NAME} 个字符\uff0c如 c07\uff1b不得填写真实姓名",
            f"expected a pseudonym of 1 to {LONGEST_NAME} characters such as c07, never a person's name",
        )
    strange = [item for item in skills if not item.strip() or (place.items and item not in place.items)]
    if strange or not skills:
        what = strange[0][:60] if strange else ""
        raise Refused(
            "clerk_skills",
            f"技能“{what}”不是大厅 {place.hall_id} 办理的事项\uff1a应为其中至少一项\uff0c如 {';'.join(list(place.items)[:2])}",
            f"the skill '{what}' is no item of hall {place.hall_id}: expected at least one of its items, such as "
            f"{';'.join(list(place.items)[:2])}",
        )
    if not 0 < week_h <= MOST_WEEK_H:
        raise Refused(
            "clerk_week",
            f"每周工时为 {week_h:g} 小时\uff1a应大于 0、不超过 {MOST_WEEK_H:g}",
            f"{week_h:g} hours a week: expected more than 0 and at most {MOST_WEEK_H:g}",
        )
    if any(day not in WEEKDAYS for day in off_weekdays) or len(set(off_weekdays)) > 6:
        raise Refused(
            "clerk_wishes",
            "希望休息的星期应为 0（星期一）至 6（星期日）",
            "weekdays wished off: expected 0 (Monday) to 6 (Sunday)",
        )
    names = [shift.id for shift in known_shifts]
    if wrong := [shift for shift in shifts if shift not in names]:
        raise Refused(
            "clerk_shifts",
            f"班次“{wrong[0][:40]}”未配置\uff1a应为 {'、'.join(names)} 之一",
            f"there is no shift '{wrong[0][:40]}': expected one of {', '.join(names)}",
        )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("reason_missing", "须写明原因", "a reason is needed")


def _said_of(clerk: StoredClerk | None) -> dict[str, Any] | None:
    if clerk is None or clerk.retired_at is not None:
        return None
    return {"skills": list(clerk.skills), "week_h": clerk.week_h, "wishes": dict(clerk.wishes), "origin": clerk.origin}


def _id(now: datetime) -> str:
    return f"-{now:%y%m%d%H%M%S}-{secrets.token_hex(4)}"
