"""Warnings: one open per rule and object, every step kept, read as known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.moments import Moment
from domain.warnings import (
    OPEN_WARNING_STATES,
    AssigneeKind,
    Assignment,
    Reminder,
    Shelving,
    ThresholdRule,
    Warning,
    WarningLevel,
    WarningMode,
    WarningSource,
    WarningState,
    WarningTransition,
    WarningVerdict,
)
from storage.connection import Connection


def next_number(conn: Connection) -> int:
    """The one-digit running number of a warning identifier."""
    row = conn.execute("SELECT nextval('warning_number')").fetchone()
    assert row is not None
    return int(row[0])


def open_warning(
    conn: Connection,
    rule: ThresholdRule,
    level: WarningLevel,
    *,
    identifier: str,
    object_id: str,
    device_id: str | None,
    now: datetime,
    probability: float | None = None,
    lead_time_s: float | None = None,
    evidence: dict[str, Any] | None = None,
    exercise_id: str | None = None,
    mode: WarningMode | None = None,
    place: tuple[str | None, float | None, float | None] | None = None,
    maintenance_id: int | None = None,
) -> str | None:
    """Opens a warning; returns its id, or None when one of the same rule and object is already open. `mode` is that of the
    exercise and `place` (district, lon, lat) the device's unless given; `maintenance_id` is that in which it was raised."""
    district, lon, lat = place or (None, None, None)
    with conn.transaction():
        row = conn.execute(
            _OPEN,
            {
                "id": uuid4(), "identifier": identifier, "exercise": exercise_id, "rule": rule.rule_id,
                "version": rule.version, "source": rule.source.value, "hazard": rule.hazard_class,
                "mode": (mode or (WarningMode.EXERCISE if exercise_id else WarningMode.ACTUAL)).value, "object": object_id,
                "device": device_id, "now": now, "zh": rule.zh, "en": rule.en, "district": district, "lon": lon, "lat": lat,
                "maintenance": maintenance_id,
            },
        ).fetchone()  # fmt: skip
        if row is None:
            return None
        warning_id = str(row[0])
        record_step(
            conn, warning_id, WarningState.CANDIDATE, level, now=now, probability=probability, lead_time_s=lead_time_s,
            evidence=evidence, transition=WarningTransition.RAISED,
        )  # fmt: skip
        return warning_id


def record_step(
    conn: Connection,
    warning_id: str,
    state: WarningState,
    level: WarningLevel,
    *,
    now: datetime,
    probability: float | None = None,
    lead_time_s: float | None = None,
    evidence: dict[str, Any] | None = None,
    actor: str | None = None,
    comment: str | None = None,
    transition: WarningTransition | None = None,
) -> None:
    """Records a step of a warning's life and closes it when the step ends it. `transition` is what the step is; left out, it is
    told by the state."""
    kind = transition or _TRANSITION_TO.get(state, WarningTransition.NOTED)
    conn.execute(
        "INSERT INTO warning_history (warning_id, valid_from, recorded_at, state, level, probability, lead_time_s, evidence, "
        "actor, comment, transition) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (warning_id, now, now, state.value, level.value, probability, lead_time_s, Jsonb(evidence or {}), actor, comment,
         kind.value),
    )  # fmt: skip
    if state not in OPEN_WARNING_STATES:
        conn.execute("UPDATE warning SET is_open = false, closed_at = %s WHERE warning_id = %s", (now, warning_id))


_TRANSITION_TO = {
    WarningState.VERIFIED: WarningTransition.VERIFIED,
    WarningState.PUBLISHED: WarningTransition.PUBLISHED,
    WarningState.ACKNOWLEDGED: WarningTransition.ACKNOWLEDGED,
    WarningState.HANDLING: WarningTransition.HANDLING,
    WarningState.LIFTED: WarningTransition.LIFTED,
    WarningState.CANCELLED: WarningTransition.CANCELLED,
    WarningState.EXPIRED: WarningTransition.EXPIRED,
}


def list_open_warnings(
    conn: Connection, moment: Moment, exercise_id: str | None = None, *, with_suppressed: bool = False
) -> list[Warning]:  # fmt: skip
    """Warnings open at the moment, gravest first, then newest; those raised in a maintenance that is on only when asked for."""
    parameters = {"exercise": exercise_id, **_asked(moment)}
    found = [_warning(row) for row in conn.execute(_LIST, parameters)]
    return found if with_suppressed else [warning for warning in found if not warning.is_suppressed]


@dataclass(frozen=True, slots=True)
class WarningStep:
    """One step of a warning's life: true from `valid_from`, known from `recorded_at`. `actor` is None for a rule's own steps."""

    state: WarningState
    level: WarningLevel
    valid_from: datetime
    recorded_at: datetime
    probability: float | None
    lead_time_s: float | None
    evidence: dict[str, Any]
    actor: str | None
    comment: str | None
    transition: WarningTransition | None = None
    """None for a step of before transitions were kept."""


@dataclass(frozen=True, slots=True)
class PastWarning:
    """An earlier warning in short: the gravest level it had, how it stands, and since when (`ended_at` is None while open), and
    what people said of it."""

    warning_id: str
    peak: WarningLevel
    state: WarningState
    raised_at: datetime
    ended_at: datetime | None
    verdict: WarningVerdict | None = None


def find_warning(conn: Connection, warning_id: str, moment: Moment) -> Warning | None:
    """The warning as known at the moment, open or not; None for an id that was not known then."""
    number = _number(warning_id)
    if number is None:
        return None
    parameters = {"id": number, **_asked(moment)}
    row = conn.execute(f"{_SELECT} WHERE warning.warning_id = %(id)s", parameters).fetchone()
    return _warning(row) if row is not None else None


def list_steps(conn: Connection, warning_id: str, moment: Moment) -> list[WarningStep]:
    """Every step of a warning known at the moment, oldest first."""
    rows = conn.execute(_STEPS, {"id": _number(warning_id), "at": moment.at, "known_at": moment.known_at})
    return [
        WarningStep(
            state=WarningState.of(row[0]), level=WarningLevel.of(row[1]), valid_from=row[2], recorded_at=row[3],
            probability=row[4], lead_time_s=row[5], evidence=row[6], actor=row[7], comment=row[8],
            transition=WarningTransition.known(row[9] or ""),
        )
        for row in rows
    ]  # fmt: skip


def list_similar(conn: Connection, warning: Warning, moment: Moment, *, limit: int) -> list[PastWarning]:
    """Earlier warnings of the same rule and object, newest first, as known at the moment."""
    parameters = {
        "rule": warning.rule_id, "object": warning.object_id, "exercise": warning.exercise_id, "before": warning.raised_at,
        "id": _number(warning.warning_id), "limit": limit, **_asked(moment),
    }  # fmt: skip
    rows = conn.execute(_SIMILAR, parameters)
    return [
        PastWarning(
            str(row[0]), WarningLevel.of(row[1]), WarningState.of(row[2]), row[3], row[4], WarningVerdict.known(row[5] or "")
        )
        for row in rows
    ]  # fmt: skip


def list_closed(
    conn: Connection, moment: Moment, since: datetime, exercise_id: str | None = None, *, limit: int
) -> list[Warning]:
    """Warnings that ended after `since`, the last ended first; `updated_at` is when."""
    parameters = {"since": since, "exercise": exercise_id, "limit": limit, **_asked(moment)}
    return [_warning(row) for row in conn.execute(_CLOSED, parameters)]


def list_acknowledgements(conn: Connection, warning_ids: Sequence[str], moment: Moment) -> dict[str, tuple[str, datetime]]:
    """Who acknowledged each of these warnings last, and when; nobody's are left out."""
    parameters = {"ids": [UUID(one) for one in warning_ids], "said": WarningState.ACKNOWLEDGED.value, **_asked(moment)}
    return {str(row[0]): (row[1], row[2]) for row in conn.execute(_ACKNOWLEDGEMENTS, parameters)}


@dataclass(frozen=True, slots=True)
class RaisedWarning:
    """A warning as it was raised: when, on which level, and when it ended (None while it is open at the moment asked about)."""

    warning_id: str
    rule_id: str
    level: WarningLevel
    raised_at: datetime
    ended_at: datetime | None
    lon: float | None
    lat: float | None
    zh: str
    en: str


def list_raised(
    conn: Connection, moment: Moment, since: datetime, exercise_id: str | None = None, *, limit: int
) -> list[RaisedWarning]:
    """Warnings raised after `since`, newest first, each on its first level."""
    parameters = {"since": since, "exercise": exercise_id, "limit": limit, **_asked(moment)}
    return [RaisedWarning(str(row[0]), row[1], WarningLevel.of(row[2]), *row[3:]) for row in conn.execute(_RAISED, parameters)]


def count_raised(
    conn: Connection, moment: Moment, since: datetime, *, step_s: int, exercise_id: str | None = None
) -> list[tuple[datetime, WarningLevel, int]]:
    """(start of the slot, level, how many) of the warnings raised after `since`, by the level they were raised on, in slots of
    `step_s` seconds that begin at full ones of 1970; empty slots are left out."""
    parameters = {"since": since, "step_s": step_s, "exercise": exercise_id, **_asked(moment)}
    return [(row[0], WarningLevel.of(row[1]), row[2]) for row in conn.execute(_COUNT_RAISED, parameters)]


def find_warning_for_update(conn: Connection, warning_id: str) -> Warning | None:
    """The warning as last recorded, open or not, locked until the transaction ends; None for an id that is not known."""
    number = _number(warning_id)
    if number is None:
        return None
    conn.execute("SELECT FROM warning WHERE warning_id = %s FOR UPDATE", (number,))
    row = conn.execute(
        f"{_SELECT} WHERE warning.warning_id = %(id)s", {"id": number, "at": "infinity", "known_at": "infinity", **_WORDS}
    ).fetchone()
    return _warning(row) if row is not None else None


def find_acknowledgement(conn: Connection, warning_id: str) -> tuple[str, datetime] | None:
    """Who acknowledged the warning last, and when; None when nobody has."""
    row = conn.execute(
        "SELECT actor, valid_from FROM warning_history WHERE warning_id = %s AND state = %s AND actor IS NOT NULL "
        "ORDER BY valid_from DESC LIMIT 1",
        (warning_id, WarningState.ACKNOWLEDGED.value),
    ).fetchone()
    return (str(row[0]), row[1]) if row is not None else None


def find_publication(conn: Connection, warning_id: str) -> datetime | None:
    """When the warning was published first; None for one that never was."""
    row = conn.execute(
        "SELECT min(valid_from) FROM warning_history WHERE warning_id = %s AND state = %s",
        (warning_id, WarningState.PUBLISHED.value),
    ).fetchone()
    return row[0] if row is not None else None


def _number(warning_id: str) -> UUID | None:
    try:
        return UUID(warning_id)
    except ValueError:
        return None


def _asked(moment: Moment) -> dict[str, Any]:
    return {"at": moment.at, "known_at": moment.known_at, **_WORDS}


def _warning(row: TupleRow) -> Warning:
    return Warning(
        warning_id=str(row[0]), identifier=row[1], rule_id=row[2], rule_version=row[3], source=WarningSource.of(row[4]),
        hazard_class=row[5], level=WarningLevel.of(row[6]), state=WarningState.of(row[7]), mode=WarningMode.of(row[8]),
        object_id=row[9], device_id=row[10], lon=row[11], lat=row[12], raised_at=row[13], updated_at=row[14],
        zh=row[15], en=row[16], probability=row[17], lead_time_s=row[18], evidence=row[19], exercise_id=row[20],
        district_code=row[21], situation=int(row[22]) if row[22] else None,
        assignment=Assignment(AssigneeKind.of(row[23]), *row[24:28]) if row[23] else None,
        reminder=Reminder(*row[28:31]) if row[28] else None, verdict=WarningVerdict.known(row[31] or ""),
        shelving=Shelving(*row[32:36]) if row[32] else None, is_suppressed=bool(row[36]),
    )  # fmt: skip


_WORDS = {
    "open": [state.value for state in OPEN_WARNING_STATES], "levels": [level.value for level in WarningLevel],
}  # fmt: skip
"""States in which a warning is open, and levels in the order of their gravity, because their words have none."""


_OPEN = """
INSERT INTO warning (warning_id, identifier, exercise_id, rule_id, rule_version, source, hazard_class, mode, object_id,
                     device_id, district_code, lon, lat, raised_at, words_zh, words_en, maintenance_id)
SELECT %(id)s, %(identifier)s, %(exercise)s, %(rule)s, %(version)s, %(source)s, %(hazard)s, %(mode)s, %(object)s,
       %(device)s, coalesce(%(district)s, device.district_code), coalesce(%(lon)s, device.lon), coalesce(%(lat)s, device.lat),
       %(now)s, %(zh)s, %(en)s, %(maintenance)s::bigint
FROM (SELECT 1) AS one LEFT JOIN device ON device.device_id = %(device)s
ON CONFLICT DO NOTHING RETURNING warning_id
"""

_SELECT = """
SELECT warning.warning_id, identifier, warning.rule_id, rule_version, source, hazard_class, step.level, step.state, mode,
       warning.object_id, device_id, lon, lat, raised_at, step.valid_from, words_zh, words_en, step.probability, step.lead_time_s,
       step.evidence, warning.exercise_id, district_code, warning.situation_id,
       assigned.kind, assigned.assignee, assigned.actor, assigned.valid_from, assigned.comment,
       reminded.n, reminded.role, reminded.reminded_at, judged.verdict,
       shelved.shelf_id, shelved.until, shelved.reason, shelved.actor,
       maintenance.begins_at <= %(at)s AND least(maintenance.until, maintenance.ended_at) > %(at)s
FROM warning
JOIN LATERAL (
    SELECT state, level, valid_from, probability, lead_time_s, evidence FROM warning_history
    WHERE warning_history.warning_id = warning.warning_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) step ON true
LEFT JOIN LATERAL (
    SELECT kind, assignee, actor, valid_from, comment FROM warning_assignment said
    WHERE said.warning_id = warning.warning_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) assigned ON true
LEFT JOIN LATERAL (
    SELECT n, role, reminded_at FROM warning_reminder said
    WHERE said.warning_id = warning.warning_id AND reminded_at <= %(at)s ORDER BY reminded_at DESC, n DESC LIMIT 1
) reminded ON true
LEFT JOIN LATERAL (
    SELECT verdict FROM warning_verdict said
    WHERE said.warning_id = warning.warning_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) judged ON true
LEFT JOIN LATERAL (
    SELECT shelf_id, until, reason, actor FROM shelf
    WHERE shelved_at <= %(at)s AND until > %(at)s AND (ended_at IS NULL OR ended_at > %(at)s)
      AND shelf.exercise_id IS NOT DISTINCT FROM warning.exercise_id
      AND ((shelf.rule_id = warning.rule_id AND shelf.object_id = warning.object_id)
           OR shelf.situation_id::text = warning.situation_id)
      AND array_position(%(levels)s, shelf.level) <= array_position(%(levels)s, step.level)
    ORDER BY until DESC, shelf_id LIMIT 1
) shelved ON true
LEFT JOIN maintenance USING (maintenance_id)
"""

_LIST = f"""{_SELECT}
WHERE warning.exercise_id IS NOT DISTINCT FROM %(exercise)s AND step.state = ANY(%(open)s)
  AND (warning.closed_at IS NULL OR warning.closed_at > %(at)s)
ORDER BY array_position(%(levels)s, step.level), raised_at DESC, warning.warning_id
"""

_STEPS = """
SELECT state, level, valid_from, recorded_at, probability, lead_time_s, evidence, actor, comment, transition FROM warning_history
WHERE warning_id = %(id)s AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
ORDER BY valid_from, recorded_at
"""

_CLOSED = f"""{_SELECT}
WHERE warning.exercise_id IS NOT DISTINCT FROM %(exercise)s AND warning.closed_at > %(since)s
  AND step.state <> ALL(%(open)s) AND step.valid_from > %(since)s
ORDER BY step.valid_from DESC, warning.warning_id LIMIT %(limit)s
"""

_ACKNOWLEDGEMENTS = """
SELECT DISTINCT ON (warning_id) warning_id, actor, valid_from FROM warning_history
WHERE warning_id = ANY(%(ids)s) AND state = %(said)s AND actor IS NOT NULL
  AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
ORDER BY warning_id, valid_from DESC
"""

# What was raised after a time is open, or ended after it: so much of the table is looked at.
_RAISED_SINCE = """
FROM warning
JOIN LATERAL (
    SELECT level FROM warning_history
    WHERE warning_history.warning_id = warning.warning_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from, recorded_at LIMIT 1
) first ON true
WHERE raised_at > %(since)s AND raised_at <= %(at)s AND (closed_at IS NULL OR closed_at > %(since)s)
  AND exercise_id IS NOT DISTINCT FROM %(exercise)s
"""

_LAST_STEP = """LATERAL (
    SELECT state, valid_from FROM warning_history
    WHERE warning_history.warning_id = warning.warning_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) last"""

_RAISED = f"""
SELECT found.warning_id, rule_id, level, raised_at,
       CASE WHEN last.state <> ALL(%(open)s) THEN last.valid_from END, lon, lat, words_zh, words_en
FROM (SELECT warning.*, first.level {_RAISED_SINCE} ORDER BY raised_at DESC LIMIT %(limit)s) found
JOIN LATERAL (SELECT found.warning_id) warning ON true
JOIN {_LAST_STEP} ON true
ORDER BY raised_at DESC, found.warning_id
"""

_COUNT_RAISED = f"""
SELECT to_timestamp(floor(extract(epoch FROM raised_at) / %(step_s)s::float8) * %(step_s)s::float8), level, count(*)
{_RAISED_SINCE}
GROUP BY 1, 2 ORDER BY 1, 2
"""

_SIMILAR = f"""
SELECT warning.warning_id, peak.level, last.state, raised_at,
       CASE WHEN last.state <> ALL(%(open)s) THEN last.valid_from END, judged.verdict
FROM warning
JOIN {_LAST_STEP} ON true
JOIN LATERAL (
    SELECT level FROM warning_history
    WHERE warning_history.warning_id = warning.warning_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY array_position(%(levels)s, level) LIMIT 1
) peak ON true
LEFT JOIN LATERAL (
    SELECT verdict FROM warning_verdict said WHERE said.warning_id = warning.warning_id AND valid_from <= %(at)s
    ORDER BY valid_from DESC LIMIT 1
) judged ON true
WHERE rule_id = %(rule)s AND object_id = %(object)s AND exercise_id IS NOT DISTINCT FROM %(exercise)s
  AND raised_at < %(before)s AND warning.warning_id <> %(id)s
ORDER BY raised_at DESC LIMIT %(limit)s
"""
