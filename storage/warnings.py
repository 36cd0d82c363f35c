"""Warnings: one open per rule and object, every step kept, read as known at a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.moments import Moment
from domain.warnings import (
    OPEN_WARNING_STATES,
    ThresholdRule,
    Warning,
    WarningLevel,
    WarningMode,
    WarningSource,
    WarningState,
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
) -> str | None:
    """Opens a warning; returns its id, or None when one of the same rule and object is already open."""
    with conn.transaction():
        row = conn.execute(
            _OPEN,
            {
                "id": uuid4(), "identifier": identifier, "exercise": exercise_id, "rule": rule.rule_id,
                "version": rule.version, "source": rule.source.value, "hazard": rule.hazard_class,
                "mode": (WarningMode.EXERCISE if exercise_id else WarningMode.ACTUAL).value, "object": object_id,
                "device": device_id, "now": now, "zh": rule.zh, "en": rule.en,
            },
        ).fetchone()  # fmt: skip
        if row is None:
            return None
        warning_id = str(row[0])
        record_step(
            conn, warning_id, WarningState.CANDIDATE, level, now=now, probability=probability, lead_time_s=lead_time_s,
            evidence=evidence,
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
) -> None:
    """Records a step of a warning's life and closes it when the step ends it."""
    conn.execute(
        "INSERT INTO warning_history (warning_id, valid_from, recorded_at, state, level, probability, lead_time_s, evidence, "
        "actor, comment) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (warning_id, now, now, state.value, level.value, probability, lead_time_s, Jsonb(evidence or {}), actor, comment),
    )
    if state not in OPEN_WARNING_STATES:
        conn.execute("UPDATE warning SET is_open = false, closed_at = %s WHERE warning_id = %s", (now, warning_id))


def list_open_warnings(conn: Connection, moment: Moment, exercise_id: str | None = None) -> list[Warning]:
    """Warnings open at the moment, gravest first, then newest."""
    parameters = {
        "at": moment.at, "known_at": moment.known_at, "exercise": exercise_id,
        "open": [state.value for state in OPEN_WARNING_STATES], "levels": [level.value for level in WarningLevel],
    }  # fmt: skip
    return [_warning(row) for row in conn.execute(_LIST, parameters)]


def find_warning_for_update(conn: Connection, warning_id: str) -> Warning | None:
    """The warning as last recorded, open or not, locked until the transaction ends; None for an id that is not known."""
    try:
        number = UUID(warning_id)
    except ValueError:
        return None
    conn.execute("SELECT FROM warning WHERE warning_id = %s FOR UPDATE", (number,))
    row = conn.execute(
        f"{_SELECT} WHERE warning.warning_id = %(id)s", {"id": number, "at": "infinity", "known_at": "infinity"}
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


def _warning(row: TupleRow) -> Warning:
    return Warning(
        warning_id=str(row[0]), identifier=row[1], rule_id=row[2], rule_version=row[3], source=WarningSource.of(row[4]),
        hazard_class=row[5], level=WarningLevel.of(row[6]), state=WarningState.of(row[7]), mode=WarningMode.of(row[8]),
        object_id=row[9], device_id=row[10], lon=row[11], lat=row[12], raised_at=row[13], updated_at=row[14],
        zh=row[15], en=row[16], probability=row[17], lead_time_s=row[18], evidence=row[19], exercise_id=row[20],
    )  # fmt: skip


_OPEN = """
INSERT INTO warning (warning_id, identifier, exercise_id, rule_id, rule_version, source, hazard_class, mode, object_id,
                     device_id, district_code, lon, lat, raised_at, words_zh, words_en)
SELECT %(id)s, %(identifier)s, %(exercise)s, %(rule)s, %(version)s, %(source)s, %(hazard)s, %(mode)s, %(object)s,
       %(device)s, device.district_code, device.lon, device.lat, %(now)s, %(zh)s, %(en)s
FROM (SELECT 1) AS one LEFT JOIN device ON device.device_id = %(device)s
ON CONFLICT DO NOTHING RETURNING warning_id
"""

_SELECT = """
SELECT warning.warning_id, identifier, rule_id, rule_version, source, hazard_class, step.level, step.state, mode, object_id,
       device_id, lon, lat, raised_at, step.valid_from, words_zh, words_en, step.probability, step.lead_time_s,
       step.evidence, exercise_id
FROM warning
JOIN LATERAL (
    SELECT state, level, valid_from, probability, lead_time_s, evidence FROM warning_history
    WHERE warning_history.warning_id = warning.warning_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) step ON true
"""

_LIST = f"""{_SELECT}
WHERE exercise_id IS NOT DISTINCT FROM %(exercise)s AND step.state = ANY(%(open)s)
  AND (warning.closed_at IS NULL OR warning.closed_at > %(at)s)
ORDER BY array_position(%(levels)s, step.level), raised_at DESC, warning.warning_id
"""
