"""Proposals: what the planner recommended and when; what it knows of the past to say when units arrive; whom nobody has heard
of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from domain.moments import Moment
from domain.orders import OrderState
from domain.units import ATTENDING, UnitStatus
from storage.connection import Connection

_LOCK = 7_205_012
"""Held by the planner that plans, for as long as its connection lasts: of two at once one looks on."""
PLANNER = "planner"
"""The process, as its heart beats."""


def hold_planning(conn: Connection) -> bool:
    """Whether this connection is the one that plans; once it is, it stays so. Ask once a connection."""
    return conn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() == (True,)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A plan for all open incidents; `content` as `dispatch.proposals` makes it."""

    recommendation_id: str
    issued_at: datetime
    basis: str
    cost: float
    content: dict[str, Any]
    exercise_id: str | None = None


def write_recommendation(conn: Connection, made: Recommendation) -> None:
    conn.execute(
        "INSERT INTO recommendation (recommendation_id, exercise_id, issued_at, basis, cost, content) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (made.recommendation_id, made.exercise_id, made.issued_at, made.basis, made.cost, Jsonb(made.content)),
    )


def find_newest(conn: Connection, moment: Moment, exercise_id: str | None = None) -> Recommendation | None:
    """The recommendation that stood at the moment."""
    row = conn.execute(
        f"{_SELECT} WHERE issued_at <= %s AND exercise_id IS NOT DISTINCT FROM %s ORDER BY issued_at DESC LIMIT 1",
        (moment.at, exercise_id),
    ).fetchone()
    return Recommendation(*row) if row is not None else None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a recommendation says of one incident (None: nothing), and for how many seconds it binds."""

    recommendation_id: str
    issued_at: datetime
    binds_s: float
    said: dict[str, Any] | None


def find_entry(
    conn: Connection, incident_id: str, moment: Moment, exercise_id: str | None = None, *, recommendation_id: str | None = None
) -> Entry | None:
    """What the recommendation that stood at the moment, or the one named, says of an incident. The rest of it is not read."""
    which = "recommendation_id = %(id)s" if recommendation_id is not None else "issued_at <= %(at)s"
    row = conn.execute(
        _ENTRY.format(which=which),
        {"id": recommendation_id, "at": moment.at, "exercise": exercise_id, "incident": incident_id},
    ).fetchone()
    return Entry(*row) if row is not None else None


def find_recommendation(conn: Connection, recommendation_id: str) -> Recommendation | None:
    row = conn.execute(f"{_SELECT} WHERE recommendation_id = %s", (recommendation_id,)).fetchone()
    return Recommendation(*row) if row is not None else None


def find_held_until(conn: Connection, recommendation_id: str) -> datetime | None:
    """When the planner last said that this recommendation still holds; None when it has not, or not lately."""
    row = conn.execute(
        "SELECT max(beat_at) FROM process_heartbeat WHERE process = %s AND metrics ->> 'recommendation' = %s",
        (PLANNER, recommendation_id),
    ).fetchone()
    return row[0] if row is not None else None


def find_superseded(conn: Connection, issued_at: datetime, exercise_id: str | None = None) -> datetime | None:
    """When the one after the recommendation of that time was made; None while it is the newest."""
    row = conn.execute(
        "SELECT min(issued_at) FROM recommendation WHERE issued_at > %s AND exercise_id IS NOT DISTINCT FROM %s",
        (issued_at, exercise_id),
    ).fetchone()
    return row[0] if row is not None else None


def delete_recommendations(conn: Connection, before: datetime, *, followed_before: datetime, limit: int = 2_000) -> int:
    """Deletes recommendations issued before a time; those that an order followed, before another. Returns how many."""
    return conn.execute(_DELETE, {"before": before, "followed": followed_before, "limit": limit}).rowcount


@dataclass(frozen=True, slots=True)
class Past:
    """What orders of the past say: seconds from order to wheels rolling by kind of unit, and how arrivals compared to what had
    been said, as (said s, taken s, basis)."""

    turnouts_s: dict[str, list[float]]
    arrivals: list[tuple[float, float, str]]


def load_past(conn: Connection, since: datetime, now: datetime, *, limit: int = 5_000) -> Past:
    """Of orders issued since, the newest `limit`. Not those of exercises."""
    rows = conn.execute(
        _PAST,
        {"since": since, "now": now, "limit": limit, "rolling": UnitStatus.ENROUTE.value,
         "there": [status.value for status in ATTENDING]},
    ).fetchall()  # fmt: skip
    turnouts: dict[str, list[float]] = {}
    arrivals = []
    for kind, turnout_s, arrival_s, eta_s, basis in rows:
        if turnout_s is not None and turnout_s >= 0:
            turnouts.setdefault(kind, []).append(float(turnout_s))
        if arrival_s is not None and eta_s and arrival_s > 0:
            arrivals.append((float(eta_s), float(arrival_s), basis))
    return Past(turnouts, arrivals)


def hours_on_orders(conn: Connection, now: datetime, span: timedelta) -> dict[str, float]:
    """Hours that each unit was on orders within the span before now, by id; units without orders are left out."""
    return dict(conn.execute(_ON_ORDERS, {"now": now, "since": now - span}).fetchall())


@dataclass(frozen=True, slots=True)
class Engaged:
    """A unit that an order has bound to an open incident, or that has been there and done its order."""

    incident_id: str
    unit_id: str
    order_id: str
    is_open: bool
    capabilities: tuple[str, ...]


def list_engaged(conn: Connection) -> list[Engaged]:
    """Of all open incidents, by incident and order. Not those of exercises."""
    return [Engaged(row[0], row[1], row[2], row[3], tuple(row[4])) for row in conn.execute(_ENGAGED, (OrderState.DONE.value,))]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An order that its unit has not answered: still waiting, or lapsed with nobody sent in its place since."""

    order_id: str
    unit_id: str
    incident_id: str
    issued_at: datetime
    lapsed_at: datetime | None
    why: str | None


def list_unanswered(conn: Connection, now: datetime, *, waiting_s: float, since: datetime) -> list[Unanswered]:
    """Orders issued longer than `waiting_s` ago without an answer, and those that lapsed after `since`, of incidents that are
    still open, as long as the unit has not spoken of itself and has not been sent anew. The oldest first."""
    rows = conn.execute(
        _UNANSWERED,
        {"waiting": now - timedelta(seconds=waiting_s), "since": since, "expired": OrderState.EXPIRED.value,
         "unheard": [OrderState.ISSUED.value, OrderState.SENT.value]},
    )  # fmt: skip
    return [Unanswered(*row) for row in rows]


_SELECT = "SELECT recommendation_id, issued_at, basis, cost, content, exercise_id FROM recommendation"

_ENTRY = """
SELECT recommendation_id, issued_at, coalesce((content ->> 'binds_s')::float8, 0),
       (SELECT entry FROM jsonb_array_elements(content -> 'incidents') entry WHERE entry ->> 'incident' = %(incident)s LIMIT 1)
FROM recommendation WHERE {which} AND exercise_id IS NOT DISTINCT FROM %(exercise)s ORDER BY issued_at DESC LIMIT 1
"""

_DELETE = """
DELETE FROM recommendation WHERE recommendation_id = ANY(ARRAY(
    SELECT recommendation_id FROM recommendation r WHERE issued_at < %(before)s
    AND (issued_at < %(followed)s
         OR NOT EXISTS (SELECT FROM dispatch_order o WHERE o.recommendation_id = r.recommendation_id))
    ORDER BY issued_at LIMIT %(limit)s
))
"""

# A status for an order is never older than the order (storage.units).
_PAST = """
SELECT unit.kind,
       extract(epoch FROM (SELECT min(s.valid_from) FROM unit_status s WHERE s.unit_id = o.unit_id AND s.valid_from >= o.issued_at
                           AND s.order_id = o.order_id AND s.source = 'unit' AND s.status = %(rolling)s) - o.issued_at),
       extract(epoch FROM (SELECT min(s.valid_from) FROM unit_status s WHERE s.unit_id = o.unit_id AND s.valid_from >= o.issued_at
                           AND s.order_id = o.order_id AND s.source = 'unit' AND s.status = ANY(%(there)s)) - o.issued_at),
       o.eta_s, o.eta_basis
FROM dispatch_order o JOIN unit USING (unit_id)
WHERE o.issued_at > %(since)s AND o.issued_at <= %(now)s AND o.exercise_id IS NULL
ORDER BY o.issued_at DESC LIMIT %(limit)s
"""

_ON_ORDERS = """
SELECT unit_id,
       (extract(epoch FROM sum(least(coalesce(closed_at, %(now)s), %(now)s) - greatest(issued_at, %(since)s))) / 3600)::float8
FROM dispatch_order
WHERE issued_at <= %(now)s AND (closed_at IS NULL OR closed_at > %(since)s) AND exercise_id IS NULL
GROUP BY unit_id ORDER BY unit_id
"""

_ENGAGED = """
SELECT o.incident_id, o.unit_id, o.order_id, o.is_open, unit.capabilities
FROM dispatch_order o JOIN incident USING (incident_id) JOIN unit USING (unit_id)
WHERE incident.closed_at IS NULL AND o.exercise_id IS NULL
  AND (o.is_open OR EXISTS (SELECT FROM order_history h WHERE h.order_id = o.order_id AND h.state = %s))
ORDER BY o.incident_id, o.order_id
"""

_UNANSWERED = """
SELECT o.order_id, o.unit_id, o.incident_id, o.issued_at, CASE WHEN o.is_open THEN NULL ELSE step.valid_from END, step.detail
FROM dispatch_order o
JOIN incident ON incident.incident_id = o.incident_id AND incident.closed_at IS NULL
JOIN LATERAL (
    SELECT state, valid_from, detail FROM order_history h WHERE h.order_id = o.order_id
    ORDER BY recorded_at DESC, valid_from DESC LIMIT 1
) step ON true
WHERE o.exercise_id IS NULL AND (o.closed_at IS NULL OR o.closed_at > %(since)s)
  AND ((o.is_open AND step.state = ANY(%(unheard)s) AND o.issued_at <= %(waiting)s)
       OR (step.state = %(expired)s AND step.valid_from > %(since)s
           AND NOT EXISTS (SELECT FROM dispatch_order later WHERE later.unit_id = o.unit_id AND later.issued_at > o.issued_at)
           AND NOT EXISTS (SELECT FROM unit_status s WHERE s.unit_id = o.unit_id AND s.valid_from > step.valid_from
                           AND s.source = 'unit')))
ORDER BY o.issued_at, o.order_id
"""
