"""Window plans: proposals to move windows, and the commands to windows that follow from them or are given by hand.

Of a hall one proposal is open at most; the database sees to that. A command's id is its step's; the answer to it is found
among the acknowledgements of the hall's queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from domain.staffing import ProposalState, StepState
from storage.connection import Connection

ADVISER = "halls"
"""The process that makes proposals."""


@dataclass(frozen=True, slots=True)
class WindowProposal:
    """`content` is `staffing.advice.proposals.content_of`; `outcome` what came of it, once `judged_at`."""

    proposal_id: str
    hall_id: str
    issued_at: datetime
    valid_until: datetime
    state: ProposalState
    content: Mapping[str, Any]
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    outcome: Mapping[str, Any] | None = None
    judged_at: datetime | None = None
    exercise_id: str | None = None


@dataclass(frozen=True, slots=True)
class WindowStep:
    """One command to one window. `follows` is the step that it ends."""

    step_id: str
    proposal_id: str | None
    hall_id: str
    device_id: str
    window_no: int
    wanted: str
    items: tuple[str, ...]
    due_at: datetime
    actor: str
    decided_at: datetime
    state: StepState
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    answer: str | None = None
    ended_at: datetime | None = None
    follows: str | None = None
    exercise_id: str | None = None


@dataclass(frozen=True, slots=True)
class StepWord:
    """A step that is not over, or was given up lately, with what became of its command: when it left the outbox (None: it has
    not), what the hall answered; and how the step that it ends stands."""

    step: WindowStep
    left_at: datetime | None
    answered_at: datetime | None
    answer: str | None
    before: StepState | None


def find_open(conn: Connection, hall_id: str) -> WindowProposal | None:
    """The proposal that waits for a decision."""
    row = conn.execute(f"{_SELECT} WHERE hall_id = %s AND state = 'open' AND exercise_id IS NULL", (hall_id,)).fetchone()
    return _proposal(row) if row is not None else None


def find_proposal(conn: Connection, proposal_id: str) -> WindowProposal | None:
    row = conn.execute(f"{_SELECT} WHERE proposal_id = %s", (proposal_id,)).fetchone()
    return _proposal(row) if row is not None else None


def lock_proposal(conn: Connection, proposal_id: str) -> WindowProposal | None:
    """The proposal, which nobody else changes until the transaction ends."""
    row = conn.execute(f"{_SELECT} WHERE proposal_id = %s FOR UPDATE", (proposal_id,)).fetchone()
    return _proposal(row) if row is not None else None


def list_proposals(conn: Connection, hall_id: str, *, limit: int) -> list[WindowProposal]:
    """The newest of a hall that were accepted, declined or judged, newest first; what was superseded unseen is not among them."""
    rows = conn.execute(
        f"{_SELECT} WHERE hall_id = %s AND state <> ALL(%s) AND exercise_id IS NULL ORDER BY issued_at DESC LIMIT %s",
        (hall_id, [ProposalState.SUPERSEDED.value, ProposalState.EXPIRED.value, ProposalState.OPEN.value], limit),
    )
    return [_proposal(row) for row in rows]


def list_open(conn: Connection) -> list[WindowProposal]:
    """Every proposal that waits for a decision."""
    return [_proposal(row) for row in conn.execute(f"{_SELECT} WHERE state = 'open' AND exercise_id IS NULL ORDER BY issued_at")]


def list_unjudged(conn: Connection, issued_before: datetime, *, limit: int) -> list[WindowProposal]:
    """Proposals that were accepted (and perhaps stopped later) and not judged yet, oldest first."""
    rows = conn.execute(
        f"{_SELECT} WHERE state = ANY(%s) AND judged_at IS NULL AND issued_at < %s ORDER BY issued_at LIMIT %s",
        (list(_FOLLOWED), issued_before, limit),
    )
    return [_proposal(row) for row in rows]


def write_proposal(conn: Connection, made: WindowProposal, *, now: datetime) -> None:
    """Stores a proposal in the place of the one that was open, which is superseded."""
    with conn.transaction():
        conn.execute(
            "UPDATE window_proposal SET state = %s, decided_at = %s WHERE hall_id = %s AND state = 'open' "
            "AND exercise_id IS NOT DISTINCT FROM %s",
            (ProposalState.SUPERSEDED.value, now, made.hall_id, made.exercise_id),
        )
        conn.execute(
            "INSERT INTO window_proposal (proposal_id, exercise_id, hall_id, issued_at, valid_until, state, content) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                made.proposal_id, made.exercise_id, made.hall_id, made.issued_at, made.valid_until, made.state.value,
                Jsonb(dict(made.content)),
            ),
        )  # fmt: skip


def renew(conn: Connection, proposal_id: str, valid_until: datetime) -> None:
    """An open proposal that still holds stays open longer."""
    conn.execute(
        "UPDATE window_proposal SET valid_until = %s WHERE proposal_id = %s AND state = 'open' AND valid_until < %s",
        (valid_until, proposal_id, valid_until),
    )


def end_open(conn: Connection, hall_id: str, state: ProposalState, now: datetime) -> bool:
    """Ends the open proposal of a hall, which nobody decided on; returns whether there was one."""
    done = conn.execute(
        "UPDATE window_proposal SET state = %s, decided_at = %s WHERE hall_id = %s AND state = 'open' AND exercise_id IS NULL",
        (state.value, now, hall_id),
    )
    return done.rowcount > 0


def expire(conn: Connection, now: datetime) -> int:
    """Ends the open proposals whose time is over."""
    return conn.execute(
        "UPDATE window_proposal SET state = %s, decided_at = valid_until WHERE state = 'open' AND valid_until <= %s",
        (ProposalState.EXPIRED.value, now),
    ).rowcount


def delete_unseen(conn: Connection, before: datetime, *, limit: int = 500) -> int:
    """Deletes proposals that gave way or expired and were issued before a time: nobody decided on them."""
    return conn.execute(
        "DELETE FROM window_proposal WHERE proposal_id = ANY(ARRAY(SELECT proposal_id FROM window_proposal "
        "WHERE state = ANY(%s) AND issued_at < %s ORDER BY issued_at LIMIT %s))",
        ([ProposalState.SUPERSEDED.value, ProposalState.EXPIRED.value], before, limit),
    ).rowcount


def decide(
    conn: Connection, proposal_id: str, state: ProposalState, *, actor: str, now: datetime, reason: str | None,
    content: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """What somebody decided, with the content as changed by hand."""
    conn.execute(
        "UPDATE window_proposal SET state = %s, decided_at = %s, decided_by = %s, reason = coalesce(%s, reason), "
        "content = coalesce(%s, content) WHERE proposal_id = %s",
        (state.value, now, actor, reason, None if content is None else Jsonb(dict(content)), proposal_id),
    )


def judge(conn: Connection, proposal_id: str, outcome: Mapping[str, Any], now: datetime) -> None:
    """What came of it; one that was followed to its end is done."""
    conn.execute(
        "UPDATE window_proposal SET outcome = %s, judged_at = %s, state = CASE state WHEN 'accepted' THEN 'done' ELSE state END "
        "WHERE proposal_id = %s",
        (Jsonb(dict(outcome)), now, proposal_id),
    )


def write_look(
    conn: Connection, hall_id: str, now: datetime, *, took_ms: int, said: Mapping[str, str] | None, windows: Sequence[int]
) -> None:
    """Notes that a hall was looked at, what was said, and which windows were ever heard of there."""
    conn.execute(
        "INSERT INTO window_look (hall_id, looked_at, took_ms, said, windows) "
        "VALUES (%(hall)s, %(at)s, %(took)s, %(said)s, %(windows)s) ON CONFLICT (hall_id) DO UPDATE "
        "SET looked_at = %(at)s, took_ms = %(took)s, said = %(said)s, windows = %(windows)s",
        {
            "hall": hall_id, "at": now, "took": took_ms, "said": None if said is None else Jsonb(dict(said)),
            "windows": list(windows),
        },
    )  # fmt: skip


def list_windows(conn: Connection, hall_id: str, since: datetime) -> list[int]:
    """The windows of a hall that were heard of since a time, in the order of their numbers."""
    rows = conn.execute(
        "SELECT DISTINCT window_no FROM hall_event WHERE hall_id = %s AND phenomenon_time >= %s AND window_no IS NOT NULL "
        "AND event LIKE 'window.%%' ORDER BY window_no",
        (hall_id, since),
    )
    return [int(number) for (number,) in rows]


def find_windows(conn: Connection, hall_id: str) -> list[int]:
    """The windows that were known at the last look."""
    row = conn.execute("SELECT windows FROM window_look WHERE hall_id = %s", (hall_id,)).fetchone()
    return list(row[0]) if row is not None else []


def find_look(conn: Connection, hall_id: str) -> tuple[datetime, Mapping[str, str] | None] | None:
    """When the windows of a hall were last looked at, and why nothing was proposed."""
    row = conn.execute("SELECT looked_at, said FROM window_look WHERE hall_id = %s", (hall_id,)).fetchone()
    return (row[0], row[1]) if row is not None else None


def write_steps(conn: Connection, steps: Sequence[WindowStep]) -> None:
    """Steps that are new; a step comes after the one that it ends."""
    for s in steps:
        conn.execute(
            "INSERT INTO window_step (step_id, exercise_id, proposal_id, hall_id, device_id, window_no, wanted, items, due_at, "
            "actor, decided_at, state, sent_at, follows) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                s.step_id, s.exercise_id, s.proposal_id, s.hall_id, s.device_id, s.window_no, s.wanted, list(s.items), s.due_at,
                s.actor, s.decided_at, s.state.value, s.sent_at, s.follows,
            ),
        )  # fmt: skip


def list_steps(conn: Connection, hall_id: str, since: datetime, *, proposal_ids: Sequence[str] = ()) -> list[WindowStep]:
    """Steps of a hall that are due since a time, or belong to some proposals, in the order in which they are due."""
    rows = conn.execute(
        f"SELECT {_STEP} FROM window_step s WHERE hall_id = %s AND (due_at >= %s OR proposal_id = ANY(%s)) "
        "AND exercise_id IS NULL ORDER BY due_at, window_no, step_id",
        (hall_id, since, list(proposal_ids)),
    )
    return [_step(row) for row in rows]


def list_under_way(conn: Connection, since: datetime) -> list[StepWord]:
    """Steps that are not over, and those that were given up as unanswered since a time, in the order in which they are due."""
    rows = conn.execute(_UNDER_WAY, {"since": since, "unanswered": StepState.UNANSWERED.value})
    return [StepWord(_step(row[4:]), row[0], row[1], row[2], StepState.of(row[3]) if row[3] else None) for row in rows]


def lock_step(conn: Connection, step_id: str) -> StepState | None:
    """How a step stands, which nobody else changes until the transaction ends."""
    row = conn.execute("SELECT state FROM window_step WHERE step_id = %s FOR UPDATE", (step_id,)).fetchone()
    return StepState.of(row[0]) if row is not None else None


def set_step(
    conn: Connection,
    step_id: str,
    state: StepState,
    *,
    now: datetime,
    answer: str | None = None,
    answered_at: datetime | None = None,
) -> None:
    """A step becomes sent, or is over with its answer."""
    conn.execute(
        "UPDATE window_step SET state = %(state)s, sent_at = CASE WHEN %(state)s = 'sent' THEN %(now)s ELSE sent_at END, "
        "ended_at = CASE WHEN %(over)s THEN %(now)s END, answer = coalesce(%(answer)s, answer), "
        "answered_at = coalesce(%(answered)s, answered_at) WHERE step_id = %(id)s",
        {"state": state.value, "now": now, "over": state.is_over, "answer": answer, "answered": answered_at, "id": step_id},
    )  # fmt: skip


def list_unsent(conn: Connection, *, proposal_id: str | None = None, hall_id: str | None = None) -> list[WindowStep]:
    """Steps that are planned and have not been sent, of a proposal or of a hall; locked until the transaction ends."""
    rows = conn.execute(
        f"SELECT {_STEP} FROM window_step s WHERE state = 'planned' AND (proposal_id = %(proposal)s OR hall_id = %(hall)s) "
        "ORDER BY due_at, step_id FOR UPDATE",
        {"proposal": proposal_id, "hall": hall_id},
    )
    return [_step(row) for row in rows]


def list_refusals(conn: Connection, hall_id: str, since: datetime) -> list[tuple[int, tuple[str, ...], str]]:
    """(window, items asked for, answer) of what a hall refused since a time."""
    rows = conn.execute(
        "SELECT window_no, items, answer FROM window_step WHERE hall_id = %s AND state = %s AND answer IS NOT NULL "
        "AND answered_at >= %s AND exercise_id IS NULL ORDER BY answered_at",
        (hall_id, StepState.REFUSED.value, since),
    )
    return [(int(window), tuple(items), str(answer)) for window, items, answer in rows]


def list_present(conn: Connection, hall_id: str, day: date) -> list[tuple[str, tuple[str, ...]]]:
    """(pseudonym, items) of the clerks of a hall who are registered and not absent on a day."""
    rows = conn.execute(_PRESENT, {"hall": hall_id, "day": day})
    return [(str(clerk), tuple(skills)) for clerk, skills in rows]


def list_at_windows(conn: Connection, hall_id: str, start: datetime, end: datetime) -> set[str]:
    """Clerks who were at a window in [start, end)."""
    rows = conn.execute(
        "SELECT DISTINCT clerk FROM hall_event WHERE hall_id = %s AND phenomenon_time >= %s AND phenomenon_time < %s "
        "AND clerk IS NOT NULL",
        (hall_id, start, end),
    )
    return {str(clerk) for (clerk,) in rows}


def hall_of(conn: Connection, proposal_id: str) -> str | None:
    """Which hall a proposal is about."""
    row = conn.execute("SELECT hall_id FROM window_proposal WHERE proposal_id = %s", (proposal_id,)).fetchone()
    return str(row[0]) if row is not None else None


def _proposal(row: Any) -> WindowProposal:
    values = list(row)
    values[4] = ProposalState.of(values[4])
    return WindowProposal(*values)


def _step(row: Any) -> WindowStep:
    values = list(row)
    values[6], values[10] = tuple(values[6]), StepState.of(values[10])
    return WindowStep(*values)


_FOLLOWED = (ProposalState.ACCEPTED.value, ProposalState.WITHDRAWN.value)

_SELECT = """
SELECT proposal_id, hall_id, issued_at, valid_until, state, content, decided_at, decided_by, reason, outcome, judged_at,
       exercise_id
FROM window_proposal
"""

_STEP = (
    "s.step_id, s.proposal_id, s.hall_id, s.device_id, s.window_no, s.wanted, s.items, s.due_at, s.actor, s.decided_at, s.state, "
    "s.sent_at, s.answered_at, s.answer, s.ended_at, s.follows, s.exercise_id"
)

_UNDER_WAY = f"""
SELECT (SELECT max(sent_at) FROM outbox WHERE payload ->> 'id' = s.step_id AND created_at = s.sent_at),
       ack.phenomenon_time, ack.result, before.state, {_STEP}
FROM window_step s
LEFT JOIN window_step before ON before.step_id = s.follows
LEFT JOIN LATERAL (
    SELECT result, phenomenon_time FROM command_ack WHERE command_id = s.step_id AND device_id = s.device_id
    ORDER BY phenomenon_time LIMIT 1
) ack ON true
WHERE s.exercise_id IS NULL
  AND (s.state IN ('planned', 'sent') OR (s.state = %(unanswered)s AND s.ended_at >= %(since)s))
ORDER BY s.due_at, s.step_id
"""

_PRESENT = """
SELECT clerk, skills FROM hall_clerk
WHERE hall_id = %(hall)s AND retired_at IS NULL AND NOT EXISTS (
    SELECT FROM clerk_absence
    WHERE clerk_absence.hall_id = hall_clerk.hall_id AND clerk_absence.clerk = hall_clerk.clerk AND cancelled_at IS NULL
      AND %(day)s BETWEEN first_date AND last_date
)
ORDER BY clerk
"""
