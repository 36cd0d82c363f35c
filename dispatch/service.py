"""The dispatcher: takes orders through their steps, sends what the outbox holds, closes what nobody acted on, seals the audit.

The outbox is the only memory of what has to leave. A command is marked as sent when the broker has acknowledged it; whatever
happens between the two sends it again, under the same id, which units know. While the broker is away nothing is handed over.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import msgspec

from dispatch.closing import DISPATCHER, Unattended, close_unattended
from dispatch.orders import call_back, leave_incident, release
from dispatch.settle import Step, next_of_move, next_step
from domain.observations import FUTURE_TOLERANCE
from domain.orders import OPEN_ORDER_STATES, OrderState
from domain.rights import Action
from iot.mqtt import BrokerAddress, BrokerUnreachable, Publisher, PublishRefused
from storage import audit, orders, outbox, stand_bys, units
from storage.connection import Connection
from storage.orders import OpenOrder
from storage.stand_bys import OpenStandBy
from storage.ticking import instance_name, run_ticks

log = logging.getLogger(__name__)

TICK_S = 0.25
SEAL_EVERY = timedelta(milliseconds=250)
CLOSE_EVERY = timedelta(minutes=1)
RETRY_AFTER = timedelta(seconds=2)
CONNECT_S = 2.0
ACKNOWLEDGE_S = 5.0
"""A broker that has not acknowledged a command by then is taken for away."""
WINDOW = 100
_INSTANT = timedelta(microseconds=1)


def run(database_url: str, broker: BrokerAddress, *, order_expiry_s: float, unattended: Unattended, stop: Event) -> None:
    """Dispatches until `stop` is set. Orders that cannot be sent for `order_expiry_s` lapse: the log says so when it matters."""
    line = Line(broker, client_id=f"cityhelm-dispatcher-{instance_name()}", order_expiry_s=order_expiry_s, stop=stop)
    dispatcher = Dispatcher(line, unattended)
    try:
        run_ticks(database_url, "dispatcher", dispatcher.tick, period_s=TICK_S, stop=stop, clock=lambda: datetime.now(UTC))
    finally:
        line.close()


class Line:
    """The line to the broker, opened again whenever it is lost. It keeps nothing: a line that is closed forgets what it was
    given and had not delivered."""

    def __init__(self, broker: BrokerAddress, *, client_id: str, order_expiry_s: float, stop: Event) -> None:
        self._broker, self._client_id, self._order_expiry_s, self._stop = broker, client_id, order_expiry_s, stop
        self._publisher: Publisher | None = None
        self._tried_at: datetime | None = None
        self._is_away = False
        self._refused_at: dict[str, datetime] = {}

    def is_open(self) -> bool:
        return self._publisher is not None and self._publisher.client.is_connected()

    def open(self, now: datetime) -> bool:
        """Whether the line is open, after trying to open it if that is due."""
        if self.is_open():
            return True
        self.close()
        if self._tried_at is not None and abs(now - self._tried_at) < RETRY_AFTER:
            return False
        self._tried_at = now
        publisher = Publisher(self._broker, self._client_id, window=WINDOW)
        try:
            publisher.open()
        except BrokerUnreachable as fault:
            self._say_away(str(fault))
            return False
        self._publisher = publisher
        for _ in range(int(CONNECT_S / 0.02)):
            if self.is_open() or self._stop.wait(0.02):
                break
        if not self.is_open():
            self.close()
            self._say_away(
                f"the MQTT broker at {self._broker.named} did not let us in within {CONNECT_S:.0f} s: "
                "check that it runs, and the name and password in MQTT_URL"
            )
            return False
        if self._is_away:
            log.info("the broker at %s is back; commands leave again", self._broker.named)
        self._is_away = False
        return True

    def deliver(self, messages: list[tuple[int, str, bytes]], now: datetime) -> list[int]:
        """The numbers of those messages (number, topic, payload) that the broker has taken.

        When it answers nothing the line is closed. What it refuses holds nothing else up: each topic refused is tried again
        after a while, by itself.
        """
        if self._publisher is None:
            return []
        taken: list[int] = []
        trusted = [message for message in messages if message[1] not in self._refused_at]
        doubtful = [
            message
            for message in messages
            if message[1] in self._refused_at and abs(now - self._refused_at[message[1]]) >= RETRY_AFTER
        ]
        try:
            try:
                self._hand_over(self._publisher, trusted)
                taken += [number for number, _, _ in trusted]
            except PublishRefused:
                with suppress(PublishRefused):  # which of them it was, the next round tells
                    self._publisher.flush(timeout_s=ACKNOWLEDGE_S)
                doubtful = trusted + doubtful
            for message in doubtful:
                number, topic, _ = message
                try:
                    self._hand_over(self._publisher, [message])
                except PublishRefused as fault:
                    self._say_refused(str(fault))
                    self._refused_at[topic] = now
                else:
                    taken.append(number)
                    if self._refused_at.pop(topic, None) is not None and not self._refused_at:
                        log.info("the broker at %s takes every command again", self._broker.named)
        except BrokerUnreachable as fault:
            self.close()
            self._say_away(str(fault))
        return taken

    @staticmethod
    def _hand_over(publisher: Publisher, messages: Iterable[tuple[int, str, bytes]]) -> None:
        """Returns when the broker has taken every message. Raises PublishRefused, BrokerUnreachable."""
        for _, topic, payload in messages:
            publisher.publish(topic, payload, timeout_s=ACKNOWLEDGE_S)
        publisher.flush(timeout_s=ACKNOWLEDGE_S)

    def close(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def _say_away(self, fault: str) -> None:
        if not self._is_away:
            log.warning("%s. Orders wait meanwhile, and lapse after %.0f s", fault, self._order_expiry_s)
        self._is_away = True

    def _say_refused(self, fault: str) -> None:
        if not self._refused_at:
            log.warning("%s. Orders wait meanwhile, and lapse after %.0f s", fault, self._order_expiry_s)


class Dispatcher:
    """One round of work, and what it counts."""

    def __init__(self, line: Line, unattended: Unattended) -> None:
        self._line, self._unattended = line, unattended
        self._totals = Counter(published=0, sealed=0, unattended=0)
        self._sealed_at: datetime | None = None
        self._closed_at: datetime | None = None

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Settles, publishes, closes, seals; returns figures for the system page.

        Settling comes first, so that after a long absence what has lapsed is taken back before it could leave.
        """
        under_way = orders.list_open_orders(conn)
        for order in under_way:
            settle(conn, order, now)
        for move in stand_bys.list_open(conn):
            settle_move(conn, move, now)
        self.publish(conn, now)
        if self._closed_at is None or abs(now - self._closed_at) >= CLOSE_EVERY:
            self.close_unattended(conn, now)
            self._closed_at = now
        if self._sealed_at is None or abs(now - self._sealed_at) >= SEAL_EVERY:
            self._totals["sealed"] += audit.seal(conn, now)
            self._sealed_at = now
        return {
            "connected": self._line.is_open(),
            "unsent": len(outbox.list_sendable(conn)),
            "published_total": self._totals["published"],
            "open_orders": len(under_way),
            "sealed_total": self._totals["sealed"],
            "unattended_total": self._totals["unattended"],
        }

    def publish(self, conn: Connection, now: datetime) -> None:
        """Sends what may leave, and marks it when the broker has it. Commands of an exercise stay in the house."""
        is_open = self._line.open(now)
        commands = outbox.list_sendable(conn)
        if not commands or not is_open:
            return
        sent = self._line.deliver(
            [(command.outbox_id, command.topic, msgspec.json.encode(command.payload)) for command in commands], now
        )
        if sent:
            outbox.mark_sent(conn, sent, now)
            self._totals["published"] += len(sent)

    def close_unattended(self, conn: Connection, now: datetime) -> None:
        """Closes, and says so, incidents on which nobody acted for as long as the policy waits."""
        closed = close_unattended(conn, self._unattended, now)
        if closed:
            log.warning(
                "%d incident(s) closed as unattended, since nobody acted on them for %g h: %s",
                len(closed), self._unattended.after_s / 3600, ", ".join(closed[:5]) + (" …" if len(closed) > 5 else ""),
            )  # fmt: skip
        self._totals["unattended"] += len(closed)


def settle(conn: Connection, order: OpenOrder, now: datetime) -> None:
    """Takes an order one step further, if one is due and nobody has changed it meanwhile. One that lapses is in the log of
    operations: somebody has to send another."""
    now = max(now, order.issued_at + _INSTANT)
    step = next_step(order, now)
    if step is None:
        return
    with conn.transaction():
        unit = units.get_unit_for_update(conn, order.unit_id, now + FUTURE_TOLERANCE, order.exercise_id)
        found = orders.find_order(conn, order.order_id)
        if found is None or found[0].state is not order.state:
            return
        orders.set_state(conn, order.order_id, step.state, valid_from=step.since, recorded_at=now, detail=step.why)
        if step.frees_unit:
            release(conn, unit, order.order_id, now, order.exercise_id)
        if step.state not in OPEN_ORDER_STATES:
            leave_incident(conn, found[0].incident_id, now)  # it may have gone on for another since
        if step.state is OrderState.EXPIRED:
            call_back(conn, unit, order.order_id, now, order.exercise_id)
            audit.append(
                conn, DISPATCHER, Action.CANCEL_ORDER.value, f"{order.unit_id} → {order.incident_id}", outcome="done", now=now,
                detail={"order": order.order_id, "reason": step.why}, exercise_id=order.exercise_id,
            )  # fmt: skip
            _say_expired(order, step)


def settle_move(conn: Connection, move: OpenStandBy, now: datetime) -> None:
    """Settles a stand-by, if that is due and nobody was quicker. One that lapses, or is overtaken before it has left, is taken
    back where it still can be; the first is in the log of operations."""
    step = next_of_move(move, max(now, move.issued_at))
    if step is None:
        return
    with conn.transaction():
        if not stand_bys.settle(conn, move.command_id, step.state, step.why, step.since):
            return
        if step.state in (OrderState.EXPIRED, OrderState.CANCELLED):
            outbox.withdraw(conn, move.command_id)
        if step.state is OrderState.EXPIRED:
            audit.append(
                conn, DISPATCHER, Action.STAND_BY.value, f"{move.unit_id} → {move.place_id}", outcome="done", now=now,
                detail={"command": move.command_id, "lapsed": step.why}, exercise_id=move.exercise_id,
            )  # fmt: skip
            reason = "it was never sent" if step.why == "not_sent" else f"{move.unit_id} did not answer"
            log.warning("stand-by %s of %s at %s lapsed: %s", move.command_id, move.unit_id, move.place_id, reason)


def _say_expired(order: OpenOrder, step: Step) -> None:
    reason = "it was never sent" if step.why == "not_sent" else f"{order.unit_id} did not answer"
    log.warning("order %s to %s lapsed: %s by %s", order.order_id, order.incident_id, reason, order.expires_at.isoformat())
