"""Profiles of halls: what their own past says, as it was learned; and who of several processes looks after the halls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from domain.moments import Moment
from storage.connection import Connection

_LOCK = 7_205_022
"""Held by the process that looks after the halls, for as long as its connection lasts: of two at once one looks on."""


def hold_halls(conn: Connection) -> bool:
    """Whether this connection is the one that works; once it is, it stays so. Ask once a connection."""
    return conn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() == (True,)


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """`content` as `staffing.profiles.Profile` says it."""

    hall_id: str
    learned_at: datetime
    since: datetime
    n_events: int
    content: dict[str, Any]


def write_profile(conn: Connection, profile: StoredProfile, *, kept: int) -> None:
    """Stores a profile; of a hall the newest `kept` stay."""
    with conn.transaction():
        conn.execute(
            "INSERT INTO hall_profile (hall_id, learned_at, since, n_events, content) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (hall_id, learned_at) DO NOTHING",
            (profile.hall_id, profile.learned_at, profile.since, profile.n_events, Jsonb(profile.content)),
        )
        conn.execute(
            "DELETE FROM hall_profile WHERE hall_id = %(hall)s AND learned_at < (SELECT min(learned_at) FROM (SELECT learned_at "
            "FROM hall_profile WHERE hall_id = %(hall)s ORDER BY learned_at DESC LIMIT %(kept)s) newest)",
            {"hall": profile.hall_id, "kept": kept},
        )


def newest_profiles(conn: Connection, moment: Moment, *, hall_id: str | None = None) -> dict[str, StoredProfile]:
    """The profile of each hall, or of one, that was known at the moment."""
    rows = conn.execute(
        "SELECT DISTINCT ON (hall_id) hall_id, learned_at, since, n_events, content FROM hall_profile "
        "WHERE learned_at <= %(at)s AND (%(hall)s::text IS NULL OR hall_id = %(hall)s) ORDER BY hall_id, learned_at DESC",
        {"at": moment.at, "hall": hall_id},
    )
    return {row[0]: StoredProfile(*row) for row in rows}
