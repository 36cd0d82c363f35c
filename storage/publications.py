"""Publications: every version of what was said of a warning outside; written once, never changed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.publications import Audience, Publication, PublicationStep, Saying
from domain.warnings import WarningLevel, WarningMode
from storage.connection import Connection


def add(conn: Connection, said: Publication) -> int:
    """Keeps a version; returns its number, whatever `said` gives for it. Call with the warning locked: versions count up."""
    row = conn.execute(
        "INSERT INTO publication (exercise_id, warning_id, version, step, level, mode, identifier, sender, sent_at, onset_at, "
        "expires_at, audiences, saying, cap, actor, approval_id) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING publication_id",
        (
            said.exercise_id, said.warning_id, said.version, said.step.value, said.level.value, said.mode.value, said.identifier,
            said.sender, said.sent_at, said.onset_at, said.expires_at, [audience.value for audience in said.audiences],
            Jsonb(asdict(said.saying)), said.cap, said.actor, said.approval_id,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row[0])


def is_identifier_taken(conn: Connection, identifier: str, *, but_for: str | None = None) -> bool:
    """Whether a message, or a warning other than `but_for`, has this identifier."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM publication WHERE identifier = %(identifier)s) OR EXISTS "
        "(SELECT FROM warning WHERE identifier = %(identifier)s AND warning_id IS DISTINCT FROM %(own)s::uuid)",
        {"identifier": identifier, "own": but_for},
    ).fetchone()
    return row == (True,)


def list_versions(conn: Connection, warning_id: str) -> list[Publication]:
    """Every version of a warning, oldest first; none for an id that is not known."""
    try:
        number = UUID(warning_id)
    except ValueError:
        return []
    return [_publication(row) for row in conn.execute(f"{_SELECT} WHERE warning_id = %s ORDER BY version", (number,))]


def find_by_identifier(conn: Connection, identifier: str) -> Publication | None:
    row = conn.execute(f"{_SELECT} WHERE identifier = %s", (identifier,)).fetchone()
    return _publication(row) if row is not None else None


def list_recent(conn: Connection, *, limit: int, exercise_id: str | None = None) -> list[tuple[Publication, bool, bool]]:
    """(version, whether it is the newest of its warning, whether that warning has ended), newest first."""
    rows = conn.execute(
        f"{_SELECT} WHERE exercise_id IS NOT DISTINCT FROM %s ORDER BY sent_at DESC, publication_id DESC LIMIT %s",
        (exercise_id, limit),
    )
    return [_judged(row) for row in rows]


def list_standing(conn: Connection, *, limit: int, exercise_id: str | None = None) -> list[tuple[Publication, bool, bool]]:
    """As `list_recent`, of the newest versions alone that are no end: what still stands outside."""
    rows = conn.execute(
        f"{_SELECT} WHERE exercise_id IS NOT DISTINCT FROM %s AND {_IS_NEWEST} AND step <> ALL(%s) "
        "ORDER BY sent_at DESC, publication_id DESC LIMIT %s",
        (exercise_id, [step.value for step in PublicationStep if step.is_end], limit),
    )
    return [_judged(row) for row in rows]


def list_for_feed(conn: Connection, since: datetime, *, limit: int) -> list[Publication]:
    """What is for everybody and really happens, said since then, newest first."""
    rows = conn.execute(
        f"{_SELECT} WHERE mode = %s AND exercise_id IS NULL AND %s = ANY(audiences) AND sent_at >= %s "
        "ORDER BY sent_at DESC, publication_id DESC LIMIT %s",
        (WarningMode.ACTUAL.value, Audience.PUBLIC.value, since, limit),
    )
    return [_publication(row) for row in rows]


def _judged(row: TupleRow) -> tuple[Publication, bool, bool]:
    return _publication(row), row[17], row[18]


def _publication(row: TupleRow) -> Publication:
    return Publication(
        publication_id=row[0], warning_id=str(row[1]), version=row[2], step=PublicationStep.of(row[3]),
        level=WarningLevel.of(row[4]), mode=WarningMode.of(row[5]), identifier=row[6], sender=row[7], sent_at=row[8],
        onset_at=row[9], expires_at=row[10], audiences=tuple(Audience.of(word) for word in row[11]), saying=Saying(**row[12]),
        cap=row[13], actor=row[14], approval_id=row[15], exercise_id=row[16],
    )  # fmt: skip


_IS_NEWEST = """NOT EXISTS (
    SELECT FROM publication later WHERE later.warning_id = publication.warning_id AND later.version > publication.version)"""
_SELECT = f"""
SELECT publication_id, warning_id, version, step, level, mode, identifier, sender, sent_at, onset_at, expires_at, audiences,
       saying, cap, actor, approval_id, exercise_id, {_IS_NEWEST},
       (SELECT NOT is_open FROM warning WHERE warning.warning_id = publication.warning_id)
FROM publication
"""
