"""Moves of windows by people: a proposal is accepted as it is or changed by hand, declined or stopped; a window is commanded.
Each is an audited act in one transaction; commands that are due leave through the outbox of that transaction.

A proposal is locked before it is looked at, so that of two who decide at the same moment one is told what the other did.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.halls import WindowState
from domain.refusals import Refused
from domain.rights import Action, Actor, Place
from domain.staffing import ProposalState, StepState
from staffing.figures import HallNow
from staffing.steps_desk import send
from storage import acts, window_plans
from storage.connection import Connection
from storage.halls import HallPlace, list_halls
from storage.window_plans import WindowProposal, WindowStep

LONGEST_MIN = 600
COMMANDABLE = (WindowState.OPEN, WindowState.PAUSED, WindowState.CLOSED)
SECOND = timedelta(seconds=1)


def accept(
    conn: Connection, hall_id: str, proposal_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo,
    adjusted: Mapping[str, Any] | None = None, changes: int = 0,
) -> WindowProposal:  # fmt: skip
    """Does what a proposal says. `adjusted` is its content after somebody changed it by hand (`staffing.advice.adjusting`), in
    `changes` places. Raises Refused, audited, with the sentence to show."""
    with acts.transaction(conn, actor, Action.ACCEPT_WINDOWS, proposal_id, now) as deed:
        place = place_of(conn, hall_id)
        acts.begin(
            conn, actor, Action.ACCEPT_WINDOWS, proposal_id, now, place=_where(place, hall_id), deed=deed,
            detail={"hall": hall_id, **({"changed": changes} if adjusted is not None else {})},
        )  # fmt: skip
        made = _locked(conn, proposal_id, hall_id)
        _check_open(made, now, zone)
        if place is None:
            raise no_hall(hall_id)
        content = made.content if adjusted is None else adjusted
        windows = {command["window"] for command in content["commands"]}
        for step in window_plans.list_unsent(conn, hall_id=hall_id):
            if step.window_no in windows:  # a window follows one plan
                window_plans.set_step(conn, step.step_id, StepState.CANCELLED, now=now)
        steps = planned(content["commands"], made.proposal_id, place, actor, now)
        _write(conn, steps, now)
        window_plans.decide(conn, proposal_id, ProposalState.ACCEPTED, actor=actor.name, now=now, reason=None, content=adjusted)
        deed.changed({"state": made.state}, {"state": ProposalState.ACCEPTED, "commands": [step.step_id for step in steps]})
        return replace(made, state=ProposalState.ACCEPTED, content=content, decided_at=now, decided_by=actor.name)


def decline(conn: Connection, proposal_id: str, actor: Actor, now: datetime, *, reason: str, zone: ZoneInfo) -> WindowProposal:
    """Says no, and why."""
    with acts.transaction(conn, actor, Action.DECLINE_WINDOWS, proposal_id, now) as deed:
        hall_id = window_plans.hall_of(conn, proposal_id) or ""
        acts.begin(
            conn, actor, Action.DECLINE_WINDOWS, proposal_id, now, place=_where(place_of(conn, hall_id), hall_id), deed=deed,
            detail={"reason": reason.strip()},
        )  # fmt: skip
        _check_reason(reason)
        made = _locked(conn, proposal_id, hall_id)
        _check_open(made, now, zone)
        window_plans.decide(conn, proposal_id, ProposalState.DECLINED, actor=actor.name, now=now, reason=reason.strip())
        deed.changed({"state": made.state}, {"state": ProposalState.DECLINED})
        return replace(made, state=ProposalState.DECLINED)


def withdraw(
    conn: Connection, proposal_id: str, actor: Actor, now: datetime, *, reason: str, zone: ZoneInfo
) -> tuple[WindowProposal, int]:
    """Stops a plan that was accepted: nothing more of it begins; windows that it has moved go back when they would have. Returns
    it, and how many commands are cancelled."""
    with acts.transaction(conn, actor, Action.WITHDRAW_WINDOWS, proposal_id, now) as deed:
        hall_id = window_plans.hall_of(conn, proposal_id) or ""
        acts.begin(
            conn, actor, Action.WITHDRAW_WINDOWS, proposal_id, now, place=_where(place_of(conn, hall_id), hall_id), deed=deed,
            detail={"reason": reason.strip()},
        )  # fmt: skip
        _check_reason(reason)
        made = _locked(conn, proposal_id, hall_id)
        if made.state is not ProposalState.ACCEPTED:
            raise Refused(
                "proposal_not_running",
                f"开窗方案 {proposal_id} {made.state.zh}：只能中止已采纳的方案",
                f"proposal {proposal_id} is {made.state.en}: only one that was accepted can be stopped",
            )
        unsent = window_plans.list_unsent(conn, proposal_id=proposal_id)
        waiting = {step.step_id for step in unsent if step.follows is None}
        cancelled = [step for step in unsent if step.step_id in waiting or step.follows in waiting]
        for step in cancelled:
            window_plans.set_step(conn, step.step_id, StepState.CANCELLED, now=now)
        window_plans.decide(conn, proposal_id, ProposalState.WITHDRAWN, actor=actor.name, now=now, reason=reason.strip())
        deed.changed({"state": made.state}, {"state": ProposalState.WITHDRAWN, "cancelled": [s.step_id for s in cancelled]})
        return replace(made, state=ProposalState.WITHDRAWN), len(cancelled)


def command(
    conn: Connection, hall_id: str, window: int, wanted: WindowState, actor: Actor, now: datetime, *, reason: str,
    known: HallNow | None, items: Sequence[str] = (), minutes: int | None = None,
) -> WindowStep:  # fmt: skip
    """Tells a window what to be, for some minutes or until it is told otherwise. `known` is the hall as it is: what its windows
    go back to."""
    named = f"{hall_id} {window}"
    with acts.transaction(conn, actor, Action.COMMAND_WINDOW, named, now) as deed:
        place = place_of(conn, hall_id)
        acts.begin(
            conn, actor, Action.COMMAND_WINDOW, named, now, place=_where(place, hall_id), deed=deed,
            detail={"reason": reason.strip(), "state": wanted, **({"minutes": minutes} if minutes else {})},
        )  # fmt: skip
        _check_reason(reason)
        if place is None:
            raise no_hall(hall_id)
        there = next((w for w in (known.windows if known is not None else ()) if w.number == window), None)
        if there is None:
            raise Refused(
                "window_unknown",
                f"大厅 {hall_id} 今日未报告过 {window} 号窗口：应为该厅窗口板上的窗口",
                f"hall {hall_id} has told nothing of a window {window} today: expected one of those on its board",
            )
        check_wanted(place, wanted, items)
        if minutes is not None and not 1 <= minutes <= LONGEST_MIN:
            raise Refused(
                "minutes_wrong",
                f"时长为 {minutes} 分钟：应为 1 至 {LONGEST_MIN} 分钟",
                f"the command is to hold for {minutes} minutes: expected 1 to {LONGEST_MIN}",
            )
        for step in window_plans.list_unsent(conn, hall_id=hall_id):
            if step.window_no == window:
                window_plans.set_step(conn, step.step_id, StepState.CANCELLED, now=now)
        commands = [_command(now, window, wanted, items if wanted is WindowState.OPEN else ())]
        if minutes is not None:
            back = there.state if there.state in COMMANDABLE else WindowState.CLOSED
            commands.append(
                _command(now + timedelta(minutes=minutes), window, back, there.items if back is WindowState.OPEN else ())
            )
        steps = planned(commands, None, place, actor, now)
        _write(conn, steps, now)
        deed.changed({"state": there.state, "items": list(there.items)}, {"state": wanted, "items": list(items)})
        return steps[0]


def planned(
    commands: Iterable[Mapping[str, Any]], proposal_id: str | None, place: HallPlace, actor: Actor, now: datetime
) -> list[WindowStep]:
    """The steps of some commands; the later ones of a window follow its first. Those that are due are sent."""
    first: dict[int, str] = {}
    steps = []
    for said in commands:
        window, due_at = int(said["window"]), datetime.fromtimestamp(said["at"] / 1000, UTC)
        step_id = f"w-{now:%y%m%d%H%M%S}-{secrets.token_hex(5)}"
        follows = first.get(window)
        first.setdefault(window, step_id)
        is_due = follows is None and due_at <= now + SECOND
        steps.append(
            WindowStep(
                step_id, proposal_id, place.hall_id, place.device_id, window, said["state"], tuple(said["items"]),
                max(due_at, now) if follows is None else due_at, actor.name, now,
                StepState.SENT if is_due else StepState.PLANNED, now if is_due else None, follows=follows,
            )
        )  # fmt: skip
    return steps


def check_wanted(place: HallPlace, wanted: WindowState, items: Sequence[str]) -> None:
    """Raises Refused for a state that no command may ask for, and for items that the hall does not offer."""
    if wanted not in COMMANDABLE:
        raise Refused(
            "window_state",
            f"不能将窗口置为“{wanted.zh}”：应为开放、暂停或关闭",
            f"a window cannot be put into the state {wanted.en}: expected open, paused or closed",
        )
    strange = [item for item in items if place.items and item not in place.items]
    if strange:
        raise Refused(
            "item_not_offered",
            f"大厅 {place.hall_id} 不办理 {strange[0][:60]}：应为该厅所列事项",
            f"hall {place.hall_id} does not offer {strange[0][:60]}: expected one of its items",
        )


def place_of(conn: Connection, hall_id: str) -> HallPlace | None:
    """The hall by its own introduction."""
    return next((place for place in list_halls(conn) if place.hall_id == hall_id), None)


def no_hall(hall_id: str) -> Refused:
    return Refused("hall_unknown", f"没有大厅 {hall_id[:60]}", f"there is no hall {hall_id[:60]}")


def _where(place: HallPlace | None, hall_id: str) -> Place:
    return Place(place.district_code if place is not None else None, hall_id if place is not None else None)


def _command(at: datetime, window: int, state: WindowState, items: Sequence[str]) -> dict[str, Any]:
    return {"at": round(at.timestamp() * 1000), "window": window, "state": state.value, "items": list(items)}


def _write(conn: Connection, steps: Sequence[WindowStep], now: datetime) -> None:
    window_plans.write_steps(conn, steps)
    for step in steps:
        if step.state is StepState.SENT:
            send(conn, step, now)


def _locked(conn: Connection, proposal_id: str, hall_id: str) -> WindowProposal:
    made = window_plans.lock_proposal(conn, proposal_id)
    if made is None or made.hall_id != hall_id:
        raise Refused(
            "proposal_unknown", f"没有开窗方案 {proposal_id[:60]}", f"there is no window proposal {proposal_id[:60]} of this hall"
        )
    return made


def _check_open(made: WindowProposal, now: datetime, zone: ZoneInfo) -> None:
    """Raises Refused for a proposal that somebody has decided on, or whose time is over."""
    if made.state is not ProposalState.OPEN:
        clock = made.decided_at.astimezone(zone).strftime("%H:%M") if made.decided_at else ""
        who = made.decided_by or ""
        raise Refused(
            "proposal_decided",
            f"该开窗方案{made.state.zh}（{clock}{' ' + who if who else ''}）",
            f"this proposal is {made.state.en} ({clock}{' by ' + who if who else ''})",
        )
    if made.valid_until <= now:
        clock = made.valid_until.astimezone(zone).strftime("%H:%M")
        raise Refused("proposal_over", f"该开窗方案有效至 {clock}，已过期", f"this proposal was valid until {clock}")


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("reason_missing", "须写明原因", "a reason is needed")
