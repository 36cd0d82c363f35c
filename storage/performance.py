"""Performance: how long the segments of orders took, by kind of unit. From: dispatch_order, order_history, incident, unit,
unit_status.

Only what has ended by itself counts: an order that lapsed was not answered late, it was not answered. Processing counts once
an incident, merged or not, for the kind of the unit that was ordered first; travel counts the first of its kind to arrive. A unit
that did not say when it rolled tells neither its turnout nor its travel.
"""

from __future__ import annotations

from datetime import datetime

from domain.moments import Moment
from domain.orders import OrderState
from domain.segments import SegmentKind
from domain.units import ATTENDING, UnitStatus
from storage.connection import Connection


def list_durations(
    conn: Connection, moment: Moment, *, since: datetime, exercise_id: str | None = None
) -> dict[tuple[str, SegmentKind], list[float]]:
    """Seconds by kind of unit and segment, of orders issued after `since`, as known at the moment."""
    said = {
        "at": moment.at, "known_at": moment.known_at, "since": since, "exercise": exercise_id,
        "accepted": OrderState.ACCEPTED.value, "rolling": UnitStatus.ENROUTE.value,
        "there": [status.value for status in ATTENDING],
    }  # fmt: skip
    # said as a condition of its own: of "is not distinct from" the planner expects next to nothing, and loops instead of joining
    query = _DURATIONS.format(exercise="exercise_id IS NULL" if exercise_id is None else "exercise_id = %(exercise)s")
    return {(kind, SegmentKind.of(segment)): list(seconds) for kind, segment, seconds in conn.execute(query, said)}


# Statuses are joined as a whole and not asked for each order: of a month there are hundreds of thousands.
_DURATIONS = f"""
WITH sent AS (
    SELECT order_id, incident_id, coalesce(issued_for, incident_id) AS asked_for, unit.kind, issued_at
    FROM dispatch_order JOIN unit USING (unit_id)
    WHERE issued_at > %(since)s AND issued_at <= %(at)s AND {{exercise}}
), answered AS (
    SELECT order_id, min(valid_from) AS answered_at FROM order_history
    WHERE state = %(accepted)s AND valid_from > %(since)s AND valid_from <= %(at)s AND recorded_at <= %(known_at)s GROUP BY 1
), moved AS (
    SELECT order_id, min(valid_from) FILTER (WHERE status = %(rolling)s) AS rolled_at,
           min(valid_from) FILTER (WHERE status = ANY(%(there)s)) AS arrived_at
    FROM unit_status
    WHERE order_id IS NOT NULL AND source = 'unit' AND valid_from > %(since)s AND valid_from <= %(at)s
      AND recorded_at <= %(known_at)s GROUP BY 1
), known AS (
    SELECT sent.*, answered_at, rolled_at, arrived_at,
           row_number() OVER (PARTITION BY asked_for ORDER BY issued_at, order_id) AS nth_order,
           row_number() OVER (PARTITION BY incident_id, kind ORDER BY arrived_at, order_id) AS nth_there
    FROM sent LEFT JOIN answered USING (order_id) LEFT JOIN moved USING (order_id)
), lasted AS (
    SELECT kind, '{SegmentKind.ANSWERING.value}' AS segment, answered_at - issued_at AS took FROM known
    UNION ALL
    SELECT kind, '{SegmentKind.TURNOUT.value}', rolled_at - issued_at FROM known
    UNION ALL
    SELECT kind, '{SegmentKind.TRAVEL.value}', arrived_at - rolled_at FROM known WHERE nth_there = 1
    UNION ALL
    SELECT known.kind, '{SegmentKind.PROCESSING.value}', issued_at - incident.reported_at
    FROM known JOIN incident ON incident.incident_id = known.asked_for
    WHERE nth_order = 1 AND NOT EXISTS (
        SELECT FROM dispatch_order earlier
        WHERE earlier.incident_id = known.asked_for AND earlier.issued_for IS NULL AND earlier.issued_at < known.issued_at)
)
SELECT kind, segment, array_agg(greatest(extract(epoch FROM took), 0)::float8) FROM lasted WHERE took IS NOT NULL GROUP BY 1, 2
"""
