"""Dead letters: what was refused, with its reason and its payload, and how many more there were.

A device that goes on sending what cannot be used must not fill the disk: the first letters of a day are kept whole, those that
follow are counted, in one row for each device, code and hour. Nothing is lost from the account: the ledger counts every one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from domain.observations import Rejection
from domain.rejections import explain
from storage.connection import Connection
from storage.ledger import hour_of

KEPT_PER_DEVICE = 1_000
"""Letters of one device (or of topics that name none) that are kept whole in one day, UTC."""
KEPT_PER_DAY = 20_000
"""Letters of all devices that are kept whole in one day. Beyond, devices are not told apart: their names can be made up."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused message, kept whole; or the last of `n` of a device, code and hour that are only counted, without payload."""

    dead_letter_id: int
    received_time: datetime
    topic: str
    device_id: str | None
    code: str
    reason: str
    detail: dict[str, str]
    n: int
    is_whole: bool
    replayed_at: datetime | None
    payload: bytes

    def sentence(self, lang: str) -> str:
        """What was wrong with it."""
        return explain(self.reason, self.detail, lang)


def write_dead_letters(conn: Connection, rejections: Sequence[Rejection]) -> None:
    """Stores refused messages in the caller's transaction."""
    if not rejections:
        return
    kept, counted = sort_out(rejections, _kept_before(conn, rejections))
    with conn.cursor() as cur:
        cur.executemany(_KEEP, [(*_columns(r), r.payload) for r in kept])
        cur.executemany(_COUNT, [(*_columns(r), n, hour_of(r.received_time)) for r, n in counted])


Kept = Counter[tuple[datetime, str | None]]
"""How many letters are kept, by day (its beginning, UTC) and device."""


def sort_out(rejections: Iterable[Rejection], kept_before: Kept) -> tuple[list[Rejection], list[tuple[Rejection, int]]]:
    """Which letters are kept whole, in the order in which they came, and the others as one of them and their number for each
    device, code and hour."""
    kept: list[Rejection] = []
    counted: dict[tuple[str | None, str, datetime], tuple[Rejection, int]] = {}
    by_device, by_day = kept_before.copy(), Counter[datetime]()
    for (day, _), n in kept_before.items():
        by_day[day] += n
    for r in rejections:
        day = _day_of(r.received_time)
        if by_day[day] < KEPT_PER_DAY and by_device[day, r.device_id] < KEPT_PER_DEVICE:
            kept.append(r)
            by_day[day] += 1
            by_device[day, r.device_id] += 1
            continue
        source = r.device_id if by_day[day] < KEPT_PER_DAY else None
        key = (source, r.code, hour_of(r.received_time))
        counted[key] = (replace(r, device_id=source), counted[key][1] + 1 if key in counted else 1)
    return kept, list(counted.values())


def list_dead_letters(conn: Connection, *, limit: int = 100) -> list[DeadLetter]:
    """The newest refused messages, newest first."""
    return [
        DeadLetter(*row) for row in conn.execute(f"{_SELECT} ORDER BY received_time DESC, dead_letter_id DESC LIMIT %s", (limit,))
    ]


def find_dead_letter(conn: Connection, dead_letter_id: int) -> DeadLetter | None:
    row = conn.execute(f"{_SELECT} WHERE dead_letter_id = %s", (dead_letter_id,)).fetchone()
    return DeadLetter(*row) if row else None


def _day_of(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _kept_before(conn: Connection, rejections: Iterable[Rejection]) -> Kept:
    kept: Kept = Counter()
    for day in {_day_of(r.received_time) for r in rejections}:
        for device_id, n in conn.execute(_COUNT_KEPT, (day, day + timedelta(days=1))):
            kept[day, device_id] = n
    return kept


def _columns(r: Rejection) -> tuple[object, ...]:
    return (r.received_time, r.topic, r.device_id, r.code, r.reason, Jsonb(dict(r.detail)))


_SELECT = """
SELECT dead_letter_id, received_time, topic, device_id, code, reason, detail, n, hour IS NULL, replayed_at, payload
FROM dead_letter
"""

_COUNT_KEPT = """
SELECT device_id, count(*) FROM dead_letter
WHERE received_time >= %s AND received_time < %s AND hour IS NULL GROUP BY device_id
"""

_KEEP = """
INSERT INTO dead_letter (received_time, topic, device_id, code, reason, detail, payload) VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

_COUNT = """
INSERT INTO dead_letter (received_time, topic, device_id, code, reason, detail, n, hour, payload)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '')
ON CONFLICT (device_id, code, hour) WHERE hour IS NOT NULL DO UPDATE SET
    n = dead_letter.n + excluded.n, received_time = greatest(dead_letter.received_time, excluded.received_time),
    topic = excluded.topic, reason = excluded.reason, detail = excluded.detail
"""
