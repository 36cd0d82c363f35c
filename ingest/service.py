"""The ingester: takes messages from the broker, stores them in batches, and only then acknowledges them.

Messages wait in a bounded queue while a batch is written; the broker holds back when the window of unacknowledged messages is
full. After a lost connection what is still unacknowledged comes again: it is written once, and an old message number is never
acknowledged on a new connection. A database that is away is waited for; a message that can never be stored becomes a dead
letter, so that it does not block those behind it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.subscribeoptions import SubscribeOptions

from domain.batches import Batch, BatchCounts
from domain.rejections import Reason, reject
from ingest.complaints import short
from ingest.parse import parse
from ingest.quality import judge
from iot.mqtt import BrokerAddress, BrokerUnreachable, connect, new_client
from iot.topics import SUBSCRIPTION, parse_topic
from storage import heartbeats, retirement, rollups
from storage.connection import Connection, in_one_line, is_connection_lost, is_unstorable, why_lost
from storage.ingestion import Ingestion
from storage.partitions import PARTITIONED, drop_before
from storage.ticking import BEAT_EVERY, connect_patiently, instance_name, run_ticks

log = logging.getLogger(__name__)

BATCH_MESSAGES = 2_000
BATCH_WAIT_S = 0.25
"""A batch is closed by whichever comes first (measured: larger gains nothing, longer is felt on the screen)."""

DEAD_LETTERS_KEPT = timedelta(days=30)

PAUSE_S = 2.0
"""Before what the database could not take is tried again."""
QUEUE_MESSAGES = 20_000
"""Messages held in memory at most; the reader of the socket waits when it is full."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: `mid` is its number on connection `epoch`."""

    topic: str
    payload: bytes
    received_time: datetime
    mid: int
    qos: int
    epoch: int


def to_batch(messages: Sequence[Message]) -> Batch:
    """What a stretch of messages says, sorted by noun."""
    batch = Batch()
    for message in messages:
        batch.extend(parse(message.topic, message.payload, message.received_time))
    return batch


def store(ingestion: Ingestion, messages: Sequence[Message], now: datetime) -> BatchCounts:
    """Stores messages in one transaction. If the database cannot hold one of them, halves are tried until it is found:
    the others are stored, that one becomes a dead letter."""
    try:
        return store_batch(ingestion, to_batch(messages), now)
    except Exception as fault:
        if not is_unstorable(fault):
            raise
        ingestion.registry.forget()  # what it learnt in the failed transaction was undone; it learns again as it goes
        if len(messages) == 1:
            log.warning("a message on %s cannot be stored (%s): kept as a dead letter", messages[0].topic, fault)
            return store_batch(ingestion, _dead_letter(messages[0], fault), now)
        middle = len(messages) // 2
        return store(ingestion, messages[:middle], now) + store(ingestion, messages[middle:], now)


def store_batch(ingestion: Ingestion, batch: Batch, now: datetime) -> BatchCounts:
    """Registers, judges and writes a batch."""
    ingestion.register(batch, now)
    streams = ingestion.registry.streams
    batch.readings[:] = [judge(reading, streams[reading.device_id, reading.property, reading.item]) for reading in batch.readings]
    return ingestion.write(batch)


def _dead_letter(message: Message, fault: Exception) -> Batch:
    batch = Batch()
    topic = parse_topic(message.topic)
    said = {"said": short(in_one_line(fault))}
    batch.add(
        reject(Reason.UNSTORABLE, message.topic, message.payload, message.received_time, topic.device_id if topic else None, said)
    )
    return batch


class Ingester:
    """One subscription to the broker and one connection to the database."""

    def __init__(self, broker: BrokerAddress, client_id: str, stop: threading.Event) -> None:
        self._broker = broker
        self._stop = stop
        self._queue: queue.Queue[Message] = queue.Queue(QUEUE_MESSAGES)
        self._epoch = 0
        self.is_subscribed = threading.Event()
        """Set once the broker keeps messages for us: what is published before the very first time is nobody's."""
        self._client = new_client(broker, client_id, keeps_session=True, manual_ack=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._closing = threading.Event()
        self._figures = Figures()

    def run(self, database_url: str) -> None:
        """Works until told to stop, then stores what is in hand and leaves."""
        if not self._connect_broker():
            return
        self._client.loop_start()
        try:
            pending: list[Message] = []
            while not (self._stop.is_set() and not pending and self._queue.empty()):
                conn = connect_patiently(database_url, application="cityhelm-ingest", stop=self._stop)
                if conn is None:
                    break
                try:
                    self._work(conn, pending)
                except Exception as fault:
                    if not is_connection_lost(fault):
                        raise
                    log.warning("%s; %d messages are held until then", why_lost(fault), len(pending) + self._queue.qsize())
                    self._stop.wait(PAUSE_S)
                finally:
                    conn.close()
        finally:
            self._closing.set()  # first, so that the thread that reads the socket does not wait for room in the queue
            self._client.disconnect()
            self._client.loop_stop()

    def _work(self, conn: Connection, pending: list[Message]) -> None:
        ingestion = Ingestion(conn)
        started_at = datetime.now(UTC)
        beaten_at = started_at - BEAT_EVERY
        while True:
            if not pending:
                pending.extend(self._take())
            now = datetime.now(UTC)
            if pending:
                counts = store(ingestion, pending, now)
                committed_at = datetime.now(UTC)
                for message in pending:
                    if message.qos > 0 and message.epoch == self._epoch:
                        self._client.ack(message.mid, message.qos)
                self._figures.note(counts, pending, began=now, committed_at=committed_at)
                pending.clear()
            elif self._stop.is_set():
                return
            if now - beaten_at >= BEAT_EVERY:
                metrics = self._figures.as_metrics(now, waiting=self._queue.qsize(), broker=self._broker)
                metrics["subscribed"] = self.is_subscribed.is_set()
                heartbeats.beat(conn, "ingest", instance_name(), started_at=started_at, now=now, metrics=metrics)
                beaten_at = now

    def _take(self) -> list[Message]:
        """The next batch: waits up to BATCH_WAIT_S for it to fill."""
        messages: list[Message] = []
        deadline = time.monotonic() + BATCH_WAIT_S
        while len(messages) < BATCH_MESSAGES:
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                break
            try:
                messages.append(self._queue.get(timeout=remaining_s))
            except queue.Empty:
                break
        return messages

    def _connect_broker(self) -> bool:
        wait_s = 0.5
        while not self._stop.is_set():
            try:
                connect(self._client, self._broker, keeps_session=True)
                return True
            except BrokerUnreachable as fault:
                log.warning("%s; trying again in %.0f s", fault, wait_s)
                self._stop.wait(wait_s)
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
        self._epoch += 1
        log.info(
            "connected to %s, %s",
            self._broker.named,
            "the session of before goes on" if flags.session_present else "a new session",
        )
        # Every time: a connection may have broken between the session's beginning and its subscription. Births and states the
        # broker retains are only asked for when the subscription is new.
        if self._broker.protocol == 5:
            client.subscribe(
                SUBSCRIPTION, options=SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            )
        elif not flags.session_present:
            client.subscribe(SUBSCRIPTION, qos=1)
        else:
            self.is_subscribed.set()

    def _on_subscribe(self, client: paho.Client, userdata: Any, mid: int, reasons: Sequence[Any], properties: Any) -> None:
        refused = [reason for reason in reasons if reason.is_failure]
        if refused:
            log.error(
                "the broker at %s refuses the subscription %s (%s): give the account of MQTT_URL the right to read it",
                self._broker.named, SUBSCRIPTION, refused[0],
            )  # fmt: skip
        else:
            self.is_subscribed.set()

    def _on_disconnect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._epoch += 1
        if not self._stop.is_set():
            log.warning("lost the broker at %s (%s); reconnecting", self._broker.named, reason)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        taken = Message(message.topic, bytes(message.payload), datetime.now(UTC), message.mid, message.qos, self._epoch)
        # When told to stop, what still arrives is left unacknowledged: the broker keeps it for the next start.
        while not self._stop.is_set() and not self._closing.is_set():
            try:
                self._queue.put(taken, timeout=0.5)
                return
            except queue.Full:
                continue


class Figures:
    """The ingester's own figures over the last ten seconds, for the system page."""

    _SPAN = timedelta(seconds=10)

    def __init__(self) -> None:
        self._recent: deque[tuple[datetime, int, int, float, float]] = deque()
        self._totals = BatchCounts()

    def note(self, counts: BatchCounts, messages: Sequence[Message], *, began: datetime, committed_at: datetime) -> None:
        waited_s = (committed_at - min(message.received_time for message in messages)).total_seconds()
        commit_ms = (committed_at - began).total_seconds() * 1000
        self._recent.append((committed_at, len(messages), counts.received, commit_ms, waited_s))
        self._totals = self._totals + counts

    def as_metrics(self, now: datetime, *, waiting: int, broker: BrokerAddress) -> dict[str, Any]:
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
            "waiting_messages": waiting,
            "received_total": self._totals.received,
            "stored_total": self._totals.stored,
            "late_total": self._totals.late,
            "duplicate_total": self._totals.duplicate,
            "corrected_total": self._totals.corrected,
            "rejected_total": self._totals.rejected,
            "broker": broker.named,
            "protocol": broker.protocol,
        }


def _p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def maintain(conn: Connection, now: datetime, *, retention: timedelta) -> dict[str, Any]:
    """One round of housekeeping: hourly rollups; whole days older than the retention, and old rows of small tables, go."""
    rolled = rollups.refresh(conn, now, oldest_kept=now - retention)
    retired = retirement.delete_before(conn, now - retention, dead_letters_before=now - DEAD_LETTERS_KEPT)
    for table in PARTITIONED:
        if dropped := drop_before(conn, table, now - retention):
            log.info("retention: dropped %d day(s) of %s older than %d days", len(dropped), table, retention.days)
    return {"rolled_up_hours": rolled, "retired_rows": retired}


def run(database_url: str, broker: BrokerAddress, *, client_id: str, retention_days: int, stop: threading.Event) -> None:
    """The ingest process: the ingester in this thread, housekeeping in another. A fault of either ends both and rises."""
    retention = timedelta(days=retention_days)
    faults: list[Exception] = []

    def keep_house() -> None:
        try:
            run_ticks(
                database_url,
                "housekeeping",
                lambda conn, now: maintain(conn, now, retention=retention),
                period_s=10.0,
                stop=stop,
                clock=lambda: datetime.now(UTC),
            )
        except Exception as fault:  # raised again in the process's own thread
            faults.append(fault)
            stop.set()

    housekeeping = threading.Thread(target=keep_house, name="housekeeping", daemon=True)
    housekeeping.start()
    Ingester(broker, client_id, stop).run(database_url)
    stop.set()
    housekeeping.join(timeout=20)
    if faults:
        raise faults[0]
