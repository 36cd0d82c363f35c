"""Incidents, requests and detections: what was reported, and incidents as known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import UniqueViolation

from domain.incidents import (
    OPEN_STATES,
    DetectionReport,
    Grade,
    Incident,
    IncidentClosing,
    IncidentReport,
    IncidentState,
    RequestReport,
    ResponseLevel,
)
from domain.moments import Moment
from storage.connection import Connection
from storage.ledger import LedgerCounts


def write_incidents(conn: Connection, reports: Sequence[IncidentReport], ledger: LedgerCounts) -> None:
    """Stores newly reported incidents with their first state; one reported before is a duplicate.

    What has reached us has happened: a reporter's clock that runs ahead does not put an incident into the future. Raises
    psycopg UniqueViolation for an id under which another device has reported one: no call may pass for the copy of another.
    """
    if not reports:
        return
    first = {report.incident_id: report for report in reversed(reports)}
    rows = [
        (r.incident_id, r.device_id, r.hazard_class, r.lon, r.lat, r.crs_origin, r.channel,
         min(r.phenomenon_time, r.received_time), r.received_time, r.grade.value, r.text)
        for r in first.values()
    ]  # fmt: skip
    columns = [list(column) for column in zip(*rows, strict=True)]
    new = [first[row[0]] for row in conn.execute(_STORE_INCIDENTS, columns)]
    if len(new) < len(reports):
        _require_own_ids(conn, reports)
    ledger.count_events([(r.device_id, r.phenomenon_time) for r in reports], [(r.device_id, r.phenomenon_time) for r in new])


_STORE_INCIDENTS = f"""
WITH said AS (
    SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::float8[], %b::float8[], %b::text[], %b::text[],
                         %b::timestamptz[], %b::timestamptz[], %b::text[], %b::text[])
    AS report (incident_id, device_id, hazard_class, lon, lat, crs_origin, channel, reported_at, received_time, grade, text)
), new AS (
    INSERT INTO incident (incident_id, device_id, hazard_class, lon, lat, crs_origin, channel, reported_at, received_time)
    SELECT incident_id, device_id, hazard_class, lon, lat, crs_origin, channel, reported_at, received_time FROM said
    ORDER BY incident_id  -- one order for all writers: no deadlock
    ON CONFLICT DO NOTHING RETURNING incident_id
), states AS (
    INSERT INTO incident_history (incident_id, valid_from, recorded_at, state, grade, response_level)
    SELECT incident_id, reported_at, received_time, '{IncidentState.REPORTED.value}', grade, '{ResponseLevel.NONE.value}'
    FROM said JOIN new USING (incident_id)
), texts AS (
    INSERT INTO incident_text (incident_id, recorded_at, text)
    SELECT incident_id, received_time, text FROM said JOIN new USING (incident_id) WHERE text <> ''
)
SELECT incident_id FROM new
"""


def _require_own_ids(conn: Connection, reports: Sequence[IncidentReport]) -> None:
    said = {(r.incident_id, r.device_id) for r in reports}
    ids, devices = zip(*sorted(said), strict=True)
    taken = conn.execute(_TAKEN, (list(ids), list(devices))).fetchone()
    if taken is not None:
        incident_id, device_id, owner = taken
        raise UniqueViolation(
            f"incident {incident_id} of {device_id} was reported by {owner}: expected names of devices that are given once in a "
            "district; rename one of the two"
        )


_TAKEN = """
SELECT incident_id, said.device_id, incident.device_id
FROM unnest(%s::text[], %s::text[]) AS said (incident_id, device_id) JOIN incident USING (incident_id)
WHERE incident.device_id <> said.device_id LIMIT 1
"""


def write_closings(conn: Connection, closings: Sequence[IncidentClosing], ledger: LedgerCounts) -> None:
    """Closes incidents that their reporters say are over; one that is not known or is over already counts as a duplicate."""
    if not closings:
        return
    first = {c.incident_id: c for c in reversed(closings)}
    # One order for all writers: no deadlock. First, so that what is looked at is what nobody changes any more.
    conn.execute("SELECT FROM incident WHERE incident_id = ANY(%s) ORDER BY incident_id FOR UPDATE", (list(first),))
    said = {
        "incident": list(first),
        "at": [min(c.phenomenon_time, c.received_time) for c in first.values()],
        "recorded": [c.received_time for c in first.values()],
        "open": [state.value for state in OPEN_STATES],
    }
    ended = [first[row[0]] for row in conn.execute(_CLOSE, said)]
    ledger.count_events([(c.device_id, c.phenomenon_time) for c in closings], [(c.device_id, c.phenomenon_time) for c in ended])


def next_number(conn: Connection) -> int:
    """The running number of an incident that a person takes down."""
    row = conn.execute("SELECT nextval('incident_number')").fetchone()
    assert row is not None
    return int(row[0])


def create_incident(
    conn: Connection, incident: Incident, *, desk: str | None, crs_origin: str, actor: str, recorded_at: datetime
) -> None:
    """Stores an incident that a person has taken down, with its first state; `desk` is the one that did (its id begins with the
    district), None outside all districts."""
    conn.execute(
        "INSERT INTO incident (incident_id, exercise_id, device_id, hazard_class, lon, lat, crs_origin, channel, reported_at, "
        "received_time) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (incident.incident_id, incident.exercise_id, desk, incident.hazard_class, incident.lon, incident.lat, crs_origin,
         incident.channel, incident.reported_at, recorded_at),
    )  # fmt: skip
    set_state(
        conn, incident.incident_id, incident.state, incident.grade, incident.response_level, valid_from=incident.reported_at,
        recorded_at=recorded_at, actor=actor,
    )  # fmt: skip


def add_text(conn: Connection, incident_id: str, text: str, recorded_at: datetime) -> None:
    """Keeps somebody's words about an incident; of two at the same instant the second counts as a little later."""
    conn.execute(
        "INSERT INTO incident_text (incident_id, recorded_at, text) "
        "SELECT %(incident)s, greatest(%(at)s, max(recorded_at) + interval '1 microsecond'), %(text)s "
        "FROM incident_text WHERE incident_id = %(incident)s",
        {"incident": incident_id, "at": recorded_at, "text": text},
    )


def set_state(
    conn: Connection,
    incident_id: str,
    state: IncidentState,
    grade: Grade,
    response_level: ResponseLevel,
    *,
    valid_from: datetime,
    recorded_at: datetime,
    actor: str | None,
) -> None:
    conn.execute(
        "INSERT INTO incident_history (incident_id, valid_from, recorded_at, state, grade, response_level, actor) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (incident_id, valid_from, recorded_at, state.value, grade.value, response_level.value, actor),
    )
    closed_at = None if state in OPEN_STATES else recorded_at
    conn.execute("UPDATE incident SET closed_at = %s WHERE incident_id = %s", (closed_at, incident_id))


def get_incident_for_update(conn: Connection, incident_id: str, now: datetime) -> Incident:
    """The incident as known now, locked until the transaction ends. Raises LookupError for an unknown one."""
    if conn.execute("SELECT FROM incident WHERE incident_id = %s FOR UPDATE", (incident_id,)).fetchone() is None:
        raise LookupError(f"incident {incident_id} is not known: expected one that was reported")
    rows = conn.execute(
        f"{_SELECT_INCIDENTS} WHERE incident.incident_id = %(incident)s", {"incident": incident_id, "at": now, "known_at": now}
    )
    return _incident(rows.fetchone())


@dataclass(frozen=True, slots=True)
class IncidentStep:
    """One step of an incident: true from `valid_from`, known from `recorded_at`. `actor` is None for what was reported."""

    state: IncidentState
    grade: Grade
    response_level: ResponseLevel
    valid_from: datetime
    recorded_at: datetime
    actor: str | None


def find_incident(conn: Connection, incident_id: str, moment: Moment) -> Incident | None:
    """The incident as known at the moment, open or not; None for one that was not known then."""
    query = f"{_SELECT_INCIDENTS} WHERE incident.incident_id = %(incident)s AND incident.received_time <= %(known_at)s"
    row = conn.execute(query, {"incident": incident_id, "at": moment.at, "known_at": moment.known_at}).fetchone()
    return _incident(row) if row is not None else None


def list_steps(conn: Connection, incident_id: str, moment: Moment) -> list[IncidentStep]:
    """Every step of an incident known at the moment, oldest first."""
    rows = conn.execute(
        "SELECT state, grade, response_level, valid_from, recorded_at, actor FROM incident_history "
        "WHERE incident_id = %s AND valid_from <= %s AND recorded_at <= %s ORDER BY valid_from, recorded_at",
        (incident_id, moment.at, moment.known_at),
    )
    return [IncidentStep(IncidentState.of(row[0]), Grade.of(row[1]), ResponseLevel.of(row[2]), *row[3:]) for row in rows]


def list_texts(conn: Connection, incident_id: str, moment: Moment) -> list[tuple[datetime, str]]:
    """What was said about an incident in free words, and when that was recorded, oldest first."""
    rows = conn.execute(
        "SELECT recorded_at, text FROM incident_text WHERE incident_id = %s AND recorded_at <= %s ORDER BY recorded_at",
        (incident_id, moment.known_at),
    )
    return [(row[0], row[1]) for row in rows]


def list_reported(
    conn: Connection, moment: Moment, since: datetime, exercise_id: str | None = None, *, limit: int
) -> list[tuple[Incident, datetime]]:
    """Incidents reported after `since`, open or not, newest first, each with since when it is in its state."""
    query = (
        f"{_SELECT_INCIDENTS.replace('exercise_id', 'exercise_id, status.valid_from', 1)} "
        "WHERE incident.exercise_id IS NOT DISTINCT FROM %(exercise)s AND incident.reported_at > %(since)s "
        "AND incident.reported_at <= %(at)s AND incident.received_time <= %(known_at)s "
        "ORDER BY incident.reported_at DESC, incident.incident_id LIMIT %(limit)s"
    )
    parameters = {"at": moment.at, "known_at": moment.known_at, "since": since, "exercise": exercise_id, "limit": limit}
    return [(_incident(row[:10]), row[10]) for row in conn.execute(query, parameters)]


def list_over(conn: Connection, incident_ids: Sequence[str], moment: Moment) -> set[str]:
    """Which of these incidents have ended by the moment; one that is part of another goes on there."""
    rows = conn.execute(_OVER, {"incidents": list(incident_ids), "at": moment.at, "merged": IncidentState.MERGED.value})
    return {row[0] for row in rows}


def find_last_change(conn: Connection, incident_id: str) -> datetime | None:
    """Since when the incident is in its state, whatever the clock of who recorded it; None for one that is not known."""
    row = conn.execute("SELECT max(valid_from) FROM incident_history WHERE incident_id = %s", (incident_id,)).fetchone()
    return row[0] if row is not None else None


def list_unattended(conn: Connection, *, waiting_since: datetime, grades: Sequence[Grade], limit: int) -> list[str]:
    """The ids of incidents of these grades that have only been reported since a time or longer, oldest first: nobody has acted on
    them, or what was done came to nothing before that time. Not those of exercises, those with a response level, and those that
    somebody commands."""
    said = (
        waiting_since, IncidentState.REPORTED.value, [grade.value for grade in grades], ResponseLevel.NONE.value, limit,
    )  # fmt: skip
    rows = conn.execute(_UNATTENDED, said)
    return [row[0] for row in rows]


def list_open_incidents(conn: Connection, moment: Moment, exercise_id: str | None = None) -> list[Incident]:
    """Incidents not ended at the moment, gravest first, then newest."""
    query = (
        f"{_SELECT_INCIDENTS} WHERE incident.exercise_id IS NOT DISTINCT FROM %(exercise)s AND incident.reported_at <= %(at)s "
        "AND (incident.closed_at IS NULL OR incident.closed_at > %(at)s) "
        "AND incident.received_time <= %(known_at)s AND status.state = ANY(%(open)s) "
        "ORDER BY array_position(ARRAY['I', 'II', 'III', 'IV'], status.grade), incident.reported_at DESC, incident.incident_id"
    )
    open_states = [state.value for state in OPEN_STATES]
    parameters = {"at": moment.at, "known_at": moment.known_at, "exercise": exercise_id, "open": open_states}
    return [_incident(row) for row in conn.execute(query, parameters)]


@dataclass(frozen=True, slots=True)
class Comparable:
    """An incident as the check for duplicates looks at it: when it was last reported, by itself or by one merged into it, and
    what was said about it."""

    incident: Incident
    last_reported_at: datetime
    texts: tuple[str, ...]


def list_comparable(
    conn: Connection,
    moment: Moment,
    *,
    since: datetime,
    bounds: tuple[float, float, float, float],
    exercise_id: str | None = None,
    limit: int = 200,
) -> list[Comparable]:
    """Incidents inside `bounds` (west, south, east, north) that are open at the moment or were reported after `since`, newest
    first, without those that were merged into another."""
    west, south, east, north = bounds
    rows = conn.execute(
        _COMPARABLE,
        {"at": moment.at, "known_at": moment.known_at, "since": since, "west": west, "south": south, "east": east,
         "north": north, "exercise": exercise_id, "open": [state.value for state in OPEN_STATES],
         "merged": IncidentState.MERGED.value, "limit": limit},
    )  # fmt: skip
    return [Comparable(_incident(row[:10]), row[10], tuple(row[11])) for row in rows]


def write_requests(conn: Connection, requests: Sequence[RequestReport], ledger: LedgerCounts) -> None:
    """Stores requests inside the caller's transaction; one seen before is a duplicate and changes nothing."""
    if not requests:
        return
    rows = [
        (r.request_id, r.device_id, r.phenomenon_time, r.received_time, r.source, r.request_class, r.lon, r.lat, r.crs_origin,
         r.due)
        for r in requests
    ]  # fmt: skip
    stored = conn.execute(_STORE_REQUESTS, [list(column) for column in zip(*rows, strict=True)]).fetchall()
    ledger.count_events([(r.device_id, r.phenomenon_time) for r in requests], stored)


_STORE_REQUESTS = """
INSERT INTO request (request_id, device_id, phenomenon_time, received_time, source, request_class, lon, lat, crs_origin, due)
SELECT * FROM unnest(%b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[], %b::text[], %b::float8[],
                     %b::float8[], %b::text[], %b::timestamptz[])
ON CONFLICT DO NOTHING RETURNING device_id, phenomenon_time
"""


def write_detections(conn: Connection, detections: Sequence[DetectionReport], ledger: LedgerCounts) -> None:
    stored = []
    for d in detections:
        row = conn.execute(
            "INSERT INTO detection (detection_id, device_id, phenomenon_time, received_time, detection_class, confidence, "
            "snapshot_url) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1",
            (d.detection_id, d.device_id, d.phenomenon_time, d.received_time, d.detection_class, d.confidence, d.snapshot_url),
        ).fetchone()
        if row is not None:
            stored.append((d.device_id, d.phenomenon_time))
    ledger.count_events([(d.device_id, d.phenomenon_time) for d in detections], stored)


def _incident(row: object) -> Incident:
    assert isinstance(row, tuple)
    return Incident(
        incident_id=row[0], hazard_class=row[1], grade=Grade.of(row[2]), response_level=ResponseLevel.of(row[3]),
        state=IncidentState.of(row[4]), lon=row[5], lat=row[6], channel=row[7], reported_at=row[8], exercise_id=row[9],
    )  # fmt: skip


_CLOSE = f"""
WITH ending AS (
    SELECT incident.incident_id, greatest(said.at, status.valid_from + interval '1 microsecond') AS closed_from,
           greatest(said.recorded, status.recorded_at) AS recorded, status.grade
    FROM unnest(%(incident)s::text[], %(at)s::timestamptz[], %(recorded)s::timestamptz[]) AS said (incident_id, at, recorded)
    JOIN incident USING (incident_id)
    JOIN LATERAL (
        SELECT valid_from, recorded_at, state, grade FROM incident_history
        WHERE incident_history.incident_id = incident.incident_id ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
    ) status ON true
    WHERE status.state = ANY(%(open)s)
), ended AS (
    UPDATE incident SET closed_at = ending.recorded FROM ending WHERE incident.incident_id = ending.incident_id
)
INSERT INTO incident_history (incident_id, valid_from, recorded_at, state, grade, response_level)
SELECT incident_id, closed_from, recorded, '{IncidentState.CLOSED.value}', grade, '{ResponseLevel.NONE.value}' FROM ending
ON CONFLICT DO NOTHING RETURNING incident_id
"""

_SELECT_INCIDENTS = """
SELECT incident.incident_id, hazard_class, status.grade, status.response_level, status.state, lon, lat, channel,
       reported_at, exercise_id
FROM incident
JOIN LATERAL (
    SELECT state, grade, response_level, valid_from FROM incident_history
    WHERE incident_history.incident_id = incident.incident_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) status ON true
"""

_UNATTENDED = """
SELECT incident.incident_id FROM incident
JOIN LATERAL (
    SELECT state, grade, response_level, valid_from FROM incident_history
    WHERE incident_history.incident_id = incident.incident_id ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) status ON true
WHERE closed_at IS NULL AND exercise_id IS NULL AND status.valid_from <= %s AND status.state = %s AND status.grade = ANY(%s)
  AND status.response_level = %s
  AND NOT EXISTS (SELECT FROM incident_command command WHERE command.incident_id = incident.incident_id)
ORDER BY reported_at, incident.incident_id LIMIT %s
"""

_OVER = """
SELECT incident.incident_id FROM incident
JOIN LATERAL (
    SELECT state FROM incident_history WHERE incident_history.incident_id = incident.incident_id AND valid_from <= %(at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) status ON true
WHERE incident.incident_id = ANY(%(incidents)s) AND closed_at <= %(at)s AND status.state <> %(merged)s
"""

_COMPARABLE = f"""
WITH roots AS (
    SELECT DISTINCT ON (incident_id) incident_id, root_id FROM incident_merge
    WHERE valid_from <= %(at)s AND recorded_at <= %(known_at)s ORDER BY incident_id, valid_from DESC, recorded_at DESC
)
SELECT found.*,
       greatest(found.reported_at, (SELECT max(child.reported_at) FROM roots JOIN incident child USING (incident_id)
                                    WHERE roots.root_id = found.incident_id)),
       ARRAY(SELECT text FROM incident_text WHERE incident_text.incident_id = found.incident_id
             AND recorded_at <= %(known_at)s ORDER BY recorded_at LIMIT 5)
FROM ({_SELECT_INCIDENTS}
    WHERE incident.lon BETWEEN %(west)s AND %(east)s AND incident.lat BETWEEN %(south)s AND %(north)s
      AND incident.exercise_id IS NOT DISTINCT FROM %(exercise)s
      AND incident.reported_at <= %(at)s AND incident.received_time <= %(known_at)s
      AND (incident.closed_at IS NULL OR incident.closed_at > %(at)s OR incident.reported_at > %(since)s)
      AND (status.state = ANY(%(open)s) OR (incident.reported_at > %(since)s AND status.state <> %(merged)s))
) found
ORDER BY found.reported_at DESC, found.incident_id LIMIT %(limit)s
"""
