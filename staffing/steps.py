"""Steps: what becomes of a command to a window next. Values in, values out; `now` is an argument.

A step is sent when it is due, unless the one that it ends was refused or never sent, the day is over, or it would begin something
that was due long ago (we were away). What the hall answers settles it, also when the answer comes late; what nobody answers is
raised. A command that the broker has not taken for a while is taken back, lest a window opens when nobody wants it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.halls import WindowAnswer
from domain.staffing import StepState

LATE = timedelta(minutes=15)
UNDELIVERED = timedelta(minutes=3)
NEVER_BEGUN = (StepState.REFUSED, StepState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a step stands: when it is due and was sent, when its command left (None: it has not), what was answered when; how the
    step that it ends stands (None: it ends none)."""

    state: StepState
    due_at: datetime
    sent_at: datetime | None
    left_at: datetime | None
    answered_at: datetime | None
    answer: str | None
    before: StepState | None


@dataclass(frozen=True, slots=True)
class Course:
    """What a step becomes. `takes_back`: its command is still in the house and must not leave."""

    state: StepState
    answer: str | None = None
    answered_at: datetime | None = None
    takes_back: bool = False


def course(step: Standing, now: datetime, *, answer_s: float, zone: ZoneInfo) -> Course | None:
    """What becomes of a step now; None: nothing yet."""
    if step.state is StepState.PLANNED:
        return _planned(step, now, zone)
    if step.answer is not None and step.state in (StepState.SENT, StepState.UNANSWERED):
        is_done = step.answer == WindowAnswer.ACCEPTED
        return Course(StepState.ACCEPTED if is_done else StepState.REFUSED, step.answer, step.answered_at)
    if step.state is not StepState.SENT or step.sent_at is None:
        return None
    if step.left_at is None:
        return Course(StepState.UNANSWERED, takes_back=True) if now - step.sent_at >= UNDELIVERED else None
    return Course(StepState.UNANSWERED) if now - step.left_at >= timedelta(seconds=answer_s) else None


def _planned(step: Standing, now: datetime, zone: ZoneInfo) -> Course | None:
    if step.before in NEVER_BEGUN:
        return Course(StepState.CANCELLED)
    if now < step.due_at:
        return None
    if now.astimezone(zone).date() != step.due_at.astimezone(zone).date():
        return Course(StepState.CANCELLED)
    if step.before is None:
        return Course(StepState.CANCELLED) if now - step.due_at > LATE else Course(StepState.SENT)
    return Course(StepState.SENT) if step.before.is_over else None
