"""Windows of a hall ahead: what is proposed, what is under way and what became of earlier plans; and what if.

A what-if is simulated in a thread, one at a time in each worker; who would have to wait longer than `LONGEST_WAIT_S` is told
so. What is known of a hall is read anew when it is older than `KEPT`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import visitor
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.api.dossiers import is_id
from dashboard.bodies import Malformed, read_body
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from domain.refusals import Refused
from domain.rights import Action, Place
from domain.staffing import ProposalState
from layouts.words import CATALOGUE
from staffing.advice.desk import read_ground
from staffing.advice.ground import Ground
from staffing.advice.proposals import moves_of
from staffing.floor import Day, local_day
from staffing.gathering import Material, gather
from staffing.profiles import day_kind
from staffing.what_if import FUTURES, Asked, answer_json, drawn_factor, read_asked, tried
from storage import window_plans
from storage.connection import Connection, DatabaseUnreachable
from storage.window_plans import WindowProposal, WindowStep

KEPT = timedelta(seconds=20)
REMEMBERED = 8
PAST = 10
LONGEST_WAIT_S = 4.0
ASKED_FIELDS = {"hall", "arrivals", "move", "windows", "proposal"}
RUNNING = (ProposalState.ACCEPTED,)


def read_windows(conn: Connection, hall_id: str, now: datetime, day: Day) -> Json:
    """From: window_proposal, window_step, window_look, hall_clerk, clerk_absence, hall_event."""
    there = window_plans.find_open(conn, hall_id)
    if there is not None and there.valid_until <= now:
        there = None
    known = window_plans.list_proposals(conn, hall_id, limit=PAST + 5)
    running = [made for made in known if made.state in RUNNING]
    look = window_plans.find_look(conn, hall_id)
    steps = window_plans.list_steps(conn, hall_id, day.start, proposal_ids=[made.proposal_id for made in running])
    present = [clerk for clerk, _ in window_plans.list_present(conn, hall_id, day.date)]
    at_windows = window_plans.list_at_windows(conn, hall_id, day.start, day.end) if present else set()
    return {
        "hall": hall_id, "t": ms(now), "proposal": proposal(there) if there is not None else None,
        "none": look[1] if look is not None and there is None else None, "looked": ms(look[0]) if look is not None else None,
        "running": [proposal(made) for made in running],
        "past": [proposal(made) for made in known if made.state not in RUNNING][:PAST],
        "steps": [step(each) for each in steps],
        "present": {"clerks": len(present), "in_reserve": len(set(present) - at_windows)} if present else None,
    }  # fmt: skip


def proposal(made: WindowProposal) -> Json:
    content = made.content
    return {
        "id": made.proposal_id, "state": made.state, "issued": ms(made.issued_at), "valid_until": ms(made.valid_until),
        "decided": ms(made.decided_at), "by": made.decided_by, "reason": made.reason, "said": content["said"],
        "rests_on": content["rests_on"], "steps": content["steps"], "before": content["before"], "after": content["after"],
        "gain": content["gain"], "price": content.get("price"), "adjusted": bool(content.get("adjusted")),
        "outcome": made.outcome,
    }  # fmt: skip


def step(each: WindowStep) -> Json:
    return {
        "id": each.step_id, "proposal": each.proposal_id, "window": each.window_no, "wanted": each.wanted,
        "items": list(each.items), "due": ms(each.due_at), "state": each.state, "sent": ms(each.sent_at),
        "answered": ms(each.answered_at), "answer": each.answer, "by": each.actor, "follows": each.follows,
    }  # fmt: skip


class WhatIf:
    """Simulates one question at a time."""

    def __init__(self, house: Deployment) -> None:
        self._house = house
        self._turn = asyncio.Semaphore(1)
        self._known: dict[str, Material] = {}

    async def ask(self, hall_id: str, said: Mapping[str, Any]) -> Json:
        """The answer, or why there is none. Raises Refused, TimeoutError for who would wait too long, DatabaseUnreachable."""
        await asyncio.wait_for(self._turn.acquire(), LONGEST_WAIT_S)
        try:
            return await self._house.database.ask(lambda conn: self._answered(conn, hall_id, said))
        finally:
            self._turn.release()

    def _answered(self, conn: Connection, hall_id: str, said: Mapping[str, Any]) -> Json:
        now, practice = self._house.clock(), self._house.hall_practice
        material = self._material(conn, hall_id, now, practice.advice_horizon_s)
        if material.none is not None or material.profile is None or material.demand is None:
            none = material.none
            raise Refused("what_if", none.zh if none else "", none.en if none else "")
        asked = read_asked(said, ms(now) or 0, material.offered)
        seed = int(material.now.timestamp())
        ground = read_ground(
            conn, hall_id, material.floor, material.profile, material.demand.times(drawn_factor(asked)), material.now,
            day=material.day, day_kind=material.day_kind, practice=practice, n=FUTURES, seed=seed,
        )  # fmt: skip
        asked = _with_plan(conn, asked, said.get("proposal"), hall_id, ground)
        began = time.perf_counter()
        found = tried(ground, asked, seed=seed)
        return answer_json(found, ground, round(1000 * (time.perf_counter() - began)))

    def _material(self, conn: Connection, hall_id: str, now: datetime, horizon_s: float) -> Material:
        known = self._known.get(hall_id)
        if known is None or not timedelta(0) <= now - known.now <= KEPT:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = gather(conn, hall_id, now, zone=self._house.zone, kind_of=kind_of(self._house), horizon_s=horizon_s)
            self._known[hall_id] = known
        return known


def _with_plan(conn: Connection, asked: Asked, proposal_id: object, hall_id: str, ground: Ground) -> Asked:
    if proposal_id is None:
        return asked
    made = window_plans.find_proposal(conn, proposal_id) if isinstance(proposal_id, str) and is_id(proposal_id) else None
    if made is None or made.hall_id != hall_id:
        raise Refused(
            "what_if", *(said.format(proposal=str(proposal_id)[:60]) for said in CATALOGUE["answer.no_window_proposal"])
        )
    return Asked(asked.factor, asked.shifts, asked.wishes, tuple(moves_of(made.content["steps"], ground)))


def kind_of(house: Deployment) -> Callable[[date], str]:
    """What kind of day a date is, by the calendar of the deployment."""
    calendar = house.calendar

    def kind(day: date) -> str:
        return day_kind(day, lambda of: bool(calendar.are_worked(np.array([calendar.kind(of)]))[0]))

    return kind


def mount(server: FastAPI, house: Deployment) -> None:
    what_if = WhatIf(house)

    async def windows(hall: str = "") -> Response:
        own = visitor.halls()
        if not is_id(hall) or (own is not None and hall not in own):
            return missing(f"/api/hall/windows?hall={hall}"[:LONGEST_PATH])
        now = house.clock()
        day = local_day(now, house.zone)
        try:
            said = await house.database.ask(lambda conn: read_windows(conn, hall, now, day))
        except DatabaseUnreachable:
            return failed("api.database_away")
        if not visitor.current().may(Action.READ_STAFF, Place(hall=hall)):
            said = {**said, "present": None}
        return answer(said)

    async def tried_out(request: Request) -> Response:
        """{"hall": …, "arrivals": 1.3, "move": […], "windows": […], "proposal": …} → before and after; nothing changes."""
        said = read_body(await request.body())
        if isinstance(said, Malformed):
            return answer({"error": said.code, "zh": said.zh, "en": said.en}, 400)
        if not isinstance(said, dict) or not isinstance(said.get("hall"), str) or not set(said) <= ASKED_FIELDS:
            return failed("api.what_if_fields", 400)
        hall, own = said["hall"], visitor.halls()
        if not is_id(hall) or (own is not None and hall not in own):
            return missing("/api/hall/what_if")
        try:
            return answer(await what_if.ask(hall, said))
        except Refused as refused:
            return answer(_refused(refused.zh, refused.en))
        except TimeoutError:
            return answer(_refused(*CATALOGUE["api.what_if_busy"]), 503)
        except DatabaseUnreachable:
            return failed("api.database_away")

    server.add_api_route("/api/hall/windows", windows, methods=["GET"])
    server.add_api_route("/api/hall/what_if", tried_out, methods=["POST"])


def _refused(zh: str, en: str) -> Json:
    return {"before": None, "after": None, "n": 0, "took_ms": 0, "said": None, "refused": {"zh": zh, "en": en}}
