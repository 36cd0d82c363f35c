"""Stand-bys: free units told to wait at another base, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.orders import OrderState
from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class OpenStandBy:
    """A stand-by that is not settled, with what its unit said to it. `is_overtaken`: the unit was sent to an incident since."""

    command_id: str
    unit_id: str
    place_id: str
    issued_at: datetime
    expires_at: datetime
    ack_result: str | None
    ack_time: datetime | None
    is_published: bool
    is_overtaken: bool
    exercise_id: str | None


@dataclass(frozen=True, slots=True)
class UnansweredStandBy:
    """A stand-by that its unit has not answered: still waiting, or lapsed."""

    command_id: str
    unit_id: str
    place_id: str
    issued_at: datetime
    lapsed_at: datetime | None
    why: str | None


def write_stand_by(
    conn: Connection, command_id: str, unit_id: str, base: tuple[str, float, float], *, actor: str, now: datetime,
    expires_at: datetime, proposal: str | None, exercise_id: str | None,
) -> None:  # fmt: skip
    """Records that a free unit was told to wait at a base (place id, lon, lat)."""
    conn.execute(
        "INSERT INTO stand_by (command_id, exercise_id, unit_id, place_id, lon, lat, actor, issued_at, expires_at, state, "
        "recommendation_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (command_id, exercise_id, unit_id, *base, actor, now, expires_at, OrderState.ISSUED.value, proposal),
    )


def list_open(conn: Connection) -> list[OpenStandBy]:
    """Those that nobody has settled, oldest first."""
    return [OpenStandBy(*row) for row in conn.execute(_OPEN, (OrderState.ISSUED.value,))]


def settle(conn: Connection, command_id: str, state: OrderState, why: str | None, at: datetime) -> bool:
    """Records what became of an open one; False when somebody was quicker."""
    done = conn.execute(
        "UPDATE stand_by SET state = %s, why = %s, settled_at = %s WHERE command_id = %s AND state = %s",
        (state.value, why, at, command_id, OrderState.ISSUED.value),
    )
    return done.rowcount == 1


def list_moving(conn: Connection, now: datetime) -> set[str]:
    """The units with a stand-by that has not run out and that they have not refused: they are on their way, or may be."""
    held = [OrderState.ISSUED.value, OrderState.ACCEPTED.value]
    rows = conn.execute(
        "SELECT unit_id FROM stand_by WHERE state = ANY(%s) AND expires_at > %s AND issued_at <= %s AND exercise_id IS NULL",
        (held, now, now),
    )
    return {unit_id for (unit_id,) in rows}


def list_unanswered(conn: Connection, now: datetime, *, waiting_s: float, since: datetime) -> list[UnansweredStandBy]:
    """Those given longer than `waiting_s` ago without an answer, and those that lapsed after `since`, as long as the unit has not
    spoken of itself and has not been told anything else. The oldest first."""
    said = {
        "waiting": now - timedelta(seconds=waiting_s), "since": since, "issued": OrderState.ISSUED.value,
        "expired": OrderState.EXPIRED.value,
    }  # fmt: skip
    return [UnansweredStandBy(*row) for row in conn.execute(_UNANSWERED, said)]


_OPEN = """
SELECT s.command_id, s.unit_id, s.place_id, s.issued_at, s.expires_at, ack.result, ack.phenomenon_time,
       EXISTS (SELECT FROM outbox WHERE payload ->> 'id' = s.command_id AND created_at = s.issued_at AND sent_at IS NOT NULL),
       EXISTS (SELECT FROM dispatch_order o WHERE o.unit_id = s.unit_id AND o.issued_at >= s.issued_at
               AND o.exercise_id IS NOT DISTINCT FROM s.exercise_id),
       s.exercise_id
FROM stand_by s JOIN unit USING (unit_id)
LEFT JOIN LATERAL (
    SELECT result, phenomenon_time FROM command_ack WHERE command_id = s.command_id AND device_id = unit.device_id
    ORDER BY phenomenon_time LIMIT 1
) ack ON true
WHERE s.state = %s ORDER BY s.issued_at, s.command_id
"""

_UNANSWERED = """
SELECT s.command_id, s.unit_id, s.place_id, s.issued_at, s.settled_at, s.why FROM stand_by s
WHERE s.exercise_id IS NULL
  AND ((s.state = %(issued)s AND s.issued_at <= %(waiting)s)
       OR (s.state = %(expired)s AND s.settled_at > %(since)s
           AND NOT EXISTS (SELECT FROM stand_by later WHERE later.unit_id = s.unit_id AND later.issued_at > s.issued_at)
           AND NOT EXISTS (SELECT FROM dispatch_order later WHERE later.unit_id = s.unit_id AND later.issued_at > s.issued_at)
           AND NOT EXISTS (SELECT FROM unit_status said WHERE said.unit_id = s.unit_id AND said.valid_from > s.settled_at
                           AND said.source = 'unit')))
ORDER BY s.issued_at, s.command_id
"""
