"""Orders: who was sent where, and every step of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import TupleRow

from domain.incidents import IncidentState
from domain.moments import Moment
from domain.orders import OPEN_ORDER_STATES, Order, OrderState
from domain.units import UnitStatus
from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Promise:
    """What was said of a unit when its order was given: by which recommendation, under which rank, when it would be there
    (seconds, with an 80 % interval where there was one), and what share of the people of a district nobody reaches in time
    meanwhile."""

    recommendation_id: str | None = None
    rank: int | None = None
    eta_s: float | None = None
    eta_low_s: float | None = None
    eta_high_s: float | None = None
    eta_basis: str | None = None
    coverage_lost: float | None = None
    coverage_district: str | None = None


NOTHING_SAID = Promise()


def create_order(conn: Connection, order: Order, *, expires_at: datetime, now: datetime, promise: Promise = NOTHING_SAID) -> None:
    """Writes a new order. The unique index refuses a second open order of a unit (psycopg UniqueViolation)."""
    conn.execute(
        "INSERT INTO dispatch_order (order_id, exercise_id, incident_id, unit_id, actor, issued_at, expires_at, override_reason, "
        "recommendation_id, rank_chosen, eta_s, eta_low_s, eta_high_s, eta_basis, coverage_lost, coverage_district) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (order.order_id, order.exercise_id, order.incident_id, order.unit_id, order.actor, order.issued_at, expires_at,
         order.override_reason, promise.recommendation_id, promise.rank, promise.eta_s, promise.eta_low_s, promise.eta_high_s,
         promise.eta_basis, promise.coverage_lost, promise.coverage_district),
    )  # fmt: skip
    set_state(conn, order.order_id, OrderState.ISSUED, valid_from=now, recorded_at=now)


def find_promise(conn: Connection, order_id: str) -> Promise | None:
    """What was said when the order was given; None for one that is not known."""
    row = conn.execute(
        "SELECT recommendation_id, rank_chosen, eta_s, eta_low_s, eta_high_s, eta_basis, coverage_lost, coverage_district "
        "FROM dispatch_order WHERE order_id = %s", (order_id,),
    ).fetchone()  # fmt: skip
    return Promise(*row) if row is not None else None


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order that was given, obeyed and done before this database knew of it. Published at `issued_at`."""

    order_id: str
    incident_id: str
    unit_id: str
    actor: str
    issued_at: datetime
    expires_at: datetime
    accepted_at: datetime
    done_at: datetime


def write_past(conn: Connection, past: Sequence[PastOrder]) -> int:
    """Writes orders of the past with every step as of then, and what followed from them: the units' dispatch, the incidents'
    response and, with the last order of each, their end. Incidents and units must be known; an order that is known stays as it
    is. Returns how many were new."""
    if not past:
        return 0
    rows = [(o.order_id, o.incident_id, o.unit_id, o.actor, o.issued_at, o.expires_at, o.accepted_at, o.done_at) for o in past]
    row = conn.execute(_WRITE_PAST, [list(column) for column in zip(*rows, strict=True)]).fetchone()
    assert row is not None
    return int(row[0])


def set_state(
    conn: Connection, order_id: str, state: OrderState, *, valid_from: datetime, recorded_at: datetime, detail: str | None = None
) -> None:
    """Records a step of an order and closes it when the step ends it."""
    conn.execute(
        "INSERT INTO order_history (order_id, valid_from, recorded_at, state, detail) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (order_id, valid_from, recorded_at, state.value, detail),
    )
    if state not in OPEN_ORDER_STATES:
        conn.execute("UPDATE dispatch_order SET is_open = false, closed_at = %s WHERE order_id = %s", (recorded_at, order_id))


def has_open(conn: Connection, incident_id: str) -> bool:
    """Whether an order to the incident is under way."""
    return conn.execute("SELECT FROM dispatch_order WHERE incident_id = %s AND is_open", (incident_id,)).fetchone() is not None


def has_done(conn: Connection, incident_id: str) -> bool:
    """Whether a unit has been at the incident and done its order."""
    return conn.execute(_DONE, (incident_id, OrderState.DONE.value)).fetchone() is not None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order under way with what its unit has said since: its ack, and its newest status for this order."""

    order_id: str
    unit_id: str
    incident_id: str
    state: OrderState
    issued_at: datetime
    expires_at: datetime
    is_published: bool
    ack_result: str | None
    ack_time: datetime | None
    has_started: bool
    was_there: bool
    free_again_at: datetime | None
    exercise_id: str | None


def list_open_orders(conn: Connection) -> list[OpenOrder]:
    """Open orders with everything needed to decide their next step."""
    return [OpenOrder(row[0], row[1], row[2], OrderState.of(row[3]), *row[4:]) for row in conn.execute(_OPEN)]


def find_order(conn: Connection, order_id: str) -> tuple[Order, datetime] | None:
    """The order as last recorded, whatever its clock, and since when it is in its state; None for one that is not known."""
    row = conn.execute(_LAST, {"order": order_id, "at": "infinity", "known_at": "infinity"}).fetchone()
    return (_order(row), row[10]) if row is not None else None


def find_open_order(conn: Connection, unit_id: str, exercise_id: str | None) -> tuple[Order, datetime] | None:
    """The order that a unit has not ended yet, with since when it is in its state. Lock the unit first: then no other comes."""
    row = conn.execute(
        "SELECT order_id FROM dispatch_order WHERE unit_id = %s AND exercise_id IS NOT DISTINCT FROM %s AND is_open",
        (unit_id, exercise_id),
    ).fetchone()
    return find_order(conn, row[0]) if row is not None else None


def list_orders(conn: Connection, moment: Moment, exercise_id: str | None = None, *, limit: int = 200) -> list[Order]:
    """Orders open at the moment and those ended within an hour before it, newest first."""
    parameters = {"at": moment.at, "known_at": moment.known_at, "exercise": exercise_id, "limit": limit}
    return [_order(row) for row in conn.execute(_LIST, parameters)]


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One step of an order: true from `valid_from`, known from `recorded_at`. `detail` is the unit's own word, or why."""

    order_id: str
    state: OrderState
    valid_from: datetime
    recorded_at: datetime
    detail: str | None


def list_orders_of(conn: Connection, incident_id: str, moment: Moment, *, limit: int = 100) -> list[Order]:
    """Every order to an incident issued by the moment, ended or not, newest first."""
    parameters = {"incident": incident_id, "at": moment.at, "known_at": moment.known_at, "limit": limit}
    return [_order(row) for row in conn.execute(_OF_INCIDENT, parameters)]


def list_steps(conn: Connection, order_ids: Sequence[str], moment: Moment) -> list[OrderStep]:
    """Every step of these orders known at the moment, oldest first."""
    rows = conn.execute(
        "SELECT order_id, state, valid_from, recorded_at, detail FROM order_history WHERE order_id = ANY(%s) "
        "AND valid_from <= %s AND recorded_at <= %s ORDER BY valid_from, recorded_at, order_id",
        (list(order_ids), moment.at, moment.known_at),
    )
    return [OrderStep(row[0], OrderState.of(row[1]), *row[2:]) for row in rows]


def list_issued(conn: Connection, moment: Moment, since: datetime, exercise_id: str | None = None, *, limit: int) -> list[Order]:
    """Orders issued after `since`, ended or not, newest first."""
    parameters = {"at": moment.at, "known_at": moment.known_at, "since": since, "exercise": exercise_id, "limit": limit}
    return [_order(row) for row in conn.execute(_ISSUED, parameters)]


def _order(row: TupleRow) -> Order:
    return Order(
        order_id=row[0], incident_id=row[1], unit_id=row[2], state=OrderState.of(row[3]), actor=row[4], issued_at=row[5],
        sent_at=row[6], acknowledged_at=row[7], override_reason=row[8], exercise_id=row[9],
    )  # fmt: skip


_WRITE_PAST = f"""
WITH past AS (
    SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[],
                         %b::timestamptz[], %b::timestamptz[])
    AS o (order_id, incident_id, unit_id, actor, issued_at, expires_at, accepted_at, done_at)
), new AS (
    INSERT INTO dispatch_order (order_id, incident_id, unit_id, actor, issued_at, expires_at, is_open, closed_at)
    SELECT order_id, incident_id, unit_id, actor, issued_at, expires_at, false, done_at FROM past
    ON CONFLICT DO NOTHING RETURNING order_id
), fresh AS (
    SELECT past.* FROM past JOIN new USING (order_id)
), steps AS (
    INSERT INTO order_history (order_id, valid_from, recorded_at, state)
    SELECT order_id, at, at, state FROM fresh CROSS JOIN LATERAL (VALUES
        (issued_at, '{OrderState.ISSUED.value}'), (issued_at + interval '1 millisecond', '{OrderState.SENT.value}'),
        (accepted_at, '{OrderState.ACCEPTED.value}'), (done_at, '{OrderState.DONE.value}')) AS step (at, state)
), dispatched AS (
    INSERT INTO unit_status (unit_id, valid_from, recorded_at, status, order_id, source)
    SELECT unit_id, issued_at, issued_at, '{UnitStatus.DISPATCHED.value}', order_id, 'order' FROM fresh
    ON CONFLICT DO NOTHING
), spans AS (
    SELECT incident_id, min(issued_at) AS began, max(done_at) AS ended, min(actor) AS actor FROM fresh GROUP BY incident_id
), ends AS (
    UPDATE incident SET closed_at = ended FROM spans WHERE spans.incident_id = incident.incident_id
), states AS (
    INSERT INTO incident_history (incident_id, valid_from, recorded_at, state, grade, response_level, actor)
    SELECT incident_id, at, at, step.state, first.grade, first.response_level, actor
    FROM spans
    CROSS JOIN LATERAL (VALUES (began, '{IncidentState.RESPONDING.value}'), (ended, '{IncidentState.CLOSED.value}'))
        AS step (at, state)
    CROSS JOIN LATERAL (
        SELECT grade, response_level FROM incident_history WHERE incident_history.incident_id = spans.incident_id
        ORDER BY recorded_at LIMIT 1
    ) first
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM new
"""

_DONE = """
SELECT FROM dispatch_order JOIN order_history USING (order_id) WHERE incident_id = %s AND state = %s LIMIT 1
"""

# A status for an order is never older than the order: whatever a unit has done in years, only what it did since is looked at.
_OPEN = """
SELECT o.order_id, o.unit_id, o.incident_id, state.state, o.issued_at, o.expires_at,
       EXISTS (SELECT FROM outbox WHERE payload ->> 'id' = o.order_id AND created_at = o.issued_at AND sent_at IS NOT NULL),
       ack.result, ack.phenomenon_time,
       EXISTS (SELECT FROM unit_status s WHERE s.unit_id = o.unit_id AND s.valid_from >= o.issued_at AND s.order_id = o.order_id
               AND s.source = 'unit' AND s.status NOT IN ('available', 'returning')),
       EXISTS (SELECT FROM unit_status s WHERE s.unit_id = o.unit_id AND s.valid_from >= o.issued_at AND s.order_id = o.order_id
               AND s.source = 'unit' AND s.status IN ('on_scene', 'working', 'staging')),
       (SELECT min(s.valid_from) FROM unit_status s
        WHERE s.unit_id = o.unit_id AND s.valid_from >= least(o.issued_at, ack.phenomenon_time) AND s.source = 'unit'
        AND ((s.order_id = o.order_id AND s.status IN ('available', 'returning') AND s.valid_from >= o.issued_at)
             OR (s.order_id IS NULL AND s.status = 'available' AND ack.result = 'accepted'
                 AND s.valid_from > ack.phenomenon_time))),
       o.exercise_id
FROM dispatch_order o
JOIN unit USING (unit_id)
JOIN LATERAL (
    SELECT state FROM order_history WHERE order_history.order_id = o.order_id
    ORDER BY recorded_at DESC, valid_from DESC LIMIT 1
) state ON true
LEFT JOIN LATERAL (
    SELECT result, phenomenon_time FROM command_ack WHERE command_id = o.order_id AND device_id = unit.device_id
    ORDER BY phenomenon_time LIMIT 1
) ack ON true
WHERE o.is_open ORDER BY o.issued_at, o.order_id
"""

_SELECT = """
SELECT o.order_id, o.incident_id, o.unit_id, state.state, o.actor, o.issued_at,
       (SELECT min(valid_from) FROM order_history h WHERE h.order_id = o.order_id AND h.state = 'sent'
        AND h.recorded_at <= %(known_at)s AND h.valid_from <= %(at)s),
       (SELECT min(valid_from) FROM order_history h WHERE h.order_id = o.order_id AND h.state IN ('accepted', 'declined')
        AND h.recorded_at <= %(known_at)s AND h.valid_from <= %(at)s),
       o.override_reason, o.exercise_id, state.valid_from
FROM dispatch_order o
JOIN LATERAL (
    SELECT state, valid_from FROM order_history h WHERE h.order_id = o.order_id
    AND h.recorded_at <= %(known_at)s AND h.valid_from <= %(at)s ORDER BY recorded_at DESC, valid_from DESC LIMIT 1
) state ON true
"""

_LAST = f"{_SELECT} WHERE o.order_id = %(order)s"

_LIST = f"""{_SELECT}
WHERE o.issued_at <= %(at)s AND o.exercise_id IS NOT DISTINCT FROM %(exercise)s
  AND (o.closed_at IS NULL OR o.closed_at > %(at)s - interval '1 hour')
  AND (state.state IN ('issued', 'sent', 'accepted') OR state.valid_from > %(at)s - interval '1 hour')
ORDER BY o.issued_at DESC, o.order_id LIMIT %(limit)s
"""

_OF_INCIDENT = f"""{_SELECT}
WHERE o.incident_id = %(incident)s AND o.issued_at <= %(at)s
ORDER BY o.issued_at DESC, o.order_id LIMIT %(limit)s
"""

# What was issued after a time is open, or ended after it: so much of the table is looked at.
_ISSUED = f"""{_SELECT}
WHERE o.issued_at > %(since)s AND o.issued_at <= %(at)s AND (o.closed_at IS NULL OR o.closed_at > %(since)s)
  AND o.exercise_id IS NOT DISTINCT FROM %(exercise)s
ORDER BY o.issued_at DESC, o.order_id LIMIT %(limit)s
"""
