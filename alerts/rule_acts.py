"""Acts on rules: change, draft, retire, enable, disable; each one transaction, audited. A version goes live with its second
person's agreement alone (`rule.change` and its like stand in the two-person policy), and what it was is kept.

What stands when a rule goes is lifted with it: nobody judges it any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from alerts.tracks.watch import take_step
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Action, Actor
from domain.rule_specs import Fault, SpecError, fault_of, faults_among, read_spec, write_spec
from domain.warnings import ThresholdRule
from storage import acts, approvals, backtests, rules, warnings
from storage.connection import Connection

LONGEST_SPEC = 40_000
"""Characters of a spec: five hundred corners and some pages of advice."""


def parse(text: str) -> object:
    """The JSON of a spec. Raises Refused."""
    try:
        if len(text) > LONGEST_SPEC:
            raise ValueError(f"{len(text)} characters are more than {LONGEST_SPEC}")
        return json.loads(text)
    except (ValueError, RecursionError) as fault:
        said = str(fault)[:200]
        raise Refused("rule_spec", f"规则不是有效的 JSON：{said}", f"the rule is no JSON: {said}") from None


def check(conn: Connection, rule_id: str, said: object, version: int | None, districts: Iterable[str]) -> ThresholdRule:
    """The rule that a spec would become, in place of `version` (None: a new rule). Raises Refused with all its faults."""
    live = {one.rule_id: one for one in rules.list_live(conn)}
    today = live.get(rule_id)
    if today is None and version is not None:
        raise _unknown(rule_id)
    if today is not None and version is None:
        raise Refused(
            "rule_exists", f"规则 {rule_id} 已存在：请在其当前版本上修改", f"rule {rule_id} exists: change its live version"
        )
    if today is not None and version != today.version:
        raise Refused(
            "rule_changed",
            f"规则 {rule_id} 已由 {today.author} 改为第 {today.version} 版：请在新版本上修改",
            f"rule {rule_id} is at version {today.version} by {today.author}: change that one",
        )
    rule, faults = examine({one.rule_id: one.rule for one in live.values() if one.rule is not None}, rule_id, said, districts)
    if rule is None or faults:
        raise Refused("rule_spec", *SpecError(faults).sentences())
    return rule


def examine(
    live: Mapping[str, ThresholdRule], rule_id: str, said: object, districts: Iterable[str]
) -> tuple[ThresholdRule | None, list[Fault]]:  # fmt: skip
    """The rule of a spec, if it is one, and everything that is wrong with it beside the rules that live. Pure."""
    try:
        rule = read_spec(rule_id, 0, said)
    except SpecError as fault:
        return None, list(fault.faults)
    faults = faults_among(rule, live, frozenset(districts))
    before = live.get(rule_id)
    if before is not None and (rule.subject, rule.source) != (before.subject, before.source):
        was, is_ = (f"{one.subject.value}/{one.source.value}" for one in (before, rule))
        faults.append(fault_of("subject", is_, f"{was}，改对象须另建规则", f"{was}: another subject is another rule", repr(was)))
    return rule, faults


def change(
    conn: Connection, rule_id: str, text: str, actor: Actor, now: datetime, *, version: int | None, districts: Iterable[str] = (),
    backtest_id: str | None = None, reason: str | None = None,
) -> ThresholdRule:  # fmt: skip
    """Puts a new version of a rule in force. Raises Refused."""
    detail: dict[str, Any] = {"version": version, "backtest": backtest_id, **({"reason": reason} if reason else {})}
    with acts.transaction(conn, actor, Action.CHANGE_RULE, rule_id, now) as deed:
        acts.begin(conn, actor, Action.CHANGE_RULE, rule_id, now, detail=detail, deed=deed)
        rules.wait_for_the_bench(conn)
        newest = rules.lock_rule(conn, rule_id)
        rule = replace(check(conn, rule_id, parse(text), version, districts), version=(newest or 0) + 1)
        before = _spec_of(conn, rule_id)
        check_backtest(conn, rule, backtest_id)
        if before == write_spec(rule):
            raise Refused("rule_same", f"规则 {rule_id} 没有改动", f"nothing of rule {rule_id} would change")
        _write(conn, rule, actor, now, reason=reason, backtest_id=backtest_id)
        rules.drop_draft(conn, rule_id)
        if not rule.enabled:
            _lift(conn, rule_id, now, "rule_disabled")
        deed.changed(before, write_spec(rule))
    return rule


def draft(
    conn: Connection, rule_id: str, text: str | None, actor: Actor, now: datetime, *, backtest_id: str | None = None
) -> None:
    """Keeps what somebody wishes a rule to be, right or not yet, or throws it away. Raises Refused."""
    with acts.transaction(conn, actor, Action.DRAFT_RULE, rule_id, now) as deed:
        acts.begin(conn, actor, Action.DRAFT_RULE, rule_id, now, deed=deed)
        before = rules.list_drafts(conn).get(rule_id)
        said: object = None if text is None else parse(text)
        if text is None:
            rules.drop_draft(conn, rule_id)
        elif isinstance(said, Mapping):
            rules.save_draft(conn, rules.Draft(rule_id, said, actor.name, now, backtest_id))
        else:
            raise Refused("rule_spec", "规则应为 JSON 对象", "expected a JSON object as the rule")
        deed.changed(None if before is None else dict(before.spec), said if isinstance(said, Mapping) else None)


def retire(conn: Connection, rule_id: str, actor: Actor, now: datetime, *, reason: str | None = None) -> int:
    """Ends a rule and lifts what it has raised; returns how many warnings. Raises Refused."""
    with acts.transaction(conn, actor, Action.RETIRE_RULE, rule_id, now) as deed:
        acts.begin(conn, actor, Action.RETIRE_RULE, rule_id, now, detail={"reason": reason} if reason else None, deed=deed)
        rules.wait_for_the_bench(conn)
        rules.lock_rule(conn, rule_id)
        before = _spec_of(conn, rule_id)
        if before is None:
            raise _unknown(rule_id)
        named = [r.rule_id for r in (one.rule for one in rules.list_live(conn)) if r and rule_id in (r.parent, *r.members)]
        if named:
            names = ", ".join(named)
            raise Refused(
                "rule_needed",
                f"规则 {names} 以 {rule_id} 为上级或成员：请先修改它们",
                f"{names} have {rule_id} as parent or member: change these first",
            )
        rules.retire_rule(conn, rule_id, now)
        rules.drop_draft(conn, rule_id)
        lifted = _lift(conn, rule_id, now, "rule_retired")
        deed.changed(before, None)
    return lifted


def switch(
    conn: Connection, rule_id: str, actor: Actor, now: datetime, *, enabled: bool, reason: str | None = None
) -> ThresholdRule:
    """Takes a rule out of force or back into it, as a new version. Raises Refused."""
    action = Action.ENABLE_RULE if enabled else Action.DISABLE_RULE
    with acts.transaction(conn, actor, action, rule_id, now) as deed:
        acts.begin(conn, actor, action, rule_id, now, detail={"reason": reason} if reason else None, deed=deed)
        rules.wait_for_the_bench(conn)
        newest = rules.lock_rule(conn, rule_id)
        today = next((one.rule for one in rules.list_live(conn) if one.rule_id == rule_id), None)
        if today is None or newest is None:
            raise _unknown(rule_id)
        if today.enabled == enabled:
            zh, en = ("启用", "enabled") if enabled else ("停用", "disabled")
            raise Refused("rule_as_it_is", f"规则 {rule_id} 已{zh}", f"rule {rule_id} is {en} already")
        rule = replace(today, enabled=enabled, version=newest + 1)
        _write(conn, rule, actor, now, reason=reason, backtest_id=None)
        if not enabled:
            _lift(conn, rule_id, now, "rule_disabled")
        deed.changed(write_spec(today), write_spec(rule))
    return rule


def _write(
    conn: Connection, rule: ThresholdRule, actor: Actor, now: datetime, *, reason: str | None, backtest_id: str | None
) -> None:
    agreed = approvals.find_approval(conn, actor.approval) if actor.approval else None
    approver = agreed.approver if agreed is not None else None
    rules.write_version(conn, rule, author=actor.name, approver=approver, reason=reason, backtest_id=backtest_id, now=now)


def _lift(conn: Connection, rule_id: str, now: datetime, why: str) -> int:
    rules.forget_progress(conn, rule_id)
    standing = [w for w in warnings.list_open_warnings(conn, Moment.live(now), with_suppressed=True) if w.rule_id == rule_id]
    return sum(take_step(conn, warning, None, now, {**warning.evidence, "ended_by": why}) for warning in standing)


def _spec_of(conn: Connection, rule_id: str) -> Mapping[str, Any] | None:
    return next((write_spec(one.rule) if one.rule else one.spec for one in rules.list_live(conn) if one.rule_id == rule_id), None)


def check_backtest(conn: Connection, rule: ThresholdRule, backtest_id: str | None) -> None:
    """Raises Refused for a back-test that is not of this spec."""
    if backtest_id is None:
        return
    found = backtests.find_backtest(conn, backtest_id)
    if found is None or found.rule_id != rule.rule_id or found.state != "done" or dict(found.spec) != write_spec(rule):
        raise Refused(
            "backtest_other",
            f"回测 {backtest_id[:40]} 不是对规则 {rule.rule_id} 的这一内容所做：请重新回测",
            f"back-test {backtest_id[:40]} is not one of what rule {rule.rule_id} says now: test it again",
        )


def _unknown(rule_id: str) -> Refused:
    return Refused("rule_unknown", f"没有规则 {rule_id[:64]}", f"there is no rule {rule_id[:64]}")
