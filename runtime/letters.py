"""Letters on the command line: refused messages listed with their counts, and given in again, told in both languages."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from domain.batches import BatchCounts
from domain.moments import Moment
from domain.observations import RejectionCode
from domain.refusals import Refused
from domain.rights import Actor, Role
from ingest.letters import MOST_AT_ONCE, Outcomes, replay, replay_many, try_out
from storage import deadletters
from storage.connection import Connection
from storage.deadletters import KEPT_PER_DAY, KEPT_PER_DEVICE, DeadLetter, LetterCount, LetterFilter, LetterTotals
from storage.ingestion import Ingestion


def whoever_types() -> Actor:
    """Who has a shell and the database's address here is an operator; the audit names the account."""
    return Actor(f"console:{getpass.getuser()}", Role.OPERATOR)


@dataclass(frozen=True, slots=True)
class Found:
    """Letters of a filter, newest first, with the counts of all that are stored."""

    letters: Sequence[DeadLetter]
    counts: Sequence[LetterCount]
    totals: LetterTotals

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self.totals.n, "kept_whole": self.totals.n_kept, "only_counted": self.totals.n_counted,
            "open": self.totals.n_open, "kept_per_device_and_day": KEPT_PER_DEVICE, "kept_per_day": KEPT_PER_DAY,
            "by_reason": [
                {"code": c.code, "reason": c.reason_key, "n": c.n, "kept_whole": c.n_kept, "open": c.n_open, "newest": c.newest}
                for c in self.counts
            ],
            "letters": [letter_as_json(letter) for letter in self.letters],
        }  # fmt: skip


def letter_as_json(letter: DeadLetter, *, with_payload: bool = False) -> dict[str, Any]:
    """A payload that is no UTF-8 has its bytes written as \\xNN."""
    said = {
        "id": letter.dead_letter_id, "received": letter.received_time, "topic": letter.topic, "device": letter.device_id,
        "code": letter.code, "zh": letter.sentence("zh"), "en": letter.sentence("en"), "n": letter.n, "whole": letter.is_whole,
        "open": letter.is_open, "replayed": letter.replayed_at, "replayed_by": letter.replayed_by,
    }  # fmt: skip
    if with_payload:
        said["payload"] = letter.payload.decode("utf-8", errors="backslashreplace") if letter.is_whole else None
    return said


def list_letters(conn: Connection, wanted: LetterFilter, *, limit: int, now: datetime) -> Found:
    totals = deadletters.count_all(conn)
    found = deadletters.list_dead_letters(
        conn, limit=limit, code=wanted.code, device_id=wanted.device_id, open_only=wanted.open_only, since=wanted.since
    )
    return Found(found, deadletters.count_by_reason(conn, Moment.live(now), since=totals.oldest or now), totals)


def say_counts(found: Found) -> Iterator[str]:
    """How many were refused, why, and what is kept of them."""
    totals = found.totals
    if not totals.n:
        yield "没有被拒收的报文。No message was refused."
        return
    yield f"共 {totals.n} 条：全文保留 {totals.n_kept} 条（待处理 {totals.n_open} 条），仅计数 {totals.n_counted} 条"
    yield f"{totals.n} in all: {totals.n_kept} kept whole ({totals.n_open} to mend), {totals.n_counted} only counted"
    yield f"每台设备每日保留 {KEPT_PER_DEVICE} 条，全市每日 {KEPT_PER_DAY} 条 / kept per device and day, and per day in all"
    by_code: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for count in found.counts:
        by_code[count.code] += count.n
        waiting[count.code] += count.n_open
    for code, n in by_code.most_common():
        known = RejectionCode.known(code)
        named = f"{known.zh} {known.en}" if known else ""
        yield f"{n:>8}  {code:<19} {named} ({waiting[code]})".rstrip()
    yield ""


def say_letter(letter: DeadLetter, zone: ZoneInfo) -> Iterator[str]:
    received = letter.received_time.astimezone(zone)
    more_zh = "" if letter.is_whole else f"仅计数 {letter.n} 条，未保留，最后一条："
    more_en = "" if letter.is_whole else f"{letter.n} counted, not kept, the last: "
    done = "  已重放 replayed" if letter.replayed_at is not None else ""
    yield f"{letter.dead_letter_id:>8}  {received:%Y-%m-%d %H:%M:%S}  {letter.code:<19} {letter.topic}{done}"
    for words in dict.fromkeys((f"{more_zh}{letter.sentence('zh')}", f"{more_en}{letter.sentence('en')}")):
        yield f"{'':31}{words}"


@dataclass(frozen=True, slots=True)
class Given:
    """What is asked for: numbers, of which one alone may be mended; or what a filter finds, at most `limit` of it."""

    ids: tuple[int, ...]
    wanted: LetterFilter
    limit: int = MOST_AT_ONCE
    topic: str | None = None
    payload: bytes | None = None
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of all of them; `refusals` by number, of letters that were named."""

    outcomes: Outcomes
    refusals: dict[int, Refused] = field(default_factory=dict)
    is_trial: bool = False

    @property
    def is_well(self) -> bool:
        """Whether nothing that was named is refused; of a filter's letters some may be."""
        return not self.refusals

    def as_json(self) -> dict[str, Any]:
        o = self.outcomes
        refused = {str(number): {"code": r.code, "zh": r.zh, "en": r.en} for number, r in self.refusals.items()}
        return {
            "dry_run": self.is_trial, "tried": o.tried, "replayed": o.done, **asdict(o.counts),
            "refused_by_code": dict(o.refused), "refused": refused,
        }  # fmt: skip


def replay_letters(conn: Connection, given: Given, *, now: datetime) -> Outcome:
    """Raises Refused when what is asked for as a whole is not allowed."""
    actor = whoever_types()
    if not given.ids:
        return Outcome(_replay_found(conn, actor, given, now), is_trial=given.is_trial)
    outcomes = Outcomes()
    refusals: dict[int, Refused] = {}
    give_in = try_out if given.is_trial else replay
    ingestion = Ingestion(conn)
    for number in given.ids:
        try:
            done = give_in(ingestion, number, actor, now, topic=given.topic, payload=given.payload)
            outcomes += Outcomes(1, 1, done.counts, last_id=number)
        except Refused as refusal:
            refusals[number] = refusal
            outcomes += Outcomes(1, 0, BatchCounts(), Counter({refusal.code: 1}), number)
    return Outcome(outcomes, refusals, given.is_trial)


def _replay_found(conn: Connection, actor: Actor, given: Given, now: datetime) -> Outcomes:
    outcomes = Outcomes()
    while outcomes.tried < given.limit:
        bundle = min(MOST_AT_ONCE, given.limit - outcomes.tried)
        done = replay_many(conn, actor, now, given.wanted, after_id=outcomes.last_id or 0, limit=bundle, is_trial=given.is_trial)
        outcomes += done
        if done.tried < bundle:
            break
    return outcomes


def say_replayed(outcome: Outcome, given: Given) -> Iterator[str]:
    """What became of each that was named, and of all of them."""
    for number, refusal in outcome.refusals.items():
        yield from (f"{number:>8}  {words}" for words in (refusal.zh, refusal.en))
    o, c = outcome.outcomes, outcome.outcomes.counts
    if given.is_trial:
        yield f"试解析 {o.tried} 条：可重放 {o.done} 条（将入库 {c.stored}，更正 {c.corrected}，重复 {c.duplicate}）"
        yield f"{o.tried} tried: {o.done} can be replayed ({c.stored} to be stored, {c.corrected} corrected, {c.duplicate} known)"
    else:
        yield f"处理 {o.tried} 条：重放 {o.done} 条（入库 {c.stored}，更正 {c.corrected}，重复 {c.duplicate}）"
        yield f"{o.tried} taken: {o.done} replayed ({c.stored} stored, {c.corrected} corrected, {c.duplicate} known before)"
    for code, n in o.refused.most_common():
        known = RejectionCode.known(code)
        yield f"{n:>8}  {code:<19} {f'{known.zh} {known.en}' if known else ''}".rstrip()
