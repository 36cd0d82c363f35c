"""Acts on clerks, absences and rosters of halls, as screens and the open interface ask for them: texts in, an answer out.
`staffing.rosters.acts` does them. Lists are joined with ";"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import isfinite

import staffing.rosters.acts
from dashboard.answers import Answer, Circumstances, Request, answered, listening, number
from dashboard.bodies import Field, echo, id_of, text
from dashboard.incident_acts import Act
from domain.refusals import Refused
from domain.rights import Action
from domain.staffing import AbsenceKind
from layouts.words import CATALOGUE
from staffing.rosters.task import Relaxation
from storage.connection import Connection


def _set_clerk(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.SET_CLERK, f"{request['hall']}/{request['clerk']}", at):
        week_h = _figure(request["week_h"]) if "week_h" in request else None
        off = [number(said) for said in _parts(request["off_weekdays"])] if "off_weekdays" in request else None
    known = staffing.rosters.acts.set_clerk(
        conn, request["hall"], request["clerk"].strip(), at.actor, at.now, skills=_parts(request["skills"]),
        reason=request["reason"], practice=at.hall, week_h=week_h, off_weekdays=off,
        shifts=_parts(request["shifts"]) if "shifts" in request else None,
    )  # fmt: skip
    return answered("done", "answer.clerk_set", known.clerk, clerk=known.clerk, n=len(known.skills))


def _retire_clerk(conn: Connection, request: Request, at: Circumstances) -> Answer:
    staffing.rosters.acts.retire_clerk(conn, request["hall"], request["clerk"], at.actor, at.now, reason=request["reason"])
    return answered("done", "answer.clerk_retired", request["clerk"], clerk=request["clerk"])


def _note_absence(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.NOTE_ABSENCE, f"{request['hall']}/{request['clerk']}", at):
        first, last, kind = _date(request["from"]), _date(request["to"]), _kind(request["kind"])
    noted = staffing.rosters.acts.note_absence(
        conn, request["hall"], request["clerk"], at.actor, at.now, first=first, last=last, kind=kind
    )
    first_said, last_said = noted.first.isoformat(), noted.last.isoformat()
    return answered("done", "answer.absence_noted", noted.absence_id, clerk=noted.clerk, first=first_said, last=last_said)


def _cancel_absence(conn: Connection, request: Request, at: Circumstances) -> Answer:
    taken = staffing.rosters.acts.cancel_absence(conn, request["absence"], at.actor, at.now, reason=request["reason"])
    return answered("done", "answer.absence_cancelled", taken.absence_id, clerk=taken.clerk)


def _ask(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.ASK_ROSTER, request["hall"], at):
        first, days = _date(request["from"]), number(request["days"])
        quantile = _figure(request["quantile"]) if "quantile" in request else at.hall.demand_quantile
        relax = [_relaxation(said) for said in _parts(request.get("relax", ""))]
    asked = staffing.rosters.acts.ask(
        conn, request["hall"], at.actor, at.now, first=first, days=days, quantile=quantile, relax=relax,
        today=at.now.astimezone(at.zone).date(),
    )  # fmt: skip
    limit_s = round(at.hall.solve_s)
    return answered("done", "answer.roster_asked", asked.roster_id, roster=asked.roster_id, days=days, seconds=limit_s)


def _adopt(conn: Connection, request: Request, at: Circumstances) -> Answer:
    adopted, over = staffing.rosters.acts.adopt(
        conn, request["roster"], at.actor, at.now, today=at.now.astimezone(at.zone).date()
    )  # fmt: skip
    first, last = adopted.first.isoformat(), adopted.last.isoformat()
    return answered("done", "answer.roster_adopted", adopted.roster_id, first=first, last=last, n=len(over))


def _withdraw(conn: Connection, request: Request, at: Circumstances) -> Answer:
    taken = staffing.rosters.acts.withdraw(conn, request["roster"], at.actor, at.now, reason=request["reason"])
    return answered("done", "answer.roster_withdrawn", taken.roster_id, roster=taken.roster_id)


def _parts(said: str) -> list[str]:
    return [part.strip() for part in said.split(";") if part.strip()]


def _refused(key: str, said: str, **more: str) -> Refused:
    zh, en = (words.format(value=echo(said), **more) for words in CATALOGUE[key])
    return Refused(key.partition(".")[2], zh, en)


def _figure(said: str) -> float:
    """A number with a fraction. Raises Refused."""
    try:
        found = float(said)
    except ValueError:
        found = float("nan")
    if not isfinite(found):
        raise _refused("answer.no_figure", said)
    return found


def _date(said: str) -> date:
    """A local date. Raises Refused."""
    try:
        found = date.fromisoformat(said)
    except ValueError:
        found = None
    if found is None or not 1970 < found.year < 2200:
        raise _refused("answer.no_date", said)
    return found


def _kind(said: str) -> AbsenceKind:
    known = AbsenceKind.known(said)
    if known is None:
        raise _refused("answer.no_absence_kind", said, names=", ".join(AbsenceKind))
    return known


def _relaxation(said: str) -> Relaxation:
    known = Relaxation.known(said)
    if known is None or known is Relaxation.SKILL:
        kinds = [kind for kind in Relaxation if kind is not Relaxation.SKILL]
        raise _refused("answer.no_relaxation", said, names=", ".join(kinds))
    return known


_REASON = text("reason", is_required=True)

ROSTER_ACTS: Mapping[Action, tuple[tuple[Field, ...], Act]] = {
    Action.SET_CLERK: (
        (
            id_of("hall"), id_of("clerk"), text("skills", is_required=True), text("week_h"), text("off_weekdays"), text("shifts"),
            _REASON,
        ),
        _set_clerk,
    ),
    Action.RETIRE_CLERK: ((id_of("hall"), id_of("clerk"), _REASON), _retire_clerk),
    Action.NOTE_ABSENCE: ((id_of("hall"), id_of("clerk"), id_of("from"), id_of("to"), id_of("kind")), _note_absence),
    Action.CANCEL_ABSENCE: ((id_of("absence"), _REASON), _cancel_absence),
    Action.ASK_ROSTER: ((id_of("hall"), id_of("from"), id_of("days"), text("quantile"), text("relax")), _ask),
    Action.ADOPT_ROSTER: ((id_of("roster"),), _adopt),
    Action.WITHDRAW_ROSTER: ((id_of("roster"), _REASON), _withdraw),
}  # fmt: skip
