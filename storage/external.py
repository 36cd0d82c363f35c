"""Warnings from outside: every message that came, once; what could not be read; and the warnings that they open, change and end.

They live in the table of warnings beside our own, under the rule `external_cap`; the object is the first message of a series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from psycopg.rows import TupleRow

from domain.moments import Moment
from domain.publications import Relation
from domain.warnings import Warning, WarningLevel, WarningMode, WarningSource, WarningState, WarningTransition
from storage.connection import Connection
from storage.warnings import list_open_warnings, record_step

RULE = "external_cap"
_INBOX_LOCK = 7_205_014


@dataclass(frozen=True, slots=True)
class ExternalAlert:
    """One message as it came. `said_zh` and `said_en` tell what was made of it."""

    external_id: int
    source_id: str
    sender: str
    identifier: str
    sent_at: datetime
    received_at: datetime
    status: str
    msg_type: str
    event: str
    headline: str
    expires_at: datetime | None
    relation: Relation
    warning_id: str | None
    said_zh: str
    said_en: str
    cap: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What could not be read: where it came from, under which name, and why."""

    source_id: str
    name: str
    received_at: datetime
    said_zh: str
    said_en: str


@dataclass(frozen=True, slots=True)
class SourceState:
    """When a source was last asked and how that went; how many of its messages were taken and refused."""

    source_id: str
    polled_at: datetime
    is_well: bool
    said_zh: str
    said_en: str
    etag: str | None
    taken: int
    refused: int


def take_turns(conn: Connection) -> None:
    """Waits until nobody else takes messages in: two that come at once must not both be the first. Until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_INBOX_LOCK,))


def find_alert(conn: Connection, sender: str, identifier: str, sent_at: datetime) -> ExternalAlert | None:
    key = (sender, identifier, sent_at)
    row = conn.execute(f"{_SELECT} WHERE (sender, identifier, sent_at) = (%s, %s, %s)", key).fetchone()
    return _alert(row) if row is not None else None


def find_warning_of(
    conn: Connection, sender: str, identifier: str, references: Sequence[tuple[str, str, datetime]]
) -> str | None:  # fmt: skip
    """The warning to which the messages named belong, or an earlier one of the same name, by the newest of them."""
    senders, identifiers, times = (list(column) for column in zip(*references, strict=True)) if references else ([], [], [])
    row = conn.execute(
        "SELECT warning_id FROM external_alert WHERE warning_id IS NOT NULL AND ((sender, identifier) = (%s, %s) "
        "OR (sender, identifier, sent_at) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]))) "
        "ORDER BY sent_at DESC LIMIT 1",
        (sender, identifier, senders, identifiers, times),
    ).fetchone()
    return str(row[0]) if row is not None else None


def add_alert(conn: Connection, said: ExternalAlert) -> int:
    """Keeps a message; returns its number, whatever `said` gives for it."""
    row = conn.execute(
        "INSERT INTO external_alert (source_id, sender, identifier, sent_at, received_at, status, msg_type, event, headline, "
        "expires_at, relation, warning_id, said_zh, said_en, cap) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING external_id",
        (
            said.source_id, said.sender, said.identifier, said.sent_at, said.received_at, said.status, said.msg_type, said.event,
            said.headline, said.expires_at, said.relation.value, said.warning_id, said.said_zh, said.said_en, said.cap,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row[0])


def note_refusal(conn: Connection, refusal: Refusal, digest: bytes) -> bool:
    """Keeps what could not be read; False for what was refused before."""
    return conn.execute(
        "INSERT INTO external_refusal (source_id, digest, received_at, name, said_zh, said_en) VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (refusal.source_id, digest, refusal.received_at, refusal.name, refusal.said_zh, refusal.said_en),
    ).rowcount == 1  # fmt: skip


def note_polled(
    conn: Connection, source_id: str, now: datetime, *, is_well: bool, zh: str, en: str, etag: str | None = None
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO external_source (source_id, polled_at, is_well, said_zh, said_en, etag) VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (source_id) DO UPDATE SET polled_at = excluded.polled_at, is_well = excluded.is_well, "
        "said_zh = excluded.said_zh, said_en = excluded.said_en, etag = excluded.etag",
        (source_id, now, is_well, zh, en, etag),
    )


def list_sources(conn: Connection) -> list[SourceState]:
    rows = conn.execute(
        "SELECT source_id, polled_at, is_well, said_zh, said_en, etag, "
        "(SELECT count(*) FROM external_alert WHERE external_alert.source_id = external_source.source_id), "
        "(SELECT count(*) FROM external_refusal WHERE external_refusal.source_id = external_source.source_id) "
        "FROM external_source ORDER BY source_id"
    )
    return [SourceState(*row) for row in rows]


def list_alerts(conn: Connection, *, limit: int, warning_id: str | None = None) -> list[ExternalAlert]:
    """The newest messages, or those of one warning."""
    if warning_id is None:
        rows = conn.execute(f"{_SELECT} ORDER BY external_id DESC LIMIT %s", (limit,))
    else:
        rows = conn.execute(f"{_SELECT} WHERE warning_id::text = %s ORDER BY external_id DESC LIMIT %s", (warning_id, limit))
    return [_alert(row) for row in rows]


def list_refusals(conn: Connection, *, limit: int) -> list[Refusal]:
    rows = conn.execute(
        "SELECT source_id, name, received_at, said_zh, said_en FROM external_refusal ORDER BY received_at DESC, digest LIMIT %s",
        (limit,),
    )
    return [Refusal(*row) for row in rows]


def open_warning(
    conn: Connection, *, identifier: str, object_id: str, hazard_class: str, level: WarningLevel, district: str | None,
    place: tuple[float, float] | None, zh: str, en: str, evidence: dict[str, Any], now: datetime,
) -> str:  # fmt: skip
    """Opens the warning of a message; returns its id. Call within `take_turns`: there must be none of this object."""
    warning_id = uuid4()
    lon, lat = place or (None, None)
    conn.execute(
        "INSERT INTO warning (warning_id, identifier, rule_id, rule_version, source, hazard_class, mode, object_id, "
        "district_code, lon, lat, raised_at, words_zh, words_en) VALUES (%s, %s, %s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            warning_id, identifier, RULE, WarningSource.EXTERNAL_CAP.value, hazard_class, WarningMode.ACTUAL.value, object_id,
            district, lon, lat, now, zh, en,
        ),
    )  # fmt: skip
    record_step(
        conn, str(warning_id), WarningState.CANDIDATE, level, now=now, evidence=evidence, transition=WarningTransition.RAISED
    )
    return str(warning_id)


def list_expired(conn: Connection, now: datetime) -> list[Warning]:
    """Warnings from outside that are open although what they said of their end is past."""
    rows = conn.execute(
        "SELECT warning_id FROM warning WHERE is_open AND rule_id = %s AND ("
        "SELECT evidence ->> 'expires' FROM warning_history WHERE warning_history.warning_id = warning.warning_id "
        "ORDER BY valid_from DESC, recorded_at DESC LIMIT 1)::timestamptz <= %s",
        (RULE, now),
    )
    ended = {str(row[0]) for row in rows}
    return [warning for warning in list_open_warnings(conn, Moment.live(now)) if warning.warning_id in ended] if ended else []


def _alert(row: TupleRow) -> ExternalAlert:
    return ExternalAlert(
        external_id=row[0], source_id=row[1], sender=row[2], identifier=row[3], sent_at=row[4], received_at=row[5], status=row[6],
        msg_type=row[7], event=row[8], headline=row[9], expires_at=row[10], relation=Relation.of(row[11]),
        warning_id=str(row[12]) if row[12] else None, said_zh=row[13], said_en=row[14], cap=row[15],
    )  # fmt: skip


_SELECT = """
SELECT external_id, source_id, sender, identifier, sent_at, received_at, status, msg_type, event, headline, expires_at, relation,
       warning_id, said_zh, said_en, cap
FROM external_alert
"""
