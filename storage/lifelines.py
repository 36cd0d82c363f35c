"""Lifelines: when a device was born, whether it is there, and when it was last heard, as known at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.moments import Moment
from domain.observations import Freshness, freshness
from storage.connection import Connection

MOST_CHANGES = 20


@dataclass(frozen=True, slots=True)
class StateChange:
    """Said online or offline, by the device itself or by its Last Will."""

    at: datetime
    received_time: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Lifeline:
    """One device. `measured_at` is the newest time of measurement of any of its series; None: it never measured anything."""

    device_id: str
    district_code: str
    type_name: str
    name: str | None
    interval_s: float
    mode: str
    state: str
    born_at: datetime | None
    retired_at: datetime | None
    first_seen: datetime
    measured_at: datetime | None
    received_at: datetime | None
    freshness: Freshness
    changes: tuple[StateChange, ...]


def find_lifeline(conn: Connection, moment: Moment, device_id: str) -> Lifeline | None:
    """None for a device that is not known. Changes newest first, at most MOST_CHANGES. What it said of itself at its birth is as
    of today; the rest as known at the moment."""
    parameters = {"device": device_id, "at": moment.at, "known_at": moment.known_at, "limit": MOST_CHANGES}
    row = conn.execute(_DEVICE, parameters).fetchone()
    if row is None:
        return None
    changes = tuple(StateChange(*change) for change in conn.execute(_CHANGES, parameters))
    _, district_code, type_name, name, interval_s, mode, born_at, retired_at, first_seen, measured_at, received_at = row
    state = changes[0].state if changes else "unknown"
    age_s = None if measured_at is None else (moment.at - measured_at).total_seconds()
    return Lifeline(
        device_id, district_code, type_name, name, interval_s, mode, state, born_at, retired_at, first_seen, measured_at,
        received_at, freshness(age_s, interval_s, mode, state), changes,
    )  # fmt: skip


_DEVICE = """
SELECT device_id, district_code, type_name, name, interval_s, mode, birth_time, retired_at, first_seen,
       newest.phenomenon_time, newest.received_time
FROM device LEFT JOIN LATERAL (
    SELECT latest.phenomenon_time, latest.received_time FROM latest JOIN datastream USING (datastream_id)
    WHERE datastream.device_id = device.device_id AND latest.received_time <= %(known_at)s
    ORDER BY latest.phenomenon_time DESC LIMIT 1
) newest ON true
WHERE device_id = %(device)s
"""

_CHANGES = """
SELECT phenomenon_time, received_time, state FROM device_state
WHERE device_id = %(device)s AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s
ORDER BY phenomenon_time DESC, received_time DESC LIMIT %(limit)s
"""
