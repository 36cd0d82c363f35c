"""Units: positions and statuses as they were said, and the units as known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE
from domain.units import CommandAck, Unit, UnitPosition, UnitStatus, UnitStatusReport
from storage.connection import Connection
from storage.ledger import LedgerCounts

PLACED_WITHIN = timedelta(days=1)
"""A unit's place of longer ago is not its place any more, at a past moment. Given as a time, so that the days beyond it are left
out of the plan."""


def write_positions(conn: Connection, positions: Sequence[UnitPosition], ledger: LedgerCounts) -> None:
    """Stores positions and moves `unit_latest` by measured time. Units must be registered."""
    if not positions:
        return
    device_of = {position.unit_id: position.device_id for position in positions}
    rows = sorted({(p.unit_id, p.phenomenon_time): p for p in positions}.items())
    arrays = {
        "unit": [key[0] for key, _ in rows],
        "time": [p.phenomenon_time for _, p in rows],
        "received": [p.received_time for _, p in rows],
        "lon": [p.lon for _, p in rows],
        "lat": [p.lat for _, p in rows],
        "speed": [p.speed_kmh for _, p in rows],
        "heading": [p.heading_deg for _, p in rows],
    }
    stored = [(device_of[unit_id], time) for unit_id, time in conn.execute(_STORE_POSITIONS, arrays)]
    conn.execute(_MOVE_LATEST, arrays)
    ledger.count_events([(p.device_id, p.phenomenon_time) for p in positions], stored)


def write_statuses(conn: Connection, reports: Sequence[UnitStatusReport], ledger: LedgerCounts) -> None:
    """Stores what units say of their status."""
    if not reports:
        return
    rows = [(r.unit_id, r.phenomenon_time, r.received_time, r.status, r.order_id) for r in reports]
    stored = [reports[n - 1] for (n,) in conn.execute(_STORE_STATUSES, [list(column) for column in zip(*rows, strict=True)])]
    ledger.count_events([(r.device_id, r.phenomenon_time) for r in reports], [(r.device_id, r.phenomenon_time) for r in stored])


def write_acks(conn: Connection, acks: Sequence[CommandAck], ledger: LedgerCounts) -> None:
    """Stores the answers of devices to our commands; what follows from them is decided by whoever sent the command."""
    if not acks:
        return
    rows = [(ack.device_id, ack.command_id, ack.phenomenon_time, ack.received_time, ack.result) for ack in acks]
    stored = conn.execute(_STORE_ACKS, [list(column) for column in zip(*rows, strict=True)]).fetchall()
    ledger.count_events([(ack.device_id, ack.phenomenon_time) for ack in acks], stored)


def set_status(
    conn: Connection, unit_id: str, status: UnitStatus, *, order_id: str | None, now: datetime, exercise_id: str | None
) -> None:
    """Records a status that an order of ours gives a unit."""
    conn.execute(
        "INSERT INTO unit_status (unit_id, exercise_id, valid_from, recorded_at, status, order_id, source) "
        "VALUES (%s, %s, %s, %s, %s, %s, 'order')",
        (unit_id, exercise_id, now, now, status.value, order_id),
    )


def get_unit_for_update(conn: Connection, unit_id: str, now: datetime, exercise_id: str | None) -> Unit:
    """The unit as known now, locked until the transaction ends. Raises LookupError for an unknown one."""
    if conn.execute("SELECT FROM unit WHERE unit_id = %s FOR UPDATE", (unit_id,)).fetchone() is None:
        raise LookupError(f"unit {unit_id} is not registered: expected a unit that has announced itself")
    found = _select(conn, Moment.live(now), "WHERE unit.unit_id = %(unit)s", {"unit": unit_id}, exercise_id)
    return found[0]


def list_units(conn: Connection, moment: Moment, exercise_id: str | None = None) -> list[Unit]:
    """All units as known at the moment, by id."""
    return _select(conn, moment, "", {}, exercise_id)


@dataclass(frozen=True, slots=True)
class StatusStep:
    """A status of a unit for an order: true from `valid_from`, known from `recorded_at`; `source` is "unit" or "order"."""

    unit_id: str
    order_id: str
    status: str
    valid_from: datetime
    recorded_at: datetime
    source: str


def list_statuses_on(conn: Connection, order_ids: Sequence[str], moment: Moment) -> list[StatusStep]:
    """What units did on these orders, as known at the moment, oldest first."""
    rows = conn.execute(_ON_ORDERS, {"orders": list(order_ids), "at": moment.at, "known_at": moment.known_at})
    return [StatusStep(*row) for row in rows]


def list_kinds(conn: Connection, unit_ids: Sequence[str]) -> dict[str, str]:
    """The kind of each of these units that is registered, by id."""
    return dict(conn.execute("SELECT unit_id, kind FROM unit WHERE unit_id = ANY(%s)", (list(unit_ids),)).fetchall())


def list_departments(conn: Connection) -> dict[str, str]:
    """Whose each unit is, by id; without those that did not say."""
    return dict(conn.execute("SELECT unit_id, department FROM unit WHERE department IS NOT NULL ORDER BY unit_id").fetchall())


def _select(
    conn: Connection, moment: Moment, condition: str, parameters: dict[str, object], exercise_id: str | None
) -> list[Unit]:
    position = _POSITION_LIVE if moment.is_live else _POSITION_AS_KNOWN
    # said as a condition of its own: of "is not distinct from" the planner expects next to nothing, and sorts all statuses
    exercise = "exercise_id IS NULL" if exercise_id is None else "exercise_id = %(exercise)s"
    query = f"{_SELECT_UNITS.format(position=position, exercise=exercise)} {condition} ORDER BY unit.unit_id"
    said = {
        "at": moment.at, "known_at": moment.known_at, "horizon": moment.at + FUTURE_TOLERANCE,
        "oldest": moment.at - PLACED_WITHIN, "exercise": exercise_id,
    }  # fmt: skip
    return [
        Unit(
            unit_id=row[0], device_id=row[1], kind=row[2], name_zh=row[3], name_en=row[4], capabilities=tuple(row[5]),
            status=UnitStatus.known(row[6]) or UnitStatus.OUT_OF_SERVICE, status_since=row[7], order_id=row[8],
            lon=row[9], lat=row[10], position_time=row[11], speed_kmh=row[12], heading_deg=row[13],
        )
        for row in conn.execute(query, {**parameters, **said})
    ]  # fmt: skip


# A report is never younger than its receipt, however fast the unit's clock is, and one about an order never older than the
# order, however slow. The same report delivered twice has another time of receipt: it is known by what it says.
_STORE_STATUSES = """
WITH said AS (
    SELECT DISTINCT ON (unit_id, valid_from, status) n, unit_id, valid_from, recorded_at, status, order_id
    FROM (
        SELECT report.*, greatest(least(at, recorded_at), issued_at) AS valid_from
        FROM unnest(%b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[], %b::text[])
             WITH ORDINALITY AS report (unit_id, at, recorded_at, status, order_id, n)
        LEFT JOIN dispatch_order USING (unit_id, order_id)
    ) dated
    ORDER BY unit_id, valid_from, status, n
), stored AS (
    INSERT INTO unit_status (unit_id, valid_from, recorded_at, status, order_id, source)
    SELECT unit_id, valid_from, recorded_at, status, order_id, 'unit' FROM said
    WHERE NOT EXISTS (SELECT FROM unit_status old WHERE old.unit_id = said.unit_id AND old.exercise_id IS NULL
                      AND old.valid_from = said.valid_from AND old.status = said.status AND old.source = 'unit')
    ON CONFLICT DO NOTHING RETURNING unit_id, valid_from, status
)
SELECT n FROM said JOIN stored USING (unit_id, valid_from, status)
"""

_STORE_ACKS = """
INSERT INTO command_ack (device_id, command_id, phenomenon_time, received_time, result)
SELECT * FROM unnest(%b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[])
ON CONFLICT DO NOTHING RETURNING device_id, phenomenon_time
"""

_STORE_POSITIONS = """
INSERT INTO unit_position (unit_id, phenomenon_time, received_time, lon, lat, speed_kmh, heading_deg)
SELECT * FROM unnest(%(unit)s::text[], %(time)s::timestamptz[], %(received)s::timestamptz[], %(lon)s::float8[],
                     %(lat)s::float8[], %(speed)s::real[], %(heading)s::real[])
ON CONFLICT DO NOTHING RETURNING unit_id, phenomenon_time
"""

_MOVE_LATEST = """
INSERT INTO unit_latest (unit_id, phenomenon_time, received_time, lon, lat, speed_kmh, heading_deg)
SELECT DISTINCT ON (unit_id) * FROM unnest(%(unit)s::text[], %(time)s::timestamptz[], %(received)s::timestamptz[],
    %(lon)s::float8[], %(lat)s::float8[], %(speed)s::real[], %(heading)s::real[])
    AS said (unit_id, phenomenon_time, received_time, lon, lat, speed_kmh, heading_deg)
ORDER BY unit_id, phenomenon_time DESC
ON CONFLICT (unit_id) DO UPDATE SET
    phenomenon_time = excluded.phenomenon_time, received_time = excluded.received_time, lon = excluded.lon,
    lat = excluded.lat, speed_kmh = excluded.speed_kmh, heading_deg = excluded.heading_deg
WHERE unit_latest.phenomenon_time < excluded.phenomenon_time
"""

# A unit that never said a status counts as out of service: it is not known to be able to go.
_SELECT_UNITS = """
SELECT unit.unit_id, unit.device_id, unit.kind, unit.name_zh, unit.name_en, unit.capabilities,
       coalesce(status.status, 'out_of_service'), coalesce(status.valid_from, device.first_seen), status.order_id,
       place.lon, place.lat, place.phenomenon_time, place.speed_kmh, place.heading_deg
FROM unit JOIN device USING (device_id)
LEFT JOIN LATERAL (
    SELECT status, valid_from, order_id FROM unit_status
    WHERE unit_status.unit_id = unit.unit_id AND {exercise}
      AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) status ON true
LEFT JOIN {position} ON true
"""

_POSITION_LIVE = """LATERAL (
    SELECT lon, lat, phenomenon_time, speed_kmh, heading_deg FROM unit_latest WHERE unit_latest.unit_id = unit.unit_id
) place"""

# What has reached us was measured, even where the unit's clock runs ahead of ours.
_POSITION_AS_KNOWN = """LATERAL (
    SELECT lon, lat, phenomenon_time, speed_kmh, heading_deg FROM unit_position
    WHERE unit_position.unit_id = unit.unit_id AND received_time <= %(known_at)s
      AND least(phenomenon_time, received_time) <= %(at)s
      AND phenomenon_time <= %(horizon)s AND phenomenon_time > %(oldest)s
    ORDER BY phenomenon_time DESC LIMIT 1
) place"""

# Through the orders, whose units have an index; a status for an order is never older than the order.
_ON_ORDERS = """
SELECT said.unit_id, said.order_id, said.status, said.valid_from, said.recorded_at, said.source
FROM dispatch_order o
JOIN unit_status said ON said.unit_id = o.unit_id AND said.valid_from >= o.issued_at AND said.order_id = o.order_id
WHERE o.order_id = ANY(%(orders)s) AND said.valid_from <= %(at)s AND said.recorded_at <= %(known_at)s
ORDER BY said.valid_from, said.recorded_at, said.unit_id
"""
