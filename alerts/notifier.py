"""The notifier: sends what has to leave, and takes in what others warn of. All that it has to remember stands in the database.

A notice is taken, the attempt written down, and then made in a thread of its channel, so that one far end that hangs holds up no
other. What fails is tried again after ever longer waits, and given up with its sentence after the last: then it is a dead letter,
which somebody may give in again. One that was killed meanwhile leaves its attempts open; they are made again after `LEASE`.

Reminders of warnings that nobody acknowledges are written as notices here, for roles that a channel reaches.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

from alerts.channels.registry import CHANNELS, open_all
from alerts.channels.shape import Channel, Fate, Means, Outcome
from alerts.outward import Outward, Recipient, Source
from alerts.receiving import Inbox, expire, take_in
from alerts.reminders import AUDIENCES, words_for
from alerts.sources import Brought, Reader, reader_of
from alerts.templates import Text
from domain.moments import Moment
from domain.publications import Notice, NoticeState
from domain.rights import Role
from domain.warnings import Warning, WarningMode
from storage import attention, external, notices, warnings
from storage.connection import Connection, DatabaseUnreachable, connect, is_connection_lost
from storage.external import Refusal
from storage.ticking import instance_name, run_ticks

log = logging.getLogger(__name__)

TICK_S = 1.0
LEASE = timedelta(minutes=3)
"""Longer than any attempt lasts."""
AT_ONCE = 8
"""Notices of one channel that are taken ahead."""
WAITS_S = (5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0)
"""After the first failure, the second …: some two hours, in which a mail server comes back."""
EXPIRES_EVERY = timedelta(seconds=30)
REMINDING = ("email", "webhook")
"""Channels by which somebody is reminded: the feed and the broker tell everybody, and nobody in person."""
REMINDS_EVERY = timedelta(seconds=5)
REMINDERS_APART = timedelta(seconds=60)
"""Between two notices to one role: what comes in between is told with the next."""
REMINDERS_COUNT = timedelta(minutes=15)
"""An older reminder is told to nobody any more: the next one is due, or somebody has acted."""
REMINDER_COMMITTED = timedelta(seconds=10)
"""So long after a reminder is dated it is seen by others: a tick of the watch."""
BEIJING = ZoneInfo("Asia/Shanghai")
UNBOUNDED = 1_000_000
"""An hour's number for a channel that the policy does not have any more: what waits for it is given up at once."""


def next_try(tries: int, now: datetime) -> datetime | None:
    """When what has failed so many times is tried again; None: it is given up."""
    return now + timedelta(seconds=WAITS_S[tries - 1]) if tries <= len(WAITS_S) else None


def run(
    database_url: str, means: Means, inbox: Inbox, *, stop: Event, clock: Callable[[], datetime], zone: ZoneInfo = BEIJING
) -> None:  # fmt: skip
    """Sends and listens until `stop` is set. What was sent by then is written down. `zone` is that of times in words."""
    readers = {source: reader_of(source, means.ca_file) for source in means.outward.sources}
    notifier = Notifier(open_all(means), means.outward, inbox, readers, zone=zone)
    try:
        run_ticks(database_url, "notifier", notifier.tick, period_s=TICK_S, stop=stop, clock=clock)
    finally:
        notifier.finish()
        with suppress(DatabaseUnreachable), connect(database_url, application="cityhelm-notifier") as conn:
            notifier.settle(conn, clock())


class Notifier:
    """The channels and sources of a city, each with a thread of its own."""

    def __init__(
        self, channels: Mapping[str, Channel], outward: Outward, inbox: Inbox, readers: Mapping[Source, Reader] | None = None, *,
        zone: ZoneInfo = BEIJING,
    ) -> None:  # fmt: skip
        self._zone = zone
        self._reminds = {
            role: [(plan.channel, to) for plan in outward.plans if plan.channel in REMINDING for to in plan.recipients
                   if to.audience is audience]
            for role, audience in AUDIENCES.items()
        }  # fmt: skip
        self._reminded_at: datetime | None = None
        self._channels, self._inbox, self._readers = channels, inbox, readers or {}
        per_hour = {plan.channel: plan.per_hour for plan in outward.plans if plan.channel in channels}
        self._quotas = [notices.Quota(kind.name, per_hour.get(kind.name, UNBOUNDED)) for kind in CHANNELS]
        self._name = instance_name()
        self._threads = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in channels}
        self._under_way: list[tuple[Future[Outcome], Notice]] = []
        self._listener = ThreadPoolExecutor(1, thread_name_prefix="sources")
        self._asked: dict[Source, Future[Brought]] = {}
        self._asked_at: dict[Source, datetime] = {}
        self._etags: dict[Source, str | None] = {}
        self._expired_at: datetime | None = None
        self._totals = Counter(sent=0, failed=0, dead=0, taken_in=0, refused=0, reminders=0)

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """One round; returns figures for the system page."""
        self.settle(conn, now)
        notices.release_abandoned(conn, now - LEASE, now, but=[notice.notice_id for _, notice in self._under_way])
        if self._reminded_at is None or abs(now - self._reminded_at) >= REMINDS_EVERY:
            self._remind(conn, now)
            self._reminded_at = now
        self._send(conn, now)
        self._listen(conn, now)
        if self._expired_at is None or abs(now - self._expired_at) >= EXPIRES_EVERY:
            expire(conn, now)
            self._expired_at = now
        return {f"{name}_total": n for name, n in self._totals.items()} | {"under_way": len(self._under_way)}

    def _remind(self, conn: Connection, now: datetime) -> None:
        """Writes what roles are to be told of warnings that still wait, of which they were reminded since they were told last. Of
        two who do so at once one does."""
        reached = {role: to for role, to in self._reminds.items() if to}
        if not reached or not attention.list_reminded(conn, now - REMINDERS_COUNT, now):
            return
        with conn.transaction():
            if not notices.take_reminding(conn):
                return
            told = notices.newest_reminders(conn, now - REMINDERS_COUNT)
            waiting = {one.warning_id: one.since for one in attention.list_waiting(conn, now)}
            known = {one.warning_id: one for one in warnings.list_open_warnings(conn, Moment.live(now))}
            for role, recipients in reached.items():
                last, named = told.get(role.value, (now - REMINDERS_COUNT, ()))
                if named and now - last < REMINDERS_APART:
                    continue
                fresh = attention.list_reminded(conn, last, now).get(role.value, set())
                unseen = attention.list_reminded(conn, last - REMINDER_COMMITTED, last).get(role.value, set())
                of_role = (fresh | (unseen - set(named))) & waiting.keys() & known.keys()
                if not of_role:
                    continue
                about = [(known[one], waiting[one]) for one in sorted(of_role)]
                notices.supersede_reminders(conn, role.value, zh="新的提醒先行", en="a newer reminder came before it left")
                notices.put(conn, [
                    reminder(role, channel, to, words_for(role, about, to.lang, zone=self._zone, longest=to.longest), about, now)
                    for channel, to in recipients
                ], urgency=min(one.level.rank for one, _ in about))  # fmt: skip
                self._totals["reminders"] += len(recipients)

    def settle(self, conn: Connection, now: datetime) -> None:
        """Writes down what became of attempts that have ended; those that were never begun wait again."""
        still: list[tuple[Future[Outcome], Notice]] = []
        for future, notice in self._under_way:
            if future.cancelled():
                zh, en = "发送进程停止，尚未发出", "the process ended before it was sent"
                notices.settle(conn, notice, NoticeState.WAITING, outcome="not_begun", zh=zh, en=en, now=now, due_at=now)
            elif future.done():
                self._note(conn, notice, _outcome(future, notice), now)
            else:
                still.append((future, notice))
        self._under_way = still

    def finish(self) -> None:
        """Waits for the attempts that are being made; begins no other."""
        for thread in (*self._threads.values(), self._listener):
            thread.shutdown(wait=True, cancel_futures=True)
        for channel in self._channels.values():
            channel.close()

    def wait(self) -> None:
        """Until every attempt that was begun has ended."""
        wait([future for future, _ in self._under_way])
        wait(self._asked.values())

    def _send(self, conn: Connection, now: datetime) -> None:
        busy = Counter(notice.channel for _, notice in self._under_way)
        taken = notices.take(
            conn, self._quotas, now=now, hour_ago=now - timedelta(hours=1), taken_by=self._name, busy=busy, most=AT_ONCE
        )
        for notice in taken:
            channel = self._channels.get(notice.channel)
            if channel is None:
                kind = next(kind for kind in CHANNELS if kind.name == notice.channel)
                self._note(conn, notice, Outcome(Fate.DEAD, kind.zh_off, kind.en_off), now)
            else:
                self._under_way.append((self._threads[notice.channel].submit(channel.send, notice, now), notice))

    def _note(self, conn: Connection, notice: Notice, outcome: Outcome, now: datetime) -> None:
        """What one attempt comes to."""
        due = next_try(notice.tries, now) if outcome.fate is Fate.FAILED else None
        state = {
            Fate.SENT: NoticeState.SENT, Fate.WITHHELD: NoticeState.WITHHELD, Fate.DEAD: NoticeState.DEAD,
            Fate.FAILED: NoticeState.WAITING if due else NoticeState.DEAD,
        }[outcome.fate]  # fmt: skip
        zh, en = outcome.zh, outcome.en
        if outcome.fate is Fate.FAILED and due is None:
            zh, en = f"{zh}；尝试 {notice.tries} 次后放弃", f"{en}; given up after {notice.tries} attempts"
        notices.settle(conn, notice, state, outcome=outcome.fate.value, zh=zh, en=en, now=now, due_at=due)
        self._totals["sent" if state is NoticeState.SENT else "dead" if state is NoticeState.DEAD else "failed"] += 1
        if state is NoticeState.DEAD:
            log.warning("notice %d by %s: %s", notice.notice_id, notice.channel, en)

    def _listen(self, conn: Connection, now: datetime) -> None:
        """Takes in what sources brought, and asks those whose time has come."""
        for source, future in list(self._asked.items()):
            if future.done():
                del self._asked[source]
                fault = future.exception()
                if fault is None:
                    self._take(conn, source, future.result(), now)
                else:
                    self._note_fault(conn, source, fault, now)
        for source, reader in self._readers.items():
            asked_at = self._asked_at.get(source)
            if source not in self._asked and (asked_at is None or abs(now - asked_at).total_seconds() >= source.every_s):
                self._asked_at[source] = now
                self._asked[source] = self._listener.submit(reader.read, self._etags.get(source))

    def _take(self, conn: Connection, source: Source, brought: Brought, now: datetime) -> None:
        refused = 0
        for name, raw in brought.messages:
            try:
                made = take_in(conn, raw, source.source_id, name, now, inbox=self._inbox)
            except Exception as fault:
                if is_connection_lost(fault):
                    raise
                log.exception("a message of source %s could not be taken in", source.source_id)  # one of them stops no other
                refused += 1
            else:
                refused += isinstance(made, Refusal)
        self._etags[source] = brought.etag
        self._totals["taken_in"] += len(brought.messages) - refused
        self._totals["refused"] += refused
        zh = f"{brought.zh}；本次 {len(brought.messages)} 份，拒收 {refused} 份"
        en = f"{brought.en}; {len(brought.messages)} came this time, {refused} refused"
        external.note_polled(conn, source.source_id, now, is_well=brought.is_well, zh=zh, en=en, etag=brought.etag)

    def _note_fault(self, conn: Connection, source: Source, fault: BaseException, now: datetime) -> None:
        """A fault of ours in reading a source: it is told of, and asked again when its time has come."""
        log.error("source %s could not be read", source.source_id, exc_info=fault)
        name = type(fault).__name__
        zh, en = f"程序故障（{name}），详见日志", f"a fault of the program ({name}), see its log"
        external.note_polled(conn, source.source_id, now, is_well=False, zh=zh, en=en, etag=self._etags.get(source))


def reminder(
    role: Role, channel: str, to: Recipient, text: Text, about: Sequence[tuple[Warning, datetime]], now: datetime
) -> Notice:  # fmt: skip
    """A notice to one recipient of what waits for a role."""
    digest = hashlib.sha256(f"{to.address}\n{to.audience}\n{to.lang}".encode()).hexdigest()[:12]
    gravest = min((one.level for one, _ in about), key=lambda level: level.rank)
    facts = {
        "step": notices.REMINDER, "role": role.value, "level": gravest.value, "n": len(about),
        "warnings": [one.warning_id for one, _ in about],
    }  # fmt: skip
    return Notice(
        notice_id=0, key=f"{notices.REMINDER}.{role.value}.{now:%Y%m%dT%H%M%S%fZ}.{channel}.{digest}", channel=channel,
        audience=to.audience, lang=to.lang, recipient=to.address, mode=WarningMode.ACTUAL, subject=text.subject, body=text.body,
        created_at=now, due_at=now, state=NoticeState.WAITING, facts=facts,
    )  # fmt: skip


def _outcome(future: Future[Outcome], notice: Notice) -> Outcome:
    """What a channel answered; a fault of ours is told like one of the far end, or one notice would stop all others."""
    fault = future.exception()
    if fault is None:
        return future.result()
    log.error("notice %d by %s failed", notice.notice_id, notice.channel, exc_info=fault)
    name = type(fault).__name__
    return Outcome(Fate.FAILED, f"程序故障（{name}），详见日志", f"a fault of the program ({name}), see its log")
