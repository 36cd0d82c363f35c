"""Outcomes: what became of the warnings of a rule, and what there was to warn of: for the scoreboard.

Source: warning, warning_history, warning_verdict, observation, incident*, datastream, device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.anomalies import Lane
from domain.incidents import IncidentState
from domain.moments import Moment
from domain.observations import USABLE_QUALITY_CODES
from domain.warnings import OPEN_WARNING_STATES, ThresholdRule, WarningLevel, WarningMode, WarningVerdict
from gis_data.crs import METRES_PER_DEGREE
from storage.connection import Connection
from storage.lifelines import IN_SERVICE


@dataclass(frozen=True, slots=True)
class Outcome:
    """A warning of a rule: where, when, on which level first, and what people said of it."""

    warning_id: str
    object_id: str
    level: WarningLevel
    raised_at: datetime
    ended_at: datetime | None
    verdict: WarningVerdict | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something there was to warn of: an object that crossed, or an incident near a device of the rule; whether a warning of the
    rule came before."""

    object_id: str
    at: datetime
    is_warned_of: bool


def find_first_raise(conn: Connection, rule_id: str) -> datetime | None:
    """When a rule first raised a warning."""
    row = conn.execute("SELECT min(raised_at) FROM warning WHERE rule_id = %s AND exercise_id IS NULL", (rule_id,)).fetchone()
    return row[0] if row else None


def list_outcomes(conn: Connection, rule: ThresholdRule, moment: Moment, since: datetime, *, limit: int) -> list[Outcome]:
    """The warnings that a rule raised after `since`, newest first."""
    said = {
        "rule": rule.rule_id, "since": since, "at": moment.at, "known_at": moment.known_at, "limit": limit,
        "open": [state.value for state in OPEN_WARNING_STATES], "mode": WarningMode.ACTUAL.value,
    }  # fmt: skip
    return [
        Outcome(str(row[0]), row[1], WarningLevel.of(row[2]), row[3], row[4], WarningVerdict.known(row[5] or ""))
        for row in conn.execute(_OUTCOMES, said)
    ]


def count_odd_series(conn: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """Series of devices in which something out of the ordinary began in (since, until], by district; not what only doubts the
    data."""
    rows = conn.execute(
        "SELECT device.district_code, count(DISTINCT anomaly.series_id) FROM anomaly "
        "JOIN datastream ON datastream.datastream_id = anomaly.series_id JOIN device USING (device_id) "
        "WHERE detected_at > %s AND detected_at <= %s AND lane <> %s GROUP BY 1",
        (since, until, Lane.QUALITY.value),
    )
    return {row[0]: row[1] for row in rows}


class Asked(NamedTuple):
    """Whether a series reached a limit, measured after `since` and up to `until`."""

    datastream_id: int
    limit: float
    since: datetime
    until: datetime


def find_crossings(conn: Connection, asked: Sequence[Asked], direction: str) -> list[datetime | None]:
    """When each first did so, with a usable reading."""
    if not asked:
        return []
    columns = [list(column) for column in zip(*asked, strict=True)]
    beyond = "<=" if direction == "below" else ">="
    rows = conn.execute(
        _FIRST.format(beyond=beyond),
        {
            "numbers": columns[0], "limits": columns[1], "since": columns[2], "until": columns[3], "oldest": min(columns[2]),
            "newest": max(columns[3]), "usable": list(USABLE_QUALITY_CODES),
        },
    )  # fmt: skip
    return [row[0] for row in rows]


def list_crossings(
    conn: Connection, rules: Sequence[tuple[str, Sequence[WarningLevel]]], forecast_rule: str, moment: Moment, since: datetime,
    *, ahead: timedelta, limit: int,
) -> list[Event]:  # fmt: skip
    """Objects at which one of these rules, which judge what is measured, first reached one of its levels given, and whether the
    rule of forecasts had warned there within `ahead` before, or was warning."""
    said = {
        "rules": [rule_id for rule_id, levels in rules for _ in levels],
        "levels": [level.value for _, levels in rules for level in levels], "rule": forecast_rule, "since": since,
        "at": moment.at, "known_at": moment.known_at, "ahead": ahead, "limit": limit,
    }  # fmt: skip
    return [Event(*row) for row in conn.execute(_CROSSINGS, said)]


def list_incidents_near(
    conn: Connection, rule: ThresholdRule, moment: Moment, since: datetime, *, reach_m: float, ahead: timedelta, limit: int
) -> list[Event]:
    """Incidents of the rule's hazard near a device that the rule watches, and whether it had warned near there within `ahead`
    before, or was warning."""
    said = {
        "rule": rule.rule_id, "property": rule.property, "hazard": rule.hazard_class, "since": since, "at": moment.at,
        "reach": reach_m / METRES_PER_DEGREE, "ahead": ahead, "limit": limit, "false": IncidentState.FALSE_ALARM.value,
    }  # fmt: skip
    return [Event(*row) for row in conn.execute(_INCIDENTS, said)]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A sensor near a warning, with its newest value."""

    device_id: str
    name: str | None
    name_en: str | None
    property: str
    value: float | None
    unit: str | None
    measured_at: datetime | None
    lon: float
    lat: float


def list_neighbours(
    conn: Connection, name: str, moment: Moment, lon: float, lat: float, *, reach_m: float, limit: int
) -> list[Neighbour]:
    """Sensors of a property within a distance of a place, nearest first, with what they measured last."""
    said = {
        "property": name, "lon": lon, "lat": lat, "reach": reach_m / METRES_PER_DEGREE, "at": moment.at, "limit": limit,
    }  # fmt: skip
    return [Neighbour(*row) for row in conn.execute(_NEIGHBOURS, said)]


_FIRST = """
SELECT reached.at
FROM unnest(%(numbers)s::integer[], %(limits)s::float8[], %(since)s::timestamptz[], %(until)s::timestamptz[])
     WITH ORDINALITY AS asked (number, threshold, since, until, k)
LEFT JOIN LATERAL (
    SELECT phenomenon_time AS at FROM observation
    WHERE datastream_id = asked.number AND phenomenon_time > asked.since AND phenomenon_time <= asked.until
      AND phenomenon_time > %(oldest)s AND phenomenon_time <= %(newest)s -- so that other days are not even planned for
      AND quality = ANY(%(usable)s) AND value {beyond} asked.threshold
    ORDER BY phenomenon_time LIMIT 1
) reached ON true
ORDER BY asked.k
"""

_OUTCOMES = """
SELECT warning.warning_id, object_id, first.level, raised_at, CASE WHEN last.state <> ALL(%(open)s) THEN last.valid_from END,
       judged.verdict
FROM warning
JOIN LATERAL (
    SELECT level FROM warning_history said WHERE said.warning_id = warning.warning_id AND valid_from <= %(at)s
      AND recorded_at <= %(known_at)s ORDER BY valid_from, recorded_at LIMIT 1
) first ON true
JOIN LATERAL (
    SELECT state, valid_from FROM warning_history said WHERE said.warning_id = warning.warning_id AND valid_from <= %(at)s
      AND recorded_at <= %(known_at)s ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
    SELECT verdict FROM warning_verdict said WHERE said.warning_id = warning.warning_id AND valid_from <= %(at)s
      AND recorded_at <= %(known_at)s ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) judged ON true
WHERE rule_id = %(rule)s AND raised_at > %(since)s AND raised_at <= %(at)s AND exercise_id IS NULL AND mode = %(mode)s
ORDER BY raised_at DESC LIMIT %(limit)s
"""

_CROSSINGS = """
SELECT crossed.object_id, crossed.at, EXISTS (
    SELECT FROM warning ours WHERE ours.rule_id = %(rule)s AND ours.object_id = crossed.object_id AND ours.exercise_id IS NULL
      AND ours.raised_at < crossed.at
      AND (ours.raised_at >= crossed.at - %(ahead)s OR ours.closed_at IS NULL OR ours.closed_at >= crossed.at)
)
FROM (
    SELECT warning.object_id, warning.warning_id, min(step.valid_from) AS at
    FROM unnest(%(rules)s::text[], %(levels)s::text[]) AS wanted (rule_id, level)
    JOIN warning USING (rule_id)
    JOIN warning_history step ON step.warning_id = warning.warning_id AND step.level = wanted.level
      AND step.valid_from <= %(at)s AND step.recorded_at <= %(known_at)s
    WHERE warning.raised_at > %(since)s AND warning.raised_at <= %(at)s AND warning.exercise_id IS NULL
    GROUP BY 1, 2
) crossed
ORDER BY crossed.at DESC LIMIT %(limit)s
"""

# So near as a box of degrees tells: at 60° of latitude it is twice as wide as high, which a scoreboard can bear.
_INCIDENTS = """
SELECT incident.incident_id, incident.reported_at, EXISTS (
    SELECT FROM warning ours WHERE ours.rule_id = %(rule)s AND ours.exercise_id IS NULL AND ours.raised_at < incident.reported_at
      AND (ours.raised_at >= incident.reported_at - %(ahead)s OR ours.closed_at IS NULL
           OR ours.closed_at >= incident.reported_at)
      AND abs(ours.lat - incident.lat) <= %(reach)s AND abs(ours.lon - incident.lon) <= %(reach)s / cos(radians(incident.lat))
)
FROM incident
JOIN LATERAL (
    SELECT state FROM incident_history said WHERE said.incident_id = incident.incident_id AND valid_from <= %(at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) step ON true
WHERE incident.hazard_class = %(hazard)s AND incident.reported_at > %(since)s AND incident.reported_at <= %(at)s
  AND incident.exercise_id IS NULL AND step.state <> %(false)s
  AND EXISTS (
    SELECT FROM device JOIN datastream USING (device_id)
    WHERE datastream.property = %(property)s AND abs(device.lat - incident.lat) <= %(reach)s
      AND abs(device.lon - incident.lon) <= %(reach)s / cos(radians(incident.lat))
  )
ORDER BY incident.reported_at DESC LIMIT %(limit)s
"""

_NEIGHBOURS = f"""
SELECT device.device_id, name, attributes ->> 'name_en', datastream.property, latest.value, datastream.unit,
       latest.phenomenon_time, lon, lat
FROM device JOIN datastream USING (device_id) LEFT JOIN latest USING (datastream_id)
WHERE datastream.property = %(property)s AND {IN_SERVICE} AND lon IS NOT NULL AND lat IS NOT NULL
  AND abs(lat - %(lat)s) <= %(reach)s AND abs(lon - %(lon)s) <= %(reach)s / cos(radians(%(lat)s))
ORDER BY (lat - %(lat)s) ^ 2 + ((lon - %(lon)s) * cos(radians(%(lat)s))) ^ 2, device.device_id LIMIT %(limit)s
"""
