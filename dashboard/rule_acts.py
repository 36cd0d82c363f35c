"""Acts on rules, as screens and the open interface ask for them: texts in, an answer out. `alerts.rule_acts` does them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import alerts.rule_acts
from dashboard.answers import Answer, Circumstances, Request, answered, listening, number
from dashboard.bodies import Field, id_of, text
from domain.rights import Action
from storage.connection import Connection

Act = Callable[[Connection, Request, Circumstances], Answer]


def districts_of(at: Circumstances) -> tuple[str, ...]:
    return tuple(district.code for district in at.city.districts) if at.city else ()


def _version(request: Request) -> int | None:
    return number(request["version"]) if "version" in request else None


def check_rule(conn: Connection, request: Request, at: Circumstances) -> None:
    """Raises Refused, audited, for a spec that could not be put in force."""
    with listening(conn, Action.CHANGE_RULE, request["rule"], at):
        said = alerts.rule_acts.parse(request["spec"])
        rule = alerts.rule_acts.check(conn, request["rule"], said, _version(request), districts_of(at))
        alerts.rule_acts.check_backtest(conn, rule, request.get("backtest"))


def _change(conn: Connection, request: Request, at: Circumstances) -> Answer:
    rule = alerts.rule_acts.change(
        conn, request["rule"], request["spec"], at.actor, at.now, version=_version(request), districts=districts_of(at),
        backtest_id=request.get("backtest"), reason=request.get("reason"),
    )  # fmt: skip
    return answered("done", "answer.rule_changed", rule.rule_id, rule=rule.rule_id, version=rule.version)


def _draft(conn: Connection, request: Request, at: Circumstances) -> Answer:
    spec = request.get("spec")
    alerts.rule_acts.draft(conn, request["rule"], spec, at.actor, at.now, backtest_id=request.get("backtest"))
    key = "answer.rule_draft_dropped" if spec is None else "answer.rule_drafted"
    return answered("done", key, request["rule"], rule=request["rule"])


def _retire(conn: Connection, request: Request, at: Circumstances) -> Answer:
    lifted = alerts.rule_acts.retire(conn, request["rule"], at.actor, at.now, reason=request.get("reason"))
    return answered("done", "answer.rule_retired", request["rule"], rule=request["rule"], n=lifted)


def _enable(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.rule_acts.switch(conn, request["rule"], at.actor, at.now, enabled=True, reason=request.get("reason"))
    return answered("done", "answer.rule_enabled", request["rule"], rule=request["rule"])


def _disable(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.rule_acts.switch(conn, request["rule"], at.actor, at.now, enabled=False, reason=request.get("reason"))
    return answered("done", "answer.rule_disabled", request["rule"], rule=request["rule"])


_RULE = id_of("rule")
_WHY = text("reason")

RULE_ACTS: Mapping[Action, tuple[tuple[Field, ...], Act]] = {
    Action.CHANGE_RULE: (
        (_RULE, Field("spec", alerts.rule_acts.LONGEST_SPEC, True), text("version"), text("backtest"), _WHY),
        _change,
    ),
    Action.DRAFT_RULE: ((_RULE, Field("spec", alerts.rule_acts.LONGEST_SPEC, False), text("backtest")), _draft),
    Action.RETIRE_RULE: ((_RULE, _WHY), _retire),
    Action.ENABLE_RULE: ((_RULE, _WHY), _enable),
    Action.DISABLE_RULE: ((_RULE, _WHY), _disable),
}
