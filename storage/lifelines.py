"""Lifelines: when a device was born, whether it is there, and when it was last heard, as known at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.moments import Moment
from domain.observations import Freshness, freshness, word_age_s
from domain.sensors import DeviceState
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
    _, district_code, type_name, name, interval_s, mode, born_at, retired_at, first_seen, measured_at, received_at, is_lost = row
    state = changes[0].state if changes else "unknown"
    words = [born_at, measured_at, *(change.at for change in changes[:1] if change.state == DeviceState.ONLINE)]
    heard = max((at for at in words if at is not None and at <= moment.at), default=None)
    age_s = word_age_s(moment.at, measured_at, heard, mode)
    return Lifeline(
        device_id, district_code, type_name, name, interval_s, mode, state, born_at, retired_at, first_seen, measured_at,
        received_at, freshness(age_s, interval_s, mode, DeviceState.OFFLINE if is_lost else state), changes,
    )  # fmt: skip


# A district's gateways and when the last of them was lost; a district with one that is there has none. Nothing says which gateway
# carries which device, so a device counts as lost with the gateways of its district unless it has been heard since. Only the time
# of receipt tells when: a Last Will is written when the connection is made.
LOST_GATEWAYS = """
SELECT district_code, max(received_time) AS lost_at
FROM device JOIN LATERAL (
    SELECT device_state.state, received_time FROM device_state
    WHERE device_state.device_id = device.device_id {known} ORDER BY phenomenon_time DESC, received_time DESC LIMIT 1
) said ON true
WHERE type_name = 'Gateway' AND {in_service} GROUP BY 1 HAVING bool_and(said.state = 'offline')
"""

IN_SERVICE = "coalesce(device.retired_at > %(at)s, true)"
"""Whether a device was not retired yet; those that were are neither expected nor counted."""

_VOICES = """
SELECT device.device_id,
       CASE WHEN mode = 'on_change' AND lost_at > coalesce(newest.received_time, '-infinity') THEN 'offline'
            ELSE state END AS state,
       greatest(birth_time, CASE WHEN state = 'online' THEN state_time END, newest.phenomenon_time) AS heard_at
FROM device
LEFT JOIN {newest}
LEFT JOIN ({lost}) lost USING (district_code)
"""
_LOST_NOW = LOST_GATEWAYS.format(known="", in_service="retired_at IS NULL")

_NEWEST_OF_ALL = """(
    SELECT device_id, max(phenomenon_time) AS phenomenon_time, max(received_time) AS received_time
    FROM latest JOIN datastream USING (datastream_id) GROUP BY 1
) newest USING (device_id)"""
_NEWEST_OF_EACH = """LATERAL (
    SELECT max(phenomenon_time) AS phenomenon_time, max(received_time) AS received_time
    FROM latest JOIN datastream USING (datastream_id) WHERE datastream.device_id = device.device_id
) newest ON true"""

VOICES = _VOICES.format(newest=_NEWEST_OF_ALL, lost=_LOST_NOW)
"""Of every device, now: its state, offline too when it speaks on change and its gateway is lost, and when it was last heard, of
its value, its birth or that it is there (`domain.observations.word_age_s`)."""

VOICES_OF_FEW = _VOICES.format(newest=_NEWEST_OF_EACH, lost=_LOST_NOW)
"""The same, for joining with a few devices of thousands (measured with 5,000: 1 ms for 30 of them instead of 14)."""

_LOST_THEN = LOST_GATEWAYS.format(known="AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s", in_service=IN_SERVICE)

_DEVICE = f"""
SELECT device_id, district_code, type_name, name, interval_s, mode, birth_time, retired_at, first_seen,
       newest.phenomenon_time, newest.received_time, lost_at > coalesce(newest.received_time, '-infinity') IS TRUE
FROM device
LEFT JOIN ({_LOST_THEN}) lost USING (district_code)
LEFT JOIN LATERAL (
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
