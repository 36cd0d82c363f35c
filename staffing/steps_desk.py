"""The steps desk: sends commands to windows when they are due, and hears what the halls answer.

A step becomes sent in the transaction that puts its command into the outbox, so that it leaves once, whatever dies in between.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from domain.halls import WindowAnswer
from domain.staffing import StepState
from iot.payloads import WindowCommand
from iot.topics import COMMAND, topic_of
from staffing.books import Seen
from staffing.practice import HallPractice
from staffing.profiles import IsWorked
from staffing.steps import Course, Standing, course
from storage import outbox, window_plans
from storage.connection import Connection
from storage.window_plans import StepWord, WindowStep

log = logging.getLogger(__name__)

STILL_HEARD = timedelta(hours=1)
"""An answer that comes so late still counts."""


class StepsDesk:
    """One round of sending and hearing."""

    def __init__(self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked | None = None) -> None:
        self._practice, self._zone = practice, zone
        self._totals: Counter[StepState] = Counter()

    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]:
        """Takes every step that is not over one further; figures for the system page."""
        words = window_plans.list_under_way(conn, now - STILL_HEARD)
        for word in words:
            what = course(_standing(word), now, answer_s=self._practice.answer_s, zone=self._zone)
            if what is not None and self._takes(conn, word.step, what, now):
                self._totals[what.state] += 1
        waiting = sum(word.step.state in (StepState.PLANNED, StepState.SENT) for word in words)
        return {
            "steps_open": waiting, "steps_sent_total": self._totals[StepState.SENT],
            "steps_refused_total": self._totals[StepState.REFUSED], "steps_unanswered_total": self._totals[StepState.UNANSWERED],
        }  # fmt: skip

    def _takes(self, conn: Connection, step: WindowStep, what: Course, now: datetime) -> bool:
        with conn.transaction():
            if window_plans.lock_step(conn, step.step_id) is not step.state:
                return False  # somebody was quicker
            if what.takes_back:
                outbox.withdraw(conn, step.step_id)
            if what.state is StepState.SENT:
                send(conn, step, now)
            window_plans.set_step(conn, step.step_id, what.state, now=now, answer=what.answer, answered_at=what.answered_at)
            if what.answer == WindowAnswer.HALL_CLOSED:
                cancel_rest(conn, step.hall_id, now)
        if what.state is StepState.UNANSWERED:
            log.warning(
                "window %d of %s did not answer command %s within %.0f s: look whether its queue system is reachable",
                step.window_no, step.hall_id, step.step_id, self._practice.answer_s,
            )  # fmt: skip
        return True


def send(conn: Connection, step: WindowStep, now: datetime) -> None:
    """Puts the command of a step into the outbox, in the caller's transaction."""
    command = WindowCommand(
        id=step.step_id, ts=now, cmd="window", window=step.window_no, state=step.wanted, items=list(step.items)
    )
    outbox.put_command(
        conn, topic_of(step.device_id, COMMAND), msgspec.to_builtins(command), now=now, exercise_id=step.exercise_id
    )


def cancel_rest(conn: Connection, hall_id: str, now: datetime) -> None:
    """A hall that is closed does nothing more of what was planned."""
    for step in window_plans.list_unsent(conn, hall_id=hall_id):
        window_plans.set_step(conn, step.step_id, StepState.CANCELLED, now=now)


def _standing(word: StepWord) -> Standing:
    step = word.step
    return Standing(step.state, step.due_at, step.sent_at, word.left_at, word.answered_at, word.answer, word.before)
