"""Acts on warnings, as screens and the open interface ask for them: texts in, an answer out. `alerts.acts` does them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import alerts.acts
from dashboard.answers import Answer, Circumstances, Request, answered, listening, number, time
from dashboard.bodies import Field, Malformed, check, id_of, payload, text
from domain.refusals import Refused
from domain.rights import Action
from domain.warnings import WarningVerdict
from layouts.words import CATALOGUE
from storage import acts
from storage.connection import Connection
from storage.rules import wait_for_the_bench

Act = Callable[[Connection, Request, Circumstances], Answer]
MOST_AT_ONCE = 500


def _verify(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.acts.verify(conn, request["warning"], at.actor, at.now, zone=at.zone, comment=request.get("comment"))
    return answered("done", "answer.warning_verified", request["warning"])


def _acknowledge(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.acts.acknowledge(conn, request["warning"], at.actor, at.now, zone=at.zone, comment=request.get("comment"))
    return answered("done", "answer.acknowledged", request["warning"])


def _handle(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.acts.handle(conn, request["warning"], at.actor, at.now, zone=at.zone, comment=request.get("comment"))
    return answered("done", "answer.warning_handled", request["warning"])


def _assign(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.acts.assign(
        conn, request["warning"], at.actor, at.now, account=request.get("account"), role=request.get("role"), zone=at.zone,
        comment=request.get("comment"),
    )  # fmt: skip
    return answered("done", "answer.warning_assigned", request["warning"], to=request.get("account") or request.get("role"))


def _hand_over(conn: Connection, request: Request, at: Circumstances) -> Answer:
    n = alerts.acts.hand_over(conn, at.actor, at.now, account=request["account"], comment=request.get("comment"))
    return answered("done", "answer.warnings_handed_over", request["account"], n=n, account=request["account"])


def _judge(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.acts.judge(conn, request["warning"], at.actor, at.now, verdict=request["verdict"], words=request.get("words"))
    known = WarningVerdict.of(request["verdict"])
    zh, en = (
        words.format(verdict=known.label(lang))
        for words, lang in zip(CATALOGUE["answer.warning_judged"], ("zh", "en"), strict=True)
    )
    return Answer("done", "warning_judged", zh, en, request["warning"])


def _dismiss(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.acts.dismiss(
        conn, request["warning"], at.actor, at.now, reason=request["reason"], zone=at.zone, policy=at.shelving
    )  # fmt: skip
    return answered("done", "answer.warning_dismissed", request["warning"])


def _shelve(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.SHELVE_WARNING, request.get("warning") or request.get("situation") or "-", at):
        situation = number(request["situation"]) if request.get("situation") else None
    shelf = alerts.acts.shelve(
        conn, at.actor, at.now, warning_id=request.get("warning"), situation=situation, hours=request["hours"],
        reason=request["reason"], zone=at.zone, policy=at.shelving,
    )  # fmt: skip
    return answered("done", "answer.warning_shelved", str(shelf), hours=request["hours"])


def _unshelve(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.UNSHELVE_WARNING, request["shelf"], at):
        shelf = number(request["shelf"])
    alerts.acts.unshelve(conn, shelf, at.actor, at.now, zone=at.zone)
    return answered("done", "answer.warning_unshelved", request["shelf"])


def _plan(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.PLAN_MAINTENANCE, request["from"], at):
        begins_at, until = (time(_with_offset(request[name], at.zone)) for name in ("from", "until"))
    assert begins_at is not None
    assert until is not None
    planned = alerts.acts.plan_maintenance(
        conn, at.actor, at.now, begins_at=begins_at, until=until, reason=request["reason"], area=request.get("area"),
        districts=_listed(request.get("districts")), devices=_listed(request.get("devices")), zone=at.zone,
    )  # fmt: skip
    return answered("done", "answer.maintenance_planned", str(planned))


def _end(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.END_MAINTENANCE, request["window"], at):
        window = number(request["window"])
    alerts.acts.end_maintenance(conn, window, at.actor, at.now, zone=at.zone)
    return answered("done", "answer.maintenance_ended", request["window"])


def _with_offset(said: str, zone: ZoneInfo) -> str:
    """A time as a form of the browser says it is one of the city's; others stay as they are.

    >>> _with_offset("2026-03-02T09:30", ZoneInfo("Asia/Shanghai"))
    '2026-03-02T09:30:00+08:00'
    """
    with suppress(ValueError):
        if (found := datetime.fromisoformat(said)).tzinfo is None and "T" in said:
            return found.replace(tzinfo=zone).isoformat()
    return said


def _listed(said: str | None) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in (said or "").split(",")) if part)


class _NotAll(Exception):  # noqa: N818 - a way out of a transaction
    """One of many was refused where all or none were asked for."""


def _bulk(conn: Connection, request: Request, at: Circumstances) -> Answer:
    """The same act on many warnings: each by itself, or with `whole` all or none. What became of each is told."""
    with listening(conn, Action.HANDLE_MANY_WARNINGS, request["act"], at):
        action, act, said, ids = _of_many(request)
    told: list[dict[str, Any]] = []

    def do_all() -> None:
        for warning_id in ids:
            try:
                done = act(conn, {**said, "warning": warning_id}, at)
                told.append({"id": warning_id, "code": "done", "zh": done.zh, "en": done.en})
            except Refused as refusal:
                told.append({"id": warning_id, "code": refusal.code, "zh": refusal.zh, "en": refusal.en})
                if is_whole:
                    raise _NotAll from refusal

    is_whole = request.get("whole") == "yes"
    detail = {"act": action.value, "warnings": list(ids), "whole": is_whole}
    if is_whole:
        try:
            with acts.transaction(conn, at.actor, Action.HANDLE_MANY_WARNINGS, action.value, at.now):
                acts.begin(conn, at.actor, Action.HANDLE_MANY_WARNINGS, action.value, at.now, detail=detail)
                wait_for_the_bench(conn)  # many locks in one transaction: nobody else takes them in another order meanwhile
                do_all()
        except _NotAll:
            refused = told[-1]
            with acts.transaction(conn, at.actor, Action.HANDLE_MANY_WARNINGS, action.value, at.now):
                raise Refused(
                    refused["code"],
                    CATALOGUE["answer.bulk_undone"][0].format(id=refused["id"], why=refused["zh"]),
                    CATALOGUE["answer.bulk_undone"][1].format(id=refused["id"], why=refused["en"]),
                ) from None
    else:
        with acts.transaction(conn, at.actor, Action.HANDLE_MANY_WARNINGS, action.value, at.now):
            acts.begin(conn, at.actor, Action.HANDLE_MANY_WARNINGS, action.value, at.now, detail=detail)
        do_all()
    n = sum(one["code"] == "done" for one in told)
    outcome = answered("done" if n else "refused", "answer.bulk", None, n=n, all=len(ids))
    return replace(outcome, each=tuple(told))


def _of_many(request: Request) -> tuple[Action, Act, dict[str, str], tuple[str, ...]]:
    """The act, its fields but the warning, and the warnings. Raises Refused."""
    named = {f"warning.{request['act']}", request["act"]}
    action = next((one for one in MANY if one.value in named), None)
    ids = tuple(dict.fromkeys(_listed(request["warnings"])))
    if action is None or not 0 < len(ids) <= MOST_AT_ONCE:
        words = ", ".join(one.value.partition(".")[2] for one in MANY)
        zh, en = (said.format(acts=words, most=MOST_AT_ONCE, n=len(ids)) for said in CATALOGUE["answer.bulk_malformed"])
        raise Refused("bulk_malformed", zh, en)
    fields, act = WARNING_ACTS[action]
    said = {name: what for name, what in request.items() if name not in ("act", "warnings", "whole")}
    checked = check({**said, "warning": ids[0]}, fields)
    if isinstance(checked, Malformed):
        raise Refused("bulk_malformed", checked.zh, checked.en)
    return action, act, said, ids


_COMMENTED = (id_of("warning"), text("comment"))
_REASON = text("reason", is_required=True)

WARNING_ACTS: Mapping[Action, tuple[tuple[Field, ...], Act]] = {
    Action.VERIFY_WARNING: (_COMMENTED, _verify),
    Action.ACKNOWLEDGE_WARNING: (_COMMENTED, _acknowledge),
    Action.HANDLE_WARNING: (_COMMENTED, _handle),
    Action.ASSIGN_WARNING: ((id_of("warning"), text("account"), text("role"), text("comment")), _assign),
    Action.HAND_OVER_WARNINGS: ((id_of("account"), text("comment")), _hand_over),
    Action.JUDGE_WARNING: ((id_of("warning"), id_of("verdict"), text("words")), _judge),
    Action.DISMISS_WARNING: ((id_of("warning"), _REASON), _dismiss),
    Action.SHELVE_WARNING: ((id_of("hours"), _REASON, text("warning"), text("situation")), _shelve),
    Action.UNSHELVE_WARNING: ((id_of("shelf"),), _unshelve),
    Action.PLAN_MAINTENANCE: (
        (id_of("from"), id_of("until"), _REASON, payload("area"), text("districts"), payload("devices")), _plan,
    ),
    Action.END_MAINTENANCE: ((id_of("window"),), _end),
    Action.HANDLE_MANY_WARNINGS: (
        (
            id_of("act"), replace(payload("warnings"), is_required=True), text("whole"), text("comment"), text("account"),
            text("role"), text("verdict"), text("words"), text("reason"), text("hours"),
        ),
        _bulk,
    ),
}  # fmt: skip
"""Action → what its request may say, and who does it: rows of `dashboard.acts`."""

MANY = (
    Action.VERIFY_WARNING, Action.ACKNOWLEDGE_WARNING, Action.HANDLE_WARNING, Action.ASSIGN_WARNING, Action.JUDGE_WARNING,
    Action.DISMISS_WARNING, Action.SHELVE_WARNING,
)  # fmt: skip
"""Acts that can be done on many warnings at once."""
