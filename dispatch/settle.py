"""Settling: what becomes of an open order, from what its unit has said since and the time it is.

issued → sent → accepted → done        declined: the unit said no        expired: nobody answered in time
                         → cancelled: the unit is free again and never was there
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.orders import OrderState

ACCEPTED = "accepted"
"""The one answer that means yes; every other word of a unit means no and is kept."""


class Facts(Protocol):
    """What is known of an open order (`storage.orders.OpenOrder`)."""

    @property
    def state(self) -> OrderState: ...
    @property
    def issued_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def is_published(self) -> bool: ...
    @property
    def ack_result(self) -> str | None: ...
    @property
    def ack_time(self) -> datetime | None: ...
    @property
    def has_started(self) -> bool: ...
    @property
    def was_there(self) -> bool: ...
    @property
    def free_again_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """The next state of an order, since when, and in a word why: the unit's own for a refusal, otherwise "unanswered" (it set out
    without an answer), "no_answer", "not_sent", or "gave_up" (it is free again without having been there). `frees_unit` when the
    unit has to be made available by us.
    """

    state: OrderState
    since: datetime
    why: str | None = None
    frees_unit: bool = False


def next_step(order: Facts, now: datetime) -> Step | None:
    """The step that is due at `now`, or None. What the unit did counts before what it said, and both before the clock.

    A unit that said no and never set out has done nothing for the order: being free then is not having finished it.
    """
    if order.ack_result not in (None, ACCEPTED) and not order.has_started and order.state is not OrderState.ACCEPTED:
        return Step(OrderState.DECLINED, _clamped(order.ack_time or now, order, now), order.ack_result, frees_unit=True)
    if order.free_again_at is not None:
        since = _clamped(order.free_again_at, order, now)
        return Step(OrderState.DONE, since) if order.was_there else Step(OrderState.CANCELLED, since, "gave_up")
    if order.state is OrderState.ACCEPTED:
        return None
    if order.has_started:
        return Step(OrderState.ACCEPTED, now, None if order.ack_result == ACCEPTED else "unanswered")
    if order.ack_result == ACCEPTED:
        return Step(OrderState.ACCEPTED, _clamped(order.ack_time or now, order, now))
    if now >= order.expires_at:
        return Step(OrderState.EXPIRED, now, "no_answer" if order.is_published else "not_sent", frees_unit=True)
    if order.state is OrderState.ISSUED and order.is_published:
        return Step(OrderState.SENT, now)
    return None


class MoveFacts(Protocol):
    """What is known of a stand-by that is not settled (`storage.stand_bys.OpenStandBy`)."""

    @property
    def issued_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def ack_result(self) -> str | None: ...
    @property
    def ack_time(self) -> datetime | None: ...
    @property
    def is_published(self) -> bool: ...
    @property
    def is_overtaken(self) -> bool: ...


def next_of_move(move: MoveFacts, now: datetime) -> Step | None:
    """What becomes of a stand-by at `now`, or None: its unit's answer settles it; one that has been sent to an incident since
    ("sent") needs none; who does not answer in time lets it lapse. The unit was free all the time and stays so."""
    if move.ack_result is not None:
        since = min(max(move.ack_time or now, move.issued_at), now)
        return (
            Step(OrderState.ACCEPTED, since) if move.ack_result == ACCEPTED else Step(OrderState.DECLINED, since, move.ack_result)
        )
    if move.is_overtaken:
        return Step(OrderState.CANCELLED, now, "sent")
    if now >= move.expires_at:
        return Step(OrderState.EXPIRED, now, "no_answer" if move.is_published else "not_sent")
    return None


def _clamped(time: datetime, order: Facts, now: datetime) -> datetime:
    """A device's clock may be wrong: nothing of an order happens before it is issued, or after now."""
    return min(max(time, order.issued_at), now)
