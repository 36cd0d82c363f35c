"""Letters: what was refused, given in once more, as it came or mended, the way of everything live: parsed, judged, written.

A replay is a receipt of its own: its readings carry the time at which they were measured and, as time of receipt, now; what was
known before knew nothing of them. The ledger goes on to count the letter as received and rejected, which is what happened then,
and counts the replay as received and stored, corrected or duplicate; so its sums hold, and what the broker brought is what was
received less what was replayed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from domain.batches import Batch, BatchCounts, Report
from domain.observations import Reading, Rejection
from domain.refusals import Refused
from domain.rejections import Reason, explain
from domain.rights import Action, Actor, require
from ingest.complaints import short
from ingest.parse import parse
from ingest.service import store_batch
from storage import acts, deadletters
from storage.connection import Connection, in_one_line, is_unstorable
from storage.deadletters import DeadLetter, LetterFilter
from storage.ingestion import Ingestion

MOST_AT_ONCE = 500
"""Letters that one call takes: a few seconds of work."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a letter, in reports: `counts.received` is how many it held."""

    dead_letter_id: int
    counts: BatchCounts


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of many: `tried` letters, `done` of them with `counts`; `refused` by code. `last_id` is the last one tried,
    None when there was none left."""

    tried: int = 0
    done: int = 0
    counts: BatchCounts = field(default_factory=BatchCounts)
    refused: Counter[str] = field(default_factory=Counter)
    last_id: int | None = None

    def __add__(self, other: Outcomes) -> Outcomes:
        return Outcomes(
            self.tried + other.tried, self.done + other.done, self.counts + other.counts, self.refused + other.refused,
            other.last_id if other.last_id is not None else self.last_id,
        )  # fmt: skip


def replay(
    ingestion: Ingestion, dead_letter_id: int, actor: Actor, now: datetime, *, topic: str | None = None,
    payload: bytes | None = None,
) -> Replayed:  # fmt: skip
    """Gives a letter in again, or `topic` and `payload` in its place, and marks it: one transaction with its audit entry.

    Raises Refused, audited, when it cannot be, and when what it says is refused again; then nothing of it is stored.
    """
    conn = ingestion.conn
    detail: dict[str, object] = {} if topic is None else {"topic": topic}
    if payload is not None:  # the audit says whether it was mended, and by its digest with what
        detail |= {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    with acts.transaction(conn, actor, Action.REPLAY_LETTER, str(dead_letter_id), now) as deed:
        acts.begin(conn, actor, Action.REPLAY_LETTER, str(dead_letter_id), now, detail=detail, deed=deed)
        done = _give_in(ingestion, dead_letter_id, now, topic, payload)
        deadletters.note_replayed(conn, dead_letter_id, now)
        deed.changed({"replayed": None}, {"replayed": now, **asdict(done.counts)})
    return done


def try_out(
    ingestion: Ingestion, dead_letter_id: int, actor: Actor, now: datetime, *, topic: str | None = None,
    payload: bytes | None = None,
) -> Replayed:  # fmt: skip
    """What `replay` would do: does it, and undoes it. Raises Refused as `replay` does, without an entry in the audit."""
    require(actor, Action.REPLAY_LETTER)
    try:
        with ingestion.conn.transaction(force_rollback=True):
            return _give_in(ingestion, dead_letter_id, now, topic, payload)
    finally:
        ingestion.forget()


def replay_many(
    conn: Connection, actor: Actor, now: datetime, wanted: LetterFilter, *, after_id: int = 0, limit: int = MOST_AT_ONCE,
    is_trial: bool = False,
) -> Outcomes:  # fmt: skip
    """Gives in again, as they came, at most MOST_AT_ONCE of the letters that are meant, in the order of their numbers above
    `after_id`. Each is an act of its own; one that is refused again stays, and does not stop the others. Raises Refused without
    the right to it, or when nothing at all is said of which letters are meant."""
    meant = ", ".join(f"{name}={said}" for name, said in wanted.as_parameters().items() if said and name != "open_only")
    if is_trial:
        require(actor, Action.REPLAY_LETTERS)
    else:
        detail = {"after": after_id, "limit": limit}
        with acts.transaction(conn, actor, Action.REPLAY_LETTERS, meant, now):
            acts.begin(conn, actor, Action.REPLAY_LETTERS, meant, now, detail=detail)
            if not meant:
                raise Refused(
                    "letters_unsaid",
                    "未说明要重放哪些死信：请给出原因代码、设备或起始时间",
                    "it is not said which letters are meant: expected a code, a device or a time since when",
                )
    ids = deadletters.list_open_ids(conn, wanted, after_id=after_id, limit=min(limit, MOST_AT_ONCE))
    ingestion = Ingestion(conn)
    give_in = try_out if is_trial else replay
    outcomes = Outcomes()
    for dead_letter_id in ids:
        try:
            counts = give_in(ingestion, dead_letter_id, actor, now).counts
            outcomes += Outcomes(1, 1, counts, last_id=dead_letter_id)
        except Refused as refusal:
            outcomes += Outcomes(1, refused=Counter({refusal.code: 1}), last_id=dead_letter_id)
    return outcomes


def _give_in(ingestion: Ingestion, dead_letter_id: int, now: datetime, topic: str | None, payload: bytes | None) -> Replayed:
    """Inside the caller's transaction, which a Refused undoes."""
    letter = deadletters.take_dead_letter(ingestion.conn, dead_letter_id)
    if letter is None:
        raise _not_open(dead_letter_id, deadletters.find_dead_letter(ingestion.conn, dead_letter_id))
    reports = read_again(letter, now, topic=topic, payload=payload)
    batch = Batch()
    batch.extend(reports)
    if batch.rejections:
        raise _again(batch.rejections)
    if not reports:
        raise Refused(
            "letter_says_nothing",
            f"死信 {dead_letter_id} 的主题不含上报内容：应为 telemetry、birth、state、event 或 ack",
            f"dead letter {dead_letter_id} says nothing under its topic: expected telemetry, birth, state, event or ack",
        )
    try:
        return Replayed(dead_letter_id, store_batch(ingestion, batch, now))
    except Exception as fault:
        if not is_unstorable(fault):
            raise
        ingestion.forget()
        said = {"said": short(in_one_line(fault))}
        raise _still(Reason.UNSTORABLE.code.value, *(Reason.UNSTORABLE.sentence(lang, said) for lang in ("zh", "en"))) from fault


def read_again(letter: DeadLetter, now: datetime, *, topic: str | None = None, payload: bytes | None = None) -> Sequence[Report]:
    """What a letter says, received `now`. Times that it counts from its receipt (SenML) are counted from when it came first; what
    was ahead of time then may not be so any more."""
    said = (letter.topic if topic is None else topic, letter.payload if payload is None else payload)
    reports = parse(*said, letter.received_time)
    if any(isinstance(report, Rejection) for report in reports):
        return parse(*said, now)
    return [r._replace(received_time=now) if isinstance(r, Reading) else replace(r, received_time=now) for r in reports]


def _again(rejections: Sequence[Rejection]) -> Refused:
    first, more = rejections[0], len(rejections) - 1
    zh, en = (explain(first.reason, dict(first.detail), lang) for lang in ("zh", "en"))
    return _still(first.code, zh + f"（另有 {more} 处）" * bool(more), en + f" (and {more} more)" * bool(more))


def _still(code: str, zh: str, en: str) -> Refused:
    return Refused(code, f"仍被拒收：{zh}", f"still refused: {en}")


def _not_open(dead_letter_id: int, letter: DeadLetter | None) -> Refused:
    if letter is None:
        return Refused("letter_unknown", f"没有死信 {dead_letter_id}", f"there is no dead letter {dead_letter_id}")
    if letter.replayed_at is not None:
        at, by = f"{letter.replayed_at:%Y-%m-%d %H:%M:%S} UTC", letter.replayed_by or "?"
        return Refused(
            "letter_replayed",
            f"死信 {dead_letter_id} 已由 {by} 于 {at} 重放",
            f"dead letter {dead_letter_id} was replayed by {by} at {at}",
        )
    return Refused(
        "letter_only_counted",
        f"死信 {dead_letter_id} 仅计数、未保留报文，无法重放：请让设备重新发送",
        f"dead letter {dead_letter_id} was only counted and its payload not kept, so that it cannot be replayed: "
        "have the device send it again",
    )
