"""Waits ahead: how long people will wait at a hall, for each item from now to four hours on, with how such forecasts have held.

From: wait_forecast (the newest issue of the last hour), wait_score (the last `SCORE_DAYS` local days), hall_profile,
process_heartbeat.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from domain.moments import Moment
from staffing.practice import HallPractice
from staffing.waits import ANY, CLOSED, NO_PROFILE, NO_SNAPSHOTS, NOT_RUNNING, REASONS, clock_note
from storage import profiles, waits
from storage.connection import Connection, DatabaseUnreachable
from storage.halls import list_halls
from storage.heartbeats import ALIVE_WITHIN, list_heartbeats
from storage.waits import WaitForecast, WaitScore

SCORE_DAYS = 14
PROCESS = "halls"


def read_ahead(conn: Connection, hall_id: str, moment: Moment, practice: HallPractice) -> Json | None:
    """What is foreseen for a hall; None for one that is not known."""
    place = next((place for place in list_halls(conn) if place.hall_id == hall_id), None)
    stored = profiles.newest_profiles(conn, moment, hall_id=hall_id).get(hall_id)
    found = waits.newest_wait_forecasts(conn, moment, hall_ids=[hall_id])
    if place is None and stored is None and not found:
        return None
    tells_events = place is None or place.tells_events
    scores = waits.list_wait_scores(conn, hall_id, moment.at.date() - timedelta(days=SCORE_DAYS))
    return {
        "hall": hall_id, "t": ms(moment.at), "issued": ms(found[0].issued_at) if found else None,
        "known_until": ms(found[0].known_until) if found else None, "basis": found[0].basis if found else None,
        "reason": None if found else _reason(conn, hall_id, moment, tells_events=tells_events, knows=stored is not None),
        "note": _said(clock_note(waits.clock_offset_s(conn, hall_id, moment))), "target_s": practice.target_s,
        "profile": {"learned": ms(stored.learned_at), "days": stored.content["n_days"]} if stored else None,
        "items": [_item(forecast) for forecast in sorted(found, key=_worst_first)],
        "scores": [
            {
                "lead_s": s.lead_s, "n": s.n, "coverage": round(s.n_inside / s.n, 4), "mae_s": round(s.abs_error_s / s.n, 1),
                "persist_mae_s": round(s.persist_s / s.n, 1),
            }
            for s in _by_lead(scores)
        ],
        "breach": breach(found, practice.target_s),
    }  # fmt: skip


def breach(found: Iterable[WaitForecast], target_s: float) -> Json | None:
    """The first time at which nine in ten will wait longer than the target, and for what it is worst then; None when they will
    not. `p90_s` is None where no window will call them."""
    over = [
        (lead, -p90, forecast.item, forecast.issued_at)
        for forecast in found for lead, p90 in zip(forecast.leads_s, forecast.p90_s, strict=True) if p90 > target_s
    ]  # fmt: skip
    if not over:
        return None
    lead, minus, item, issued_at = min(over)
    return {"item": item, "at": ms(issued_at + timedelta(seconds=lead)), "p90_s": _finite([-minus])[0]}


def _by_lead(scores: Sequence[WaitScore]) -> list[WaitScore]:
    """Those of the whole hall; where nobody foresees it as a whole, those of its items together."""
    whole = [score for score in scores if score.item == ANY and score.n]
    if whole or not scores:
        return whole
    return [
        WaitScore(ANY, lead, *(sum(column) for column in zip(*(astuple(s)[2:] for s in scores if s.lead_s == lead), strict=True)))
        for lead in sorted({score.lead_s for score in scores if score.n})
    ]  # fmt: skip


def _said(words: tuple[str, str] | None) -> Json | None:
    return {"zh": words[0], "en": words[1]} if words else None


def _item(forecast: WaitForecast) -> Json:
    return {
        "item": forecast.item, "leads_s": list(forecast.leads_s), "p10_s": _finite(forecast.p10_s),
        "p50_s": _finite(forecast.p50_s), "p90_s": _finite(forecast.p90_s), "leave_share": _finite(forecast.leave_share, 4),
    }  # fmt: skip


def _worst_first(forecast: WaitForecast) -> tuple[bool, float, str]:
    """All of the hall before its items."""
    known = [p90 for p90 in forecast.p90_s if not math.isnan(p90)]
    return forecast.item != ANY, -max(known, default=0.0), forecast.item


def _finite(values: Sequence[float], digits: int = 1) -> list[Any]:
    return [round(value, digits) if math.isfinite(value) else None for value in values]


def _reason(conn: Connection, hall_id: str, moment: Moment, *, tells_events: bool, knows: bool) -> Json:
    """Why nothing is foreseen."""
    said = waits.find_wait_reason(conn, hall_id, moment)
    if said is not None and said in REASONS:
        words = REASONS[said]
    elif moment.is_live and not any(
        b.process == PROCESS and moment.at - b.beat_at <= ALIVE_WITHIN for b in list_heartbeats(conn)
    ):
        words = REASONS[NOT_RUNNING]
    elif not tells_events:
        words = REASONS[NO_SNAPSHOTS]
    else:
        words = REASONS[CLOSED if knows else NO_PROFILE]
    return {"zh": words[0], "en": words[1]}


def mount(server: FastAPI, house: Deployment) -> None:
    async def ahead(hall: str = "") -> Response:
        own = visitor.halls()
        try:
            found = (
                await house.database.ask(lambda conn: read_ahead(conn, hall, Moment.live(house.clock()), house.hall_practice))
                if hall and (own is None or hall in own)
                else None
            )
        except DatabaseUnreachable:
            return failed("api.database_away")
        return missing(f"/api/hall/ahead?hall={hall}"[:LONGEST_PATH]) if found is None else answer(found)

    server.add_api_route("/api/hall/ahead", ahead, methods=["GET"])
