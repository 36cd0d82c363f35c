"""Acts on windows of halls, as screens and the open interface ask for them: texts in, an answer out.
`staffing.moves` does them."""

from __future__ import annotations

from collections.abc import Mapping

import staffing.moves
from dashboard.answers import Answer, Circumstances, Request, answered, listening, number
from dashboard.bodies import Field, echo, id_of, text
from dashboard.incident_acts import Act
from domain.halls import WindowState
from domain.refusals import Refused
from domain.rights import Action
from layouts.words import CATALOGUE
from staffing.advice.adjusting import adjusted, read_steps
from staffing.advice.desk import read_ground
from staffing.advice.proposals import Json
from staffing.gathering import gather
from staffing.practice import HallPractice
from storage import window_plans
from storage.connection import Connection

LONGEST_STEPS = 20_000
"""Characters of a plan that was changed by hand."""
FUTURES = 100


def _accept(conn: Connection, request: Request, at: Circumstances) -> Answer:
    changed, n = None, 0
    if request.get("steps"):
        with listening(conn, Action.ACCEPT_WINDOWS, request["proposal"], at):
            changed = _adjusted(conn, request, at)
            n = len(changed["steps"])
    made = staffing.moves.accept(
        conn, request["hall"], request["proposal"], at.actor, at.now, zone=at.zone, adjusted=changed, changes=n
    )
    key = "answer.windows_adjusted" if changed else "answer.windows_accepted"
    price = made.content.get("price") or {"zh": "", "en": ""}
    zh, en = (words.format(n=len(made.content["steps"]), price=price[lang])
              for words, lang in zip(CATALOGUE[key], ("zh", "en"), strict=True))  # fmt: skip
    return Answer("done", key.partition(".")[2], zh, en, made.proposal_id)


def _adjusted(conn: Connection, request: Request, at: Circumstances) -> Json:
    """The content of the proposal with the steps as somebody changed them, simulated anew."""
    made = window_plans.find_proposal(conn, request["proposal"])
    if made is None or made.hall_id != request["hall"]:
        raise Refused("proposal_unknown", *_said("answer.no_window_proposal", proposal=echo(request["proposal"])))
    practice = HallPractice(target_s=float(made.content["target_s"]))
    kind = str(made.content["day_kind"])
    material = gather(conn, made.hall_id, at.now, zone=at.zone, kind_of=lambda _: kind, horizon_s=practice.advice_horizon_s)
    if material.none is not None or material.profile is None or material.demand is None:
        raise Refused("not_simulated", *_said("answer.windows_unknown"))
    windows = material.floor.windows.keys() | material.profile.windows.keys()
    steps = read_steps(
        request["steps"], windows=windows, offered=material.offered, now=at.now, horizon_s=practice.advice_horizon_s
    )
    ground = read_ground(
        conn, made.hall_id, material.floor, material.profile, material.demand, at.now, day=material.day, day_kind=kind,
        practice=practice, n=FUTURES, seed=int(made.issued_at.timestamp()),
    )  # fmt: skip
    return adjusted(made.content, steps, ground, at.zone)


def _decline(conn: Connection, request: Request, at: Circumstances) -> Answer:
    made = staffing.moves.decline(conn, request["proposal"], at.actor, at.now, reason=request["reason"], zone=at.zone)
    return answered("done", "answer.windows_declined", made.proposal_id)


def _withdraw(conn: Connection, request: Request, at: Circumstances) -> Answer:
    made, n = staffing.moves.withdraw(conn, request["proposal"], at.actor, at.now, reason=request["reason"], zone=at.zone)
    return answered("done", "answer.windows_withdrawn", made.proposal_id, n=n)


def _command(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.COMMAND_WINDOW, f"{request['hall']} {request['window']}", at):
        window = number(request["window"])
        minutes = number(request["minutes"]) if request.get("minutes") else None
        wanted = WindowState.known(request["state"])
        if wanted is None:
            raise Refused("window_state", *_said("answer.window_state", value=echo(request["state"])))
    items = tuple(item.strip() for item in request.get("items", "").split(";") if item.strip())
    material = gather(conn, request["hall"], at.now, zone=at.zone, kind_of=lambda _: "", horizon_s=0.0)
    step = staffing.moves.command(
        conn, request["hall"], window, wanted, at.actor, at.now, reason=request["reason"], items=items, minutes=minutes,
        known=material.hall if material.floor.windows else None,
    )  # fmt: skip
    zh, en = CATALOGUE["answer.window_commanded"]
    said = zh.format(window=window, state=wanted.zh), en.format(window=window, state=wanted.en)
    return Answer("done", "window_commanded", *said, step.step_id)


def _said(key: str, **fillings: object) -> tuple[str, str]:
    zh, en = (words.format(**fillings) for words in CATALOGUE[key])
    return zh, en


WINDOW_ACTS: Mapping[Action, tuple[tuple[Field, ...], Act]] = {
    Action.ACCEPT_WINDOWS: ((id_of("hall"), id_of("proposal"), Field("steps", LONGEST_STEPS, False)), _accept),
    Action.DECLINE_WINDOWS: ((id_of("proposal"), text("reason", is_required=True)), _decline),
    Action.WITHDRAW_WINDOWS: ((id_of("proposal"), text("reason", is_required=True)), _withdraw),
    Action.COMMAND_WINDOW: (
        (id_of("hall"), id_of("window"), id_of("state"), text("reason", is_required=True), text("items"), text("minutes")),
        _command,
    ),
}
"""Action → what its request may say, and who does it: rows of `dashboard.acts`."""
