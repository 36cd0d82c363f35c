"""Situations: warnings that belong together, with every change of them, read as known at a moment. From: situation,
situation_history, warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.moments import Moment
from domain.warnings import Shelving, WarningLevel
from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Situation:
    """A situation as known at some moment: its root and its open members (ids of warnings, in the order in which they were
    raised), the gravest of their levels, where they lie, and in words what causes it. One that is over tells of its last."""

    number: int
    root: str
    members: tuple[str, ...]
    level: WarningLevel
    lon: float | None
    lat: float | None
    outline: dict[str, Any] | None
    hazards: Mapping[str, int]
    zh: str
    en: str
    opened_at: datetime
    updated_at: datetime
    is_open: bool = True
    merged_into: int | None = None
    shelving: Shelving | None = None
    exercise_id: str | None = field(default=None, compare=False)


def open_situation(conn: Connection, now: datetime, exercise_id: str | None = None) -> int:
    """A new number."""
    row = conn.execute(
        "INSERT INTO situation (exercise_id, opened_at) VALUES (%s, %s) RETURNING situation_id", (exercise_id, now)
    ).fetchone()
    assert row is not None
    return int(row[0])


def record(conn: Connection, situation: Situation, now: datetime) -> None:
    """Records how a situation stands from now on."""
    conn.execute(
        "INSERT INTO situation_history (situation_id, valid_from, recorded_at, is_open, root, members, level, lon, lat, outline, "
        "hazards, words_zh, words_en) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (situation_id, valid_from, recorded_at) DO UPDATE SET is_open = excluded.is_open, root = excluded.root, "
        "members = excluded.members, level = excluded.level, lon = excluded.lon, lat = excluded.lat, outline = excluded.outline, "
        "hazards = excluded.hazards, words_zh = excluded.words_zh, words_en = excluded.words_en",
        (
            situation.number, now, now, situation.is_open, UUID(situation.root), [UUID(one) for one in situation.members],
            situation.level.value, situation.lon, situation.lat, Jsonb(situation.outline) if situation.outline else None,
            Jsonb(dict(situation.hazards)), situation.zh, situation.en,
        ),
    )  # fmt: skip
    if not situation.is_open:
        conn.execute(
            "UPDATE situation SET closed_at = %s, merged_into = %s WHERE situation_id = %s",
            (now, situation.merged_into, situation.number),
        )


def join(conn: Connection, number: int, warning_ids: Sequence[str], now: datetime) -> None:
    """Says of which situation warnings are part; since when is kept from the first time."""
    conn.execute(
        "UPDATE warning SET situation_id = %s, gathered_at = coalesce(gathered_at, %s) WHERE warning_id = ANY(%s)",
        (str(number), now, [UUID(one) for one in warning_ids]),
    )


def list_open_situations(conn: Connection, moment: Moment, exercise_id: str | None = None) -> list[Situation]:
    """Situations open at the moment, gravest first, then the largest."""
    rows = conn.execute(f"{_SELECT} {_OPEN}", {"exercise": exercise_id, **_asked(moment)})
    return [_situation(row) for row in rows]


def list_situations(
    conn: Connection, moment: Moment, since: datetime, exercise_id: str | None = None, *, limit: int
) -> list[Situation]:
    """Situations that were open at some time after `since`, newest first."""
    parameters = {"exercise": exercise_id, "since": since, "limit": limit, **_asked(moment)}
    return [_situation(row) for row in conn.execute(f"{_SELECT} {_SINCE}", parameters)]


def find_situation(conn: Connection, number: int, moment: Moment) -> Situation | None:
    """A situation as known at the moment, open or not."""
    row = conn.execute(f"{_SELECT} WHERE situation.situation_id = %(number)s", {"number": number, **_asked(moment)}).fetchone()
    return _situation(row) if row is not None else None


def _asked(moment: Moment) -> dict[str, Any]:
    return {"at": moment.at, "known_at": moment.known_at, "levels": [level.value for level in WarningLevel]}


def _situation(row: TupleRow) -> Situation:
    return Situation(
        number=row[0], root=str(row[1]), members=tuple(str(one) for one in row[2]), level=WarningLevel.of(row[3]), lon=row[4],
        lat=row[5], outline=row[6], hazards=row[7], zh=row[8], en=row[9], opened_at=row[10], updated_at=row[11], is_open=row[12],
        merged_into=row[13], shelving=Shelving(*row[14:18]) if row[14] else None, exercise_id=row[18],
    )  # fmt: skip


_SELECT = """
SELECT situation.situation_id, step.root, step.members, step.level, step.lon, step.lat, step.outline, step.hazards, step.words_zh,
       step.words_en, opened_at, step.valid_from, step.is_open, CASE WHEN step.is_open THEN NULL ELSE merged_into END,
       shelved.shelf_id, shelved.until, shelved.reason, shelved.actor, situation.exercise_id
FROM situation
JOIN LATERAL (
    SELECT * FROM situation_history said
    WHERE said.situation_id = situation.situation_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) step ON true
LEFT JOIN LATERAL (
    SELECT shelf_id, until, reason, actor FROM shelf
    WHERE shelf.situation_id = situation.situation_id AND shelved_at <= %(at)s AND until > %(at)s
      AND (ended_at IS NULL OR ended_at > %(at)s)
      AND array_position(%(levels)s, shelf.level) <= array_position(%(levels)s, step.level)
    ORDER BY until DESC, shelf_id LIMIT 1
) shelved ON true
"""

_OPEN = """
WHERE situation.exercise_id IS NOT DISTINCT FROM %(exercise)s AND step.is_open
  AND (situation.closed_at IS NULL OR situation.closed_at > %(at)s)
ORDER BY array_position(%(levels)s, step.level), cardinality(step.members) DESC, situation.situation_id
"""

_SINCE = """
WHERE situation.exercise_id IS NOT DISTINCT FROM %(exercise)s AND (situation.closed_at IS NULL OR situation.closed_at > %(since)s)
ORDER BY opened_at DESC, situation.situation_id DESC LIMIT %(limit)s
"""
