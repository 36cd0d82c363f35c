"""Dead letters: what was refused, with its reason and its payload, and how many more there were.

A device that goes on sending what cannot be used must not fill the disk: the first letters of a day are kept whole, those that
follow are counted, in one row for each device, code and hour. Nothing is lost from the account: the ledger counts every one.

A letter that was given in again (`ingest.letters`) stays, with the time; who did it is in the audit. The ledger goes on to count
it as rejected: that is what happened then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from domain.moments import Moment
from domain.observations import Rejection
from domain.rejections import explain
from domain.rights import Action
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
    replayed_by: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be given in again: kept whole, and not done yet."""
        return self.is_whole and self.replayed_at is None

    def sentence(self, lang: str) -> str:
        """What was wrong with it."""
        return explain(self.reason, self.detail, lang)


REPEATED_WITHIN = timedelta(hours=1)
"""How long after a message came the broker may bring it again, when it was not told what became of it: while we are away. A
longer absence counts it twice; a shorter span has less to look through."""


def tell_apart(conn: Connection, rejections: Sequence[Rejection]) -> tuple[list[Rejection], list[Rejection]]:
    """Those that are new, and those that the broker brought again and that are kept already: refused, committed, and we ended
    before it was told."""
    again = [r for r in rejections if r.is_again]
    if not again:
        return list(rejections), []
    since = min(r.received_time for r in again) - REPEATED_WITHIN
    kept = {
        (topic, bytes(payload))
        for topic, payload in conn.execute(_KEPT_OF, ([r.topic for r in again], [r.payload for r in again], since))
    }
    kept |= {(r.topic, r.payload) for r in rejections if not r.is_again}
    known = [r for r in again if (r.topic, r.payload) in kept]
    return [r for r in rejections if not (r.is_again and (r.topic, r.payload) in kept)], known


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


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant; None: any. Times of receipt, [since, until); `code` as in `domain.observations.RejectionCode`."""

    code: str | None = None
    device_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    open_only: bool = False

    def as_parameters(self) -> dict[str, object]:
        return {
            "code": self.code, "device": self.device_id, "since": self.since, "until": self.until, "open_only": self.open_only,
        }  # fmt: skip


ALL = LetterFilter()


def list_dead_letters(
    conn: Connection,
    *,
    limit: int = 100,
    code: str | None = None,
    device_id: str | None = None,
    before_id: int | None = None,
    open_only: bool = False,
    since: datetime | None = None,
) -> list[DeadLetter]:
    """Refused messages, newest first; `before_id` goes on behind that one of an earlier answer."""
    wanted = LetterFilter(code, device_id, since, None, open_only)
    query = f"{_SELECT} WHERE {_MEANT} AND {_BEHIND} ORDER BY received_time DESC, dead_letter_id DESC LIMIT %(limit)s"
    return [DeadLetter(*row) for row in conn.execute(query, {**wanted.as_parameters(), "before": before_id, "limit": limit})]


def list_open_ids(conn: Connection, wanted: LetterFilter, *, after_id: int = 0, limit: int) -> list[int]:
    """Numbers above `after_id` of letters that can be given in again, in the order in which they came."""
    query = f"SELECT dead_letter_id FROM dead_letter WHERE {_MEANT} AND dead_letter_id > %(after)s ORDER BY 1 LIMIT %(limit)s"
    parameters = {**replace(wanted, open_only=True).as_parameters(), "after": after_id, "limit": limit}
    return [int(row[0]) for row in conn.execute(query, parameters)]


def find_dead_letter(conn: Connection, dead_letter_id: int) -> DeadLetter | None:
    row = conn.execute(f"{_SELECT} WHERE dead_letter_id = %s", (dead_letter_id,)).fetchone()
    return DeadLetter(*row) if row else None


def take_dead_letter(conn: Connection, dead_letter_id: int) -> DeadLetter | None:
    """Locks a letter that can be given in again until the caller's transaction ends; None when there is none such (any more)."""
    taken = conn.execute(
        "SELECT FROM dead_letter WHERE dead_letter_id = %s AND hour IS NULL AND replayed_at IS NULL FOR UPDATE", (dead_letter_id,)
    ).fetchone()
    return find_dead_letter(conn, dead_letter_id) if taken is not None else None


def note_replayed(conn: Connection, dead_letter_id: int, at: datetime) -> None:
    """Says in the caller's transaction that what the letter had to say has been stored."""
    conn.execute("UPDATE dead_letter SET replayed_at = %s WHERE dead_letter_id = %s", (at, dead_letter_id))


@dataclass(frozen=True, slots=True)
class LetterCount:
    """Letters of one reason: `n` in all, of which `n_kept` whole, of which `n_open` can be given in again; by hour of receipt."""

    code: str
    reason_key: str
    n: int
    n_kept: int
    newest: datetime
    n_open: int
    by_hour: tuple[tuple[datetime, int], ...]


def count_by_reason(conn: Connection, moment: Moment, *, since: datetime) -> list[LetterCount]:
    """Letters received from `since` to the moment by code and reason, the most frequent first."""
    parameters = {"since": since, "until": moment.at, "known_at": moment.known_at}
    return [
        LetterCount(code, reason, n, n_kept, newest, n_open, tuple(zip(hours, by_hour, strict=True)))
        for code, reason, n, n_kept, newest, n_open, hours, by_hour in conn.execute(_BY_REASON, parameters)
    ]


@dataclass(frozen=True, slots=True)
class LetterTotals:
    """Of all letters that are stored: `n` refused messages, of which `n_kept` are kept whole, `n_open` of them waiting."""

    n: int
    n_kept: int
    n_open: int
    oldest: datetime | None

    @property
    def n_counted(self) -> int:
        """Those of which only the number is known."""
        return self.n - self.n_kept


def count_all(conn: Connection, wanted: LetterFilter = ALL) -> LetterTotals:
    row = conn.execute(_TOTALS + _MEANT, wanted.as_parameters()).fetchone()
    assert row is not None
    return LetterTotals(*row)


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


_SELECT = f"""
SELECT dead_letter_id, received_time, topic, device_id, code, reason, detail, n, hour IS NULL, replayed_at, payload,
       CASE WHEN replayed_at IS NOT NULL THEN (
           SELECT actor FROM audit_entry
           WHERE object = dead_letter_id::text AND action = '{Action.REPLAY_LETTER.value}' AND outcome = 'done' LIMIT 1
       ) END
FROM dead_letter
"""

_MEANT = """
(%(code)s::text IS NULL OR code = %(code)s) AND (%(device)s::text IS NULL OR device_id = %(device)s)
AND (%(since)s::timestamptz IS NULL OR received_time >= %(since)s)
AND (%(until)s::timestamptz IS NULL OR received_time < %(until)s)
AND (NOT %(open_only)s OR (hour IS NULL AND replayed_at IS NULL))
"""

_BEHIND = """
(%(before)s::bigint IS NULL OR (received_time, dead_letter_id) < (
    SELECT received_time, dead_letter_id FROM dead_letter WHERE dead_letter_id = %(before)s))
"""

_TOTALS = """
SELECT coalesce(sum(n), 0)::bigint, count(*) FILTER (WHERE hour IS NULL),
       count(*) FILTER (WHERE hour IS NULL AND replayed_at IS NULL), min(received_time)
FROM dead_letter WHERE
"""

# One that is only counted belongs to the hour in which it came; its time is that of the last of them.
_BY_REASON = """
WITH letter AS (
    SELECT code, coalesce(detail ->> 'reason', '') AS reason, n, hour IS NULL AS is_whole, received_time,
           coalesce(replayed_at, 'infinity') > %(known_at)s AS waits,
           date_trunc('hour', coalesce(hour, received_time), 'UTC') AS hour
    FROM dead_letter WHERE received_time >= %(since)s AND received_time <= %(until)s
), hourly AS (
    SELECT code, reason, hour, sum(n)::bigint AS n FROM letter GROUP BY 1, 2, 3
), trend AS (
    SELECT code, reason, array_agg(hour ORDER BY hour) AS hours, array_agg(n ORDER BY hour) AS counts FROM hourly GROUP BY 1, 2
)
SELECT code, reason, sum(n)::bigint, count(*) FILTER (WHERE is_whole), max(received_time),
       count(*) FILTER (WHERE is_whole AND waits), hours, counts
FROM letter JOIN trend USING (code, reason) GROUP BY code, reason, hours, counts ORDER BY 3 DESC, 1, 2
"""

_KEPT_OF = """
SELECT DISTINCT topic, payload
FROM dead_letter JOIN unnest(%s::text[], %s::bytea[]) AS given (topic, payload) USING (topic, payload)
WHERE received_time >= %s AND hour IS NULL
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
