"""The ingester: takes messages from the broker, stores them in batches, and only then acknowledges them.

Messages wait in a room of bounded size while a batch is written; the broker holds back when the window of unacknowledged
messages is full. After a lost connection what is still unacknowledged comes again: it is written once, and an old message number
is never acknowledged on a new connection. A database that is away is waited for; a message that can never be stored becomes a
dead letter, so that it does not block those behind it, and so does what a device sends beyond its allowance.
"""

from __future__ import annotations

import logging
import math
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.subscribeoptions import SubscribeOptions

from domain.batches import Batch, BatchCounts, Report
from domain.observations import Rejection
from domain.rejections import Reason, reject
from ingest import cap
from ingest.complaints import short
from ingest.parse import parse
from ingest.quality import judge
from ingest.rates import RateLimit, Rates
from ingest.waiting import Message, WaitingRoom
from iot.mqtt import BrokerAddress, BrokerUnreachable, connect, new_client, why_unreachable
from iot.topics import SUBSCRIPTION, parse_topic
from storage import devices, heartbeats, retirement, rollups
from storage.connection import Connection, in_one_line, is_connection_lost, is_unstorable, why_lost
from storage.ingestion import Ingestion
from storage.partitions import PARTITIONED, drop_before
from storage.ticking import BEAT_EVERY, connect_patiently, instance_name, run_ticks

log = logging.getLogger(__name__)

BATCH_MESSAGES = 2_000
BATCH_WAIT_S = 0.25
"""A batch is closed by whichever comes first (measured: larger gains nothing, longer is felt on the screen)."""

DEAD_LETTERS_KEPT = timedelta(days=30)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0
"""Before what the database could not take is tried again: doubled each time, and scattered."""

ROOM_MESSAGES = 20_000
ROOM_BYTES = 64 * 2**20
BATCH_BYTES = 8 * 2**20
"""What is held in memory at most, payloads as they came: so much waits, and so much is being written."""
BATCH_REPORTS = 100_000
"""What is written in one transaction, or one message more: a payload of a few kilobytes can say thousands of things."""

DRAIN_S = 8.0
"""How long what is in hand may take after the request to stop. What is not stored by then is not acknowledged either."""

LONG_COMMIT_S = 1.0
"""A batch that takes longer keeps messages waiting at the broker, which come all at once afterwards."""

GENEROUS = RateLimit(messages_per_s=100, burst=50_000)
"""What a device may send unless the policy says otherwise. Our choice: sensors of a city speak once a second at the most, and
hosted brokers let a client say 10 (Cloudflare Pub/Sub) or 20 (Losant) messages a second, as their documentation has it; a device
that kept a day of readings, one every two seconds, while its line was cut has 43,200 to say at once."""

SHARED = f"$share/ingest/{SUBSCRIPTION}"
"""The subscription of several ingesters, among which the broker divides the messages (MQTT 5, section 4.8.2)."""


def _reports(message: Message) -> Sequence[Report]:
    """What a message says, or that its device says too much."""
    reports = _said_by(message)
    if not message.is_again:
        return reports
    return [replace(report, is_again=True) if isinstance(report, Rejection) else report for report in reports]


def _said_by(message: Message) -> Sequence[Report]:
    if message.is_one_too_many:
        return [_refused(message, Reason.RATE_LIMITED, {})]
    try:
        return parse(message.topic, message.payload, message.received_time)
    except Exception as fault:  # a fault of ours, and this message would meet it again at every start
        log.exception("a message on %s cannot be read: kept as a dead letter", message.topic)
        said = {"name": "payload", "value": short(message.payload[:60].decode(errors="replace")), "said": short(repr(fault))}
        return [_refused(message, Reason.UNUSABLE, said)]


def store(ingestion: Ingestion, messages: Sequence[Message], now: datetime) -> BatchCounts:
    """Stores messages, in one transaction if they say no more than BATCH_REPORTS. If the database cannot hold one of them, halves
    are tried until it is found: the others are stored, that one becomes a dead letter."""
    counts = BatchCounts()
    batch, n_reports, first = Batch(), 0, 0
    for k, message in enumerate(messages):
        reports = _reports(message)
        batch.extend(reports)
        n_reports += len(reports)
        if n_reports >= BATCH_REPORTS or k + 1 == len(messages):
            counts += _store_or_divide(ingestion, messages[first : k + 1], batch, now)
            batch, n_reports, first = Batch(), 0, k + 1
    return counts


def _store_or_divide(ingestion: Ingestion, messages: Sequence[Message], batch: Batch, now: datetime) -> BatchCounts:
    """Stores the `batch` that `messages` make."""
    try:
        return store_batch(ingestion, batch, now)
    except Exception as fault:
        if not is_unstorable(fault):
            raise
        ingestion.registry.forget()  # what it learnt in the failed transaction was undone; it learns again as it goes
        if len(messages) == 1:
            log.warning("a message on %s cannot be stored (%s): kept as a dead letter", messages[0].topic, fault)
            letter = Batch()
            letter.add(_refused(messages[0], Reason.UNSTORABLE, {"said": short(in_one_line(fault))}))
            return store_batch(ingestion, letter, now)
        middle = len(messages) // 2
        return store(ingestion, messages[:middle], now) + store(ingestion, messages[middle:], now)


def store_batch(ingestion: Ingestion, batch: Batch, now: datetime) -> BatchCounts:
    """Registers, judges and writes a batch, without what would give a device too many series."""
    if new := cap.find_new(batch, ingestion.registry.streams):
        n_series = devices.count_series(ingestion.conn, {device_id for device_id, *_ in new})
        batch = cap.turn_away(batch, cap.beyond(new, n_series, cap.MOST_SERIES), cap.MOST_SERIES)
    ingestion.register(batch, now)
    return ingestion.write(batch, judge)


def _refused(message: Message, reason: Reason, said: dict[str, str]) -> Rejection:
    topic = parse_topic(message.topic)
    refused = reject(reason, message.topic, message.payload, message.received_time, topic.device_id if topic else None, said)
    return replace(refused, is_again=True) if message.is_again else refused


class Ingester:
    """One subscription to the broker and one connection to the database."""

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str,
        stop: threading.Event,
        *,
        limit: RateLimit = GENEROUS,
        is_one_of_several: bool = False,
    ) -> None:
        self._broker, self._client_id, self._stop = broker, client_id, stop
        self._subscription = SHARED if is_one_of_several else SUBSCRIPTION
        self._room = WaitingRoom(messages=ROOM_MESSAGES, payload_bytes=ROOM_BYTES)
        self._rates = Rates(limit)
        self._epoch = 0
        self._epoch_lock = threading.Lock()
        """Held while acknowledging, so that no connection ends and begins between looking at an epoch and using its numbers."""
        self._absent_since: float | None = None
        self._absent_s = 0.0
        """Seconds in which nothing was taken that the rates have not been told of yet; see `_note_absence`."""
        self._had_session = False
        self.is_subscribed = threading.Event()
        """Set once the broker keeps messages for us: what is published before the very first time is nobody's."""
        self._client = new_client(broker, client_id, keeps_session=True, manual_ack=True)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._closing = threading.Event()
        self._figures = Figures()

    @property
    def in_hand(self) -> int:
        """Messages that came and wait to be stored."""
        return len(self._room)

    def run(self, database_url: str) -> None:
        """Works until told to stop, then stores what is in hand and leaves."""
        if not self._connect_broker():
            return
        self._client.loop_start()
        try:
            pending: list[Message] = []
            pause_s = FIRST_PAUSE_S
            while not (self._stop.is_set() and not pending and not self._room):
                began = time.monotonic()
                conn = connect_patiently(database_url, application="cityhelm-ingest", stop=self._stop)
                self._note_absence(time.monotonic() - began)
                if conn is None:
                    break
                n_stored = self._figures.n_batches
                try:
                    self._work(conn, pending)
                except Exception as fault:
                    if not is_connection_lost(fault):
                        raise
                    self._figures.note_outage(datetime.now(UTC))
                    pause_s = FIRST_PAUSE_S if self._figures.n_batches > n_stored else min(pause_s * 2, LONGEST_PAUSE_S)
                    log.warning(
                        "%s; %d messages (%.1f MB) are held until then, the broker keeps the others",
                        why_lost(fault), len(pending) + len(self._room), _megabytes(pending, self._room),
                    )  # fmt: skip
                    wait_s = pause_s * random.uniform(0.7, 1.3)
                    self._note_absence(wait_s)
                    self._stop.wait(wait_s)
                finally:
                    conn.close()
        finally:
            self._closing.set()  # first, so that the thread that reads the socket does not wait at the door of the room
            self._client.disconnect()
            self._client.loop_stop()

    def _work(self, conn: Connection, pending: list[Message]) -> None:
        ingestion = Ingestion(conn)
        started_at = datetime.now(UTC)
        if not self._figures.n_batches:
            last = heartbeats.find_last(conn, "ingest", {"client_id": self._client_id})
            if last is not None:
                self._note_absence((started_at - last).total_seconds())
        beaten_at = started_at - BEAT_EVERY
        while True:
            if not pending:
                pending.extend(self._take())
            now = datetime.now(UTC)
            if pending:
                counts = store(ingestion, pending, now)
                committed_at = datetime.now(UTC)
                self._acknowledge(pending)
                self._figures.note(counts, pending, began=now, committed_at=committed_at)
                pending.clear()
                if (took_s := (committed_at - now).total_seconds()) > LONG_COMMIT_S:
                    self._note_absence(took_s)
            elif self._stop.is_set():
                return
            if now - beaten_at >= BEAT_EVERY:
                metrics = self._figures.as_metrics(now, room=self._room, broker=self._broker)
                metrics |= {"subscribed": self.is_subscribed.is_set(), "client_id": self._client_id}
                heartbeats.beat(conn, "ingest", instance_name(), started_at=started_at, now=now, metrics=metrics)
                beaten_at = now

    def _acknowledge(self, stored: Sequence[Message]) -> None:
        """In the order of arrival, on the connection on which they came; what came on an earlier one comes again and is known."""
        with self._epoch_lock:
            for message in stored:
                if message.qos > 0 and message.epoch == self._epoch:
                    self._client.ack(message.mid, message.qos)

    def _take(self) -> list[Message]:
        """The next batch: waits up to BATCH_WAIT_S for it to fill. Marks what devices sent beyond their allowance."""
        messages = self._room.leave(messages=BATCH_MESSAGES, payload_bytes=BATCH_BYTES, wait_s=BATCH_WAIT_S)
        with self._epoch_lock:
            absent_s, self._absent_s = self._absent_s, 0.0
        if messages and absent_s:
            self._rates.make_up_for(absent_s, messages[-1].received_time.timestamp())
        for n, message in enumerate(messages):
            topic = parse_topic(message.topic)
            received_s = message.received_time.timestamp()
            if topic is not None and not self._rates.spend(topic.device_id, received_s, len(message.payload)):
                messages[n] = replace(message, is_one_too_many=True)
        return messages

    def _note_absence(self, seconds: float) -> None:
        """Of whatever kept us from taking what was sent meanwhile."""
        with self._epoch_lock:
            self._absent_s += max(0.0, seconds)

    def _connect_broker(self) -> bool:
        wait_s = 0.5
        while not self._stop.is_set():
            try:
                connect(self._client, self._broker, keeps_session=True)
                return True
            except BrokerUnreachable as fault:
                log.warning("%s; trying again in %.0f s", fault, wait_s)
                self._stop.wait(wait_s * random.uniform(0.7, 1.3))
                wait_s = min(wait_s * 2, 30.0)
        return False

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            log.error(
                "the broker at %s refused the connection (%s): check the user and password in MQTT_URL",
                self._broker.named,
                reason,
            )
            return
        with self._epoch_lock:
            self._epoch += 1
        if self._absent_since is not None:
            self._note_absence(time.monotonic() - self._absent_since)
            self._absent_since = None
        if self._had_session and not flags.session_present:
            self._figures.n_lost_sessions += 1
            log.error(
                "the broker at %s has forgotten our session, and with it what it was to keep for us: expected one that keeps "
                "sessions when it is restarted; `cityhelm doctor` says what it keeps",
                self._broker.named,
            )
        self._had_session = True
        log.info(
            "connected to %s, %s",
            self._broker.named,
            "the session of before goes on" if flags.session_present else "a new session",
        )
        # Every time: a connection may have broken between the session's beginning and its subscription. Births and states the
        # broker retains are only asked for when the subscription is new; a shared one is never given any.
        if self._broker.protocol == 5:
            client.subscribe(
                self._subscription, options=SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            )
        elif not flags.session_present:
            client.subscribe(self._subscription, qos=1)
        else:
            self.is_subscribed.set()

    def _on_connect_fail(self, client: paho.Client, userdata: Any) -> None:
        fault = sys.exc_info()[1]  # paho calls this while it handles what went wrong, which it does not hand over
        if isinstance(fault, OSError | ValueError) and not self._stop.is_set():
            log.warning("%s; trying again", why_unreachable(self._broker, fault))

    def _on_subscribe(self, client: paho.Client, userdata: Any, mid: int, reasons: Sequence[Any], properties: Any) -> None:
        refused = [reason for reason in reasons if reason.is_failure]
        if refused:
            log.error(
                "the broker at %s refuses the subscription %s (%s): give the account of MQTT_URL the right to read it",
                self._broker.named, self._subscription, refused[0],
            )  # fmt: skip
        else:
            self.is_subscribed.set()

    def _on_disconnect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._epoch_lock:
            self._epoch += 1
        if self._absent_since is None:
            self._absent_since = time.monotonic()
        if not self._stop.is_set():
            log.warning("lost the broker at %s (%s); reconnecting", self._broker.named, reason)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        taken = Message(
            _topic(message),
            bytes(message.payload),
            datetime.now(UTC),
            message.mid,
            message.qos,
            self._epoch,
            is_again=message.dup,
        )
        # When told to stop, what still arrives is left unacknowledged: the broker keeps it for the next start.
        began = time.monotonic()
        self._room.enter(taken, gives_up=lambda: self._stop.is_set() or self._closing.is_set())
        if (waited_s := time.monotonic() - began) > LONG_COMMIT_S:
            self._note_absence(waited_s)


def _topic(message: paho.MQTTMessage) -> str:
    """The topic in characters that a database holds. MQTT forbids others (3.1.1 and 5, section 1.5), but not every broker looks:
    what is none is written out, so that it neither ends the thread that reads the socket nor comes again and again."""
    try:
        topic = message.topic
    except UnicodeDecodeError as fault:
        topic = bytes(fault.object).decode(errors="backslashreplace")
    return topic.replace("\0", "\\x00")


def _megabytes(pending: Sequence[Message], room: WaitingRoom) -> float:
    return (sum(len(message.payload) for message in pending) + room.held_bytes) / 1e6


class Figures:
    """The ingester's own figures over the last ten seconds, for the system page."""

    _SPAN = timedelta(seconds=10)

    def __init__(self) -> None:
        self._recent: deque[tuple[datetime, int, int, float, float]] = deque()
        self._totals = BatchCounts()
        self.n_batches = 0
        self.n_lost_sessions = 0
        self._n_limited = 0
        self._out_since: datetime | None = None
        self._last_outage: tuple[datetime, float] | None = None  # when it ended, and how many seconds it lasted

    def note_outage(self, at: datetime) -> None:
        """The database did not take a batch at `at`."""
        self._out_since = self._out_since or at

    def note(self, counts: BatchCounts, messages: Sequence[Message], *, began: datetime, committed_at: datetime) -> None:
        self.n_batches += 1
        self._n_limited += sum(message.is_one_too_many for message in messages)
        if self._out_since is not None:
            lasted_s = (committed_at - self._out_since).total_seconds()
            self._out_since, self._last_outage = None, (committed_at, lasted_s)
            log.info("the database takes what comes again after %.0f s; nothing that was held is lost", lasted_s)
        waited_s = (committed_at - min(message.received_time for message in messages)).total_seconds()
        commit_ms = (committed_at - began).total_seconds() * 1000
        self._recent.append((committed_at, len(messages), counts.received, commit_ms, waited_s))
        self._totals = self._totals + counts

    def as_metrics(self, now: datetime, *, room: WaitingRoom, broker: BrokerAddress) -> dict[str, Any]:
        while self._recent and now - self._recent[0][0] > self._SPAN:
            self._recent.popleft()
        span_s = self._SPAN.total_seconds()
        commits_ms = sorted(entry[3] for entry in self._recent)
        lags_s = sorted(entry[4] for entry in self._recent)
        return {
            "messages_per_s": round(sum(entry[1] for entry in self._recent) / span_s, 1),
            "readings_per_s": round(sum(entry[2] for entry in self._recent) / span_s, 1),
            "commit_ms_p95": round(_p95(commits_ms), 1) if commits_ms else None,
            "lag_s_p95": round(_p95(lags_s), 3) if lags_s else None,
            "waiting_messages": len(room),
            "waiting_bytes": room.held_bytes,
            "received_total": self._totals.received,
            "stored_total": self._totals.stored,
            "late_total": self._totals.late,
            "duplicate_total": self._totals.duplicate,
            "corrected_total": self._totals.corrected,
            "rejected_total": self._totals.rejected,
            "rate_limited_total": self._n_limited,
            "database_back_at": self._last_outage[0].isoformat() if self._last_outage else None,
            "database_away_s": round(self._last_outage[1], 1) if self._last_outage else None,
            "lost_sessions_total": self.n_lost_sessions,
            "broker": broker.named,
            "protocol": broker.protocol,
        }


def _p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


ROLLS_UP_AT_MOST = 0.1
"""Share of the time that is spent on rollups: while weeks are written at once, an hour that is still being written would be
counted again and again."""


class Housekeeper:
    """Keeps house round by round, and rests after long rollups; `clock_s` measures how long they take."""

    def __init__(
        self, retention: timedelta, sign_ins: timedelta | None = None, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._retention, self._sign_ins, self._clock_s = retention, sign_ins, clock_s
        self._rests_until_s = -math.inf

    def tick(self, conn: Connection, now: datetime) -> dict[str, Any]:
        began_s = self._clock_s()
        rolls_up = began_s >= self._rests_until_s
        done = maintain(conn, now, retention=self._retention, sign_ins=self._sign_ins, rolls_up=rolls_up)
        if rolls_up:
            ended_s = self._clock_s()
            self._rests_until_s = ended_s + (ended_s - began_s) * (1 / ROLLS_UP_AT_MOST - 1)
        return done


def maintain(
    conn: Connection, now: datetime, *, retention: timedelta, sign_ins: timedelta | None = None, rolls_up: bool = True
) -> dict[str, Any]:
    """One round of housekeeping: hourly rollups; whole days older than the retention, and old rows of small tables, go."""
    rolled = rollups.refresh(conn, now, oldest_kept=now - retention) if rolls_up else 0
    retired = retirement.delete_before(
        conn, now - retention, dead_letters_before=now - DEAD_LETTERS_KEPT, sign_ins_before=now - (sign_ins or retention)
    )  # fmt: skip
    for table in PARTITIONED:
        if dropped := drop_before(conn, table, now - retention):
            log.info("retention: dropped %d day(s) of %s older than %d days", len(dropped), table, retention.days)
    return {"rolled_up_hours": rolled, "retired_rows": retired}


def run(
    database_url: str,
    broker: BrokerAddress,
    *,
    client_id: str,
    retention_days: int,
    stop: threading.Event,
    sign_in_days: int | None = None,
    limit: RateLimit = GENEROUS,
    is_one_of_several: bool = False,
) -> None:
    """The ingest process: the ingester in one thread, housekeeping in another. A fault of either ends both and rises. Returns at
    the latest DRAIN_S after `stop`, also when the database hangs in the middle of a batch."""
    retention, sign_ins = timedelta(days=retention_days), timedelta(days=sign_in_days or retention_days)
    faults: list[Exception] = []

    def begin(name: str, work: Callable[[], None]) -> threading.Thread:
        def do() -> None:
            try:
                work()
            except Exception as fault:  # raised again in the process's own thread
                faults.append(fault)
            finally:
                stop.set()

        thread = threading.Thread(target=do, name=name, daemon=True)
        thread.start()
        return thread

    def keep_house() -> None:
        run_ticks(
            database_url,
            "housekeeping",
            Housekeeper(retention, sign_ins).tick,
            period_s=10.0,
            stop=stop,
            clock=lambda: datetime.now(UTC),
        )

    housekeeping = begin("housekeeping", keep_house)
    ingester = Ingester(broker, client_id, stop, limit=limit, is_one_of_several=is_one_of_several)
    ingesting = begin("ingester", lambda: ingester.run(database_url))
    stop.wait()
    deadline = time.monotonic() + DRAIN_S
    ingesting.join(DRAIN_S)
    if ingesting.is_alive():
        log.warning(
            "the database did not take within %.0f s what was in hand (%d messages and a batch): it was not acknowledged, "
            "and the broker gives it again at the next start",
            DRAIN_S, ingester.in_hand,
        )  # fmt: skip
    housekeeping.join(max(0.0, deadline - time.monotonic()))
    if faults:
        raise faults[0]
