"""Halls: what happened in queues and at windows, as the halls said it, and what is asked of that.

Every question takes a `Moment`, and the days it is about as [start, end) in UTC. What has reached us has happened, even where a
hall's clock runs ahead of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.halls import HallEvent, HallEventKind
from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE, Quality
from domain.sensors import SensorKind
from storage.connection import Connection
from storage.ledger import LedgerCounts
from storage.lifelines import VOICES_OF_FEW


@dataclass(frozen=True, slots=True)
class HallPlace:
    """A hall by the birth of its queue: where it is (WGS-84), its names, the items it offers, whether its queue is there and
    when it last said so or measured anything (`storage.lifelines`; its events are told apart). `tells_events` is False
    for one that only reports snapshots of its queues."""

    hall_id: str
    device_id: str
    district_code: str
    name_zh: str | None
    name_en: str | None
    lon: float | None
    lat: float | None
    items: Sequence[str]
    state: str
    heard_at: datetime | None
    interval_s: float
    tells_events: bool


@dataclass(frozen=True, slots=True)
class QueueValue:
    """The newest value of one property (`waiting` people or `wait_s` seconds) of a queue that reports snapshots; `item` is empty
    where it speaks of the whole hall."""

    hall_id: str
    item: str
    property: str
    value: float
    quality: Quality
    phenomenon_time: datetime
    received_time: datetime


def prepare(conn: Connection) -> None:
    """Makes this session's temporary table. Call once per connection."""
    conn.execute(_TEMPORARY_TABLE)


def write_hall_events(conn: Connection, events: Sequence[HallEvent], ledger: LedgerCounts) -> None:
    """Stores events inside the caller's transaction; one seen before is a duplicate and changes nothing."""
    if not events:
        return
    with conn.cursor() as cur:
        with cur.copy(f"COPY incoming_hall_event ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(_TYPES)
            for e in events:
                copy.write_row(
                    (e.hall_id, e.device_id, e.event_id, e.phenomenon_time, e.received_time, e.event.value, e.ticket, e.item,
                     e.window_no, e.clerk, e.channel, e.grade, e.to_item, list(e.items))
                )  # fmt: skip
        stored = cur.execute(_STORE).fetchall()
    ledger.count_events([(e.device_id, e.phenomenon_time) for e in events], stored)


def list_halls(conn: Connection) -> list[HallPlace]:
    """Every hall in service that has introduced itself: the site of a queue that tells events, or a device that reports snapshots
    (each of them is a hall, unless events come from its site)."""
    kinds = [SensorKind.HALL.type_name, SensorKind.HALL_QUEUE.type_name]
    return [HallPlace(*row) for row in conn.execute(_HALLS, {"kinds": kinds, "events": kinds[0]})]


def list_hall_events(
    conn: Connection, start: datetime, end: datetime, moment: Moment, *, hall_ids: Sequence[str] | None = None,
    received_since: datetime | None = None,
) -> list[HallEvent]:  # fmt: skip
    """Events of [start, end) as known at the moment, of all halls or some, whenever received or from a time on; in no order."""
    parameters = {
        "start": start, "end": min(end, moment.at + FUTURE_TOLERANCE), "known_at": moment.known_at, "at": moment.at,
        "halls": list(hall_ids) if hall_ids is not None else None, "since": received_since,
    }  # fmt: skip
    query = _EVENTS + (_OF_HALLS if hall_ids is not None else "") + (_RECEIVED_SINCE if received_since is not None else "")
    return [_event(*row) for row in conn.execute(query, parameters) if row[5] in _KINDS]


def count_hall_events(conn: Connection, start: datetime, end: datetime, moment: Moment) -> dict[str, int]:
    """How many events of [start, end) there are of each hall, as known at the moment."""
    parameters = {"start": start, "end": min(end, moment.at + FUTURE_TOLERANCE), "known_at": moment.known_at, "at": moment.at}
    return {str(hall_id): int(n) for hall_id, n in conn.execute(_COUNTS, parameters)}


def list_openings(
    conn: Connection, hall_ids: Sequence[str], days: Sequence[tuple[datetime, datetime]], moment: Moment
) -> dict[tuple[str, datetime], datetime]:
    """The first arrival of each hall on each of the days, by hall and start of the day; a day without one is absent."""
    parameters = {
        "halls": list(hall_ids), "starts": [start for start, _ in days], "ends": [end for _, end in days],
        "arrive": HallEventKind.ARRIVE.value, "known_at": moment.known_at,
    }  # fmt: skip
    return {(str(hall_id), start): first for hall_id, start, first in conn.execute(_OPENINGS, parameters)}


def count_arrivals(
    conn: Connection, hall_id: str, days: Sequence[tuple[datetime, datetime]], slot: timedelta, moment: Moment
) -> dict[datetime, tuple[int, ...]]:
    """Arrivals of a hall by slots from the start of each day on; a day on which nobody came is absent."""
    found: dict[datetime, tuple[int, ...]] = {}
    for start, end in days:
        counts = [0] * -(-(end - start) // slot)
        parameters = {
            "hall": hall_id, "start": start, "end": end, "slot": slot, "arrive": HallEventKind.ARRIVE.value,
            "known_at": moment.known_at,
        }  # fmt: skip
        for at, n in conn.execute(_ARRIVALS, parameters):
            counts[(at - start) // slot] = int(n)
        if any(counts):
            found[start] = tuple(counts)
    return found


def list_queue_values(conn: Connection, moment: Moment) -> list[QueueValue]:
    """The newest values of halls that only report snapshots, not older than a day."""
    parameters = {
        "kind": SensorKind.HALL_QUEUE.type_name, "properties": list(SensorKind.HALL_QUEUE.properties), "at": moment.at,
        "since": moment.at - timedelta(days=1), "known_at": moment.known_at, "horizon": moment.at + FUTURE_TOLERANCE,
    }  # fmt: skip
    rows = conn.execute(_QUEUES_LIVE if moment.is_live else _QUEUES_AS_KNOWN, parameters)
    return [QueueValue(row[0], row[1], row[2], row[3], Quality.from_code(row[4]), row[5], row[6]) for row in rows]


def _event(
    hall_id: str, device_id: str, event_id: str, phenomenon_time: datetime, received_time: datetime, event: str,
    ticket: str | None, item: str | None, window_no: int | None, clerk: str | None, channel: str | None, grade: int | None,
    to_item: str | None, items: list[str],
) -> HallEvent:  # fmt: skip
    return HallEvent(
        hall_id, device_id, event_id, phenomenon_time, received_time, _KINDS[event], ticket, item, window_no, clerk, channel,
        grade, to_item, tuple(items),
    )  # fmt: skip


_KINDS = {kind.value: kind for kind in HallEventKind}

_COLUMNS = (
    "hall_id, device_id, event_id, phenomenon_time, received_time, event, ticket, item, window_no, clerk, channel, grade, "
    "to_item, items"
)
_TYPES = (
    "text", "text", "text", "timestamptz", "timestamptz", "text", "text", "text", "int4", "text", "text", "int2", "text",
    "text[]",
)  # fmt: skip

_TEMPORARY_TABLE = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_hall_event (
    hall_id text, device_id text, event_id text, phenomenon_time timestamptz, received_time timestamptz, event text,
    ticket text, item text, window_no integer, clerk text, channel text, grade smallint, to_item text, items text[]
) ON COMMIT DELETE ROWS
"""

_STORE = f"""
INSERT INTO hall_event ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming_hall_event
ON CONFLICT DO NOTHING RETURNING device_id, phenomenon_time
"""

_HALLS = f"""
SELECT DISTINCT ON (hall_id) hall_id, device_id, district_code, coalesce(attributes ->> 'name_zh', name),
       attributes ->> 'name_en', lon, lat, coalesce(string_to_array(nullif(attributes ->> 'capabilities', ''), ';'), '{{}}'),
       voice.state, voice.heard_at, interval_s, tells_events
FROM (
    SELECT *, type_name = %(events)s AS tells_events,
           CASE WHEN type_name = %(events)s THEN site ELSE split_part(device_id, '/', 4) END AS hall_id
    FROM device WHERE type_name = ANY(%(kinds)s) AND retired_at IS NULL
) hall
JOIN ({VOICES_OF_FEW}) voice USING (device_id)
WHERE tells_events OR NOT EXISTS (
    SELECT FROM device teller WHERE teller.type_name = %(events)s AND teller.site = hall.site AND teller.retired_at IS NULL
)
ORDER BY hall_id, tells_events DESC, device_id
"""

_WITHIN = """
WHERE phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND received_time <= %(known_at)s
  AND least(phenomenon_time, received_time) <= %(at)s
"""
_EVENTS = f"SELECT {_COLUMNS} FROM hall_event {_WITHIN}"
_OF_HALLS = " AND hall_id = ANY(%(halls)s)"
_RECEIVED_SINCE = " AND received_time >= %(since)s"
_COUNTS = f"SELECT hall_id, count(*) FROM hall_event {_WITHIN} GROUP BY hall_id"

# The key of the table leads to the first events of each hall and day, so that no day is read whole.
_OPENINGS = """
SELECT hall.hall_id, day.start_time, first.phenomenon_time
FROM unnest(%(halls)s::text[]) AS hall (hall_id)
CROSS JOIN unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS day (start_time, end_time)
CROSS JOIN LATERAL (
    SELECT phenomenon_time FROM hall_event
    WHERE hall_event.hall_id = hall.hall_id AND phenomenon_time >= day.start_time AND phenomenon_time < day.end_time
      AND event = %(arrive)s AND received_time <= %(known_at)s
    ORDER BY phenomenon_time LIMIT 1
) first
"""

_ARRIVALS = """
SELECT date_bin(%(slot)s, phenomenon_time, %(start)s), count(*)
FROM hall_event
WHERE hall_id = %(hall)s AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
  AND event = %(arrive)s AND received_time <= %(known_at)s
GROUP BY 1
"""

_QUEUES_LIVE = """
SELECT split_part(device.device_id, '/', 4), datastream.item, datastream.property, latest.value, latest.quality,
       latest.phenomenon_time, latest.received_time
FROM device JOIN datastream USING (device_id) JOIN latest USING (datastream_id)
WHERE device.type_name = %(kind)s AND datastream.property = ANY(%(properties)s) AND latest.phenomenon_time > %(since)s
ORDER BY 1, 2, 3
"""

_QUEUES_AS_KNOWN = """
SELECT split_part(device.device_id, '/', 4), datastream.item, datastream.property, newest.value, newest.quality,
       newest.phenomenon_time, newest.received_time
FROM device JOIN datastream USING (device_id)
CROSS JOIN LATERAL (
    SELECT value, quality, phenomenon_time, received_time FROM (
        SELECT value, quality, phenomenon_time, received_time FROM observation
        WHERE observation.datastream_id = datastream.datastream_id AND received_time <= %(known_at)s
          AND least(phenomenon_time, received_time) <= %(at)s
          AND phenomenon_time <= %(horizon)s AND phenomenon_time > %(since)s
        UNION ALL
        SELECT value, quality, phenomenon_time, received_time FROM observation_superseded
        WHERE observation_superseded.datastream_id = datastream.datastream_id AND received_time <= %(known_at)s
          AND superseded_at > %(known_at)s AND least(phenomenon_time, received_time) <= %(at)s
          AND phenomenon_time <= %(horizon)s AND phenomenon_time > %(since)s
    ) known
    ORDER BY phenomenon_time DESC LIMIT 1
) newest
WHERE device.type_name = %(kind)s AND datastream.property = ANY(%(properties)s)
ORDER BY 1, 2, 3
"""
