"""Alarms: warnings of a span as an operator met them: shown by themselves or as part of a situation, shelved, or kept back by a
maintenance. From: warning, warning_history, shelf, maintenance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.moments import Moment
from domain.warnings import OPEN_WARNING_STATES, WarningLevel, WarningMode
from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """A warning as it was raised: on which level, of which situation it became part and when, and whether it was kept back."""

    warning_id: str
    rule_id: str
    object_id: str
    zh: str
    en: str
    device_name: str | None
    level: WarningLevel
    raised_at: datetime
    ended_at: datetime | None
    situation: int | None
    gathered_at: datetime | None
    is_shelved: bool
    is_suppressed: bool


def list_alarms(conn: Connection, moment: Moment, since: datetime, exercise_id: str | None = None) -> list[AlarmRow]:
    """Warnings raised after `since`, and those that were standing then, as known at the moment; oldest first. What only tells of
    the system itself is left out."""
    parameters = {
        "since": since, "at": moment.at, "known_at": moment.known_at, "exercise": exercise_id, "mode": WarningMode.SYSTEM.value,
        "open": [state.value for state in OPEN_WARNING_STATES], "levels": [level.value for level in WarningLevel],
    }  # fmt: skip
    return [
        AlarmRow(
            warning_id=str(row[0]), rule_id=row[1], object_id=row[2], zh=row[3], en=row[4], device_name=row[5],
            level=WarningLevel.of(row[6]), raised_at=row[7], ended_at=row[8], situation=int(row[9]) if row[9] else None,
            gathered_at=row[10], is_shelved=row[11], is_suppressed=row[12],
        )
        for row in conn.execute(_ALARMS, parameters)
    ]  # fmt: skip


_ALARMS = """
SELECT warning.warning_id, rule_id, object_id, words_zh, words_en, first.evidence ->> 'device_name', first.level, raised_at,
       CASE WHEN last.state <> ALL(%(open)s) THEN last.valid_from END, situation_id, gathered_at,
       EXISTS (
           SELECT FROM shelf WHERE shelved_at <= raised_at AND until > raised_at AND (ended_at IS NULL OR ended_at > raised_at)
             AND shelf.exercise_id IS NOT DISTINCT FROM warning.exercise_id
             AND ((shelf.rule_id = warning.rule_id AND shelf.object_id = warning.object_id)
                  OR shelf.situation_id::text = warning.situation_id)
             AND array_position(%(levels)s, shelf.level) <= array_position(%(levels)s, first.level)
       ),
       maintenance_id IS NOT NULL
FROM warning
JOIN LATERAL (
    SELECT level, evidence FROM warning_history said WHERE said.warning_id = warning.warning_id AND valid_from <= %(at)s
      AND recorded_at <= %(known_at)s ORDER BY valid_from, recorded_at LIMIT 1
) first ON true
JOIN LATERAL (
    SELECT state, valid_from FROM warning_history said WHERE said.warning_id = warning.warning_id AND valid_from <= %(at)s
      AND recorded_at <= %(known_at)s ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) last ON true
WHERE raised_at <= %(at)s AND (closed_at IS NULL OR closed_at > %(since)s) AND exercise_id IS NOT DISTINCT FROM %(exercise)s
  AND mode <> %(mode)s
ORDER BY raised_at, warning.warning_id
"""
