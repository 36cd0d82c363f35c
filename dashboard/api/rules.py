"""Rules: what they say, what they said, what somebody wishes them to say, and what that would have done; as JSON."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
from fastapi import FastAPI, Request
from starlette.responses import Response

from alerts import rehearsal
from alerts.rule_acts import LONGEST_SPEC, examine
from alerts.rule_text import AT_ONCE, EVERYTHING, Change, changes, sentence, unit_words
from alerts.tracks.registry import SOURCES
from dashboard import visitor
from dashboard.api import answer, failed, missing
from dashboard.api.dossiers import is_id
from dashboard.bodies import Malformed, read_body
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from domain.anomalies import Lane, Oddity
from domain.incidents import HAZARD_CLASSES
from domain.labels import Labelled
from domain.moments import Moment
from domain.rule_specs import KEYS, METRICS, Fault, write_spec
from domain.rules import EVERY, STANDING, Acceptance, Days, Subject
from domain.sensors import PROPERTIES, SensorKind
from domain.warnings import SeriesMeasure, ThresholdRule, WarningLevel
from storage import backtests, rules
from storage.backtests import Backtest
from storage.connection import Connection, DatabaseUnreachable
from storage.derived import list_derived
from storage.warnings import list_open_warnings

MOST_LISTED = 20


def mount(server: FastAPI, house: Deployment) -> None:
    async def told(read: Callable[[Connection], Json | None], path: str) -> Response:
        try:
            said = await house.database.ask(read)
        except DatabaseUnreachable:
            return failed("api.database_away")
        return missing(path) if said is None else answer(said)

    async def all_rules() -> Response:
        return await told(lambda conn: _all(conn, house.clock()), "/api/rules")

    async def terms() -> Response:
        return await told(_terms, "/api/rules/terms")

    async def one(rule_id: str) -> Response:
        def read(conn: Connection) -> Json | None:
            said = _all(conn, house.clock())
            found: Json | None = next((row for row in said["rules"] if row["rule"] == rule_id), None)
            if found is None:
                return None
            named = [row["rule"] for row in said["rules"] if rule_id in _named_by(row["spec"])]
            draft = rules.list_drafts(conn).get(rule_id)
            return {**found, "children": named, "draft": _draft(draft, with_spec=True)}

        return await told(read if is_id(rule_id) else _nothing, "/api/rules")

    async def versions(rule_id: str) -> Response:
        def read(conn: Connection) -> Json | None:
            found = rules.list_versions(conn, rule_id)
            before = [version.rule for version in found[1:]] + [None] * bool(found)
            rows = [_version(v, changes(b, v.rule) if b else []) for v, b in zip(found, before, strict=True)]
            return {"rule": rule_id, "versions": rows} if rows else None

        return await told(read if is_id(rule_id) else _nothing, "/api/rules")

    async def diff(rule_id: str, a: str = "", b: str = "") -> Response:
        def read(conn: Connection) -> Json | None:
            found = {version.rule.version: version.rule for version in rules.list_versions(conn, rule_id)}
            pair = [found.get(int(said)) if said.isascii() and said.isdigit() and len(said) < 9 else None for said in (a, b)]
            if pair[0] is None or pair[1] is None:
                return None
            return {"rule": rule_id, "changes": _changes(changes(pair[0], pair[1]))}

        return await told(read if is_id(rule_id) else _nothing, "/api/rules")

    async def check(request: Request) -> Response:
        """{"rule": …, "spec": …} → its faults, or its words and in what it differs from the live version."""
        said = _said(await request.body())
        if isinstance(said, Response):
            return said

        def read(conn: Connection) -> Json:
            live = {row.rule_id: row.rule for row in rules.list_live(conn) if row.rule is not None}
            rule, faults = examine(live, said["rule"], said["spec"], _districts(house))
            before = live.get(said["rule"])
            return {
                "faults": _faults(faults), "words": _words(rule), "spec": write_spec(rule) if rule else None,
                "changes": _changes(changes(before, rule)) if rule and before else [],
            }  # fmt: skip

        return await told(read, "/api/rules/check")

    async def begin(request: Request) -> Response:
        """{"rule": …, "spec": …, "days": …} → a back-test under way; 409 while there is another."""
        said = _said(await request.body())
        if isinstance(said, Response):
            return said
        days = said.get("days", rehearsal.LONGEST_DAYS)
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= rehearsal.LONGEST_DAYS:
            return failed("api.backtest_days", 400)
        now, actor = house.clock(), visitor.current().actor

        def start(conn: Connection) -> tuple[list[Fault], Backtest | None, Backtest | None]:
            live = {row.rule_id: row.rule for row in rules.list_live(conn) if row.rule is not None}
            rule, faults = examine(live, said["rule"], said["spec"], _districts(house))
            if rule is None or faults:
                return faults, None, None
            before = live.get(rule.rule_id)
            base, asker = before.version if before else None, actor.name if actor else ""
            wanted = Backtest(uuid4().hex, rule.rule_id, write_spec(rule), base, days, asker, now, "running", 0.0, now)
            return [], wanted, backtests.start_backtest(conn, wanted)

        try:
            faults, wanted, other = await house.database.act(start)
        except DatabaseUnreachable:
            return failed("api.database_away")
        if wanted is None:
            return answer({"error": "rule_spec", "faults": _faults(faults)}, 400)
        if other is not None:
            busy = failed("api.backtest_busy", 409)
            return answer({**_json(busy), "id": other.backtest_id, "rule": other.rule_id, "progress": other.progress}, 409)
        stage = _stage(house, now)
        await asyncio.to_thread(rehearsal.begin, stage, wanted.backtest_id)
        return answer({"id": wanted.backtest_id, "state": "running"}, 202)

    async def backtest(backtest_id: str) -> Response:
        def read(conn: Connection) -> Json | None:
            found = backtests.find_backtest(conn, backtest_id)
            return None if found is None else {**_backtest(found), "spec": found.spec, "result": found.result}

        return await told(read if is_id(backtest_id) else _nothing, "/api/rules/backtests")

    async def of_rule(rule: str = "") -> Response:
        def read(conn: Connection) -> Json:
            return {"backtests": [_backtest(found) for found in backtests.list_backtests(conn, rule, limit=MOST_LISTED)]}

        return await told(read if is_id(rule) else _nothing, "/api/rules/backtests")

    routes: dict[str, Callable[..., Any]] = {
        "/api/rules": all_rules, "/api/rules/terms": terms, "/api/rules/backtests": of_rule,
        "/api/rules/backtests/{backtest_id}": backtest, "/api/rules/{rule_id}": one, "/api/rules/{rule_id}/versions": versions,
        "/api/rules/{rule_id}/diff": diff,
    }  # fmt: skip
    for path, answers in routes.items():
        server.add_api_route(path, answers, methods=["GET"])
    server.add_api_route("/api/rules/check", check, methods=["POST"])
    server.add_api_route("/api/rules/backtest", begin, methods=["POST"])


def _nothing(conn: Connection) -> None:
    return None


def _json(response: Response) -> Json:
    said: Json = dict(read_body(bytes(response.body)))  # type: ignore[call-overload]
    return said


def _said(body: bytes) -> Json | Response:
    """What was asked about a spec, or the answer that it cannot be understood."""
    said = read_body(body) if len(body) <= 2 * LONGEST_SPEC else None
    if isinstance(said, Malformed):
        return answer({"error": said.code, "zh": said.zh, "en": said.en}, 400)
    if not isinstance(said, Mapping) or not isinstance(said.get("rule"), str) or "spec" not in said:
        return answer({"error": "malformed", "message": 'expected {"rule": …, "spec": {…}}'}, 400)
    return dict(said)


def _districts(house: Deployment) -> tuple[str, ...]:
    return tuple(district.code for district in house.city.districts) if house.city else ()


def _stage(house: Deployment, now: datetime) -> rehearsal.Stage:
    first = (now - timedelta(days=rehearsal.LONGEST_DAYS + 2)).date()
    days = rehearsal.LONGEST_DAYS + 4
    worked = house.calendar.are_worked(house.calendar.kinds((first - date(1970, 1, 1)).days, days))
    return rehearsal.Stage(
        house.database.url, house.zone.key, frozenset(first + timedelta(days=int(k)) for k in np.flatnonzero(worked)),
        house.city.path if house.city else None, house.index,
    )  # fmt: skip


def _all(conn: Connection, now: datetime) -> Json:
    open_ = Counter(warning.rule_id for warning in list_open_warnings(conn, Moment.live(now)))
    drafts, running = rules.list_drafts(conn), backtests.find_running(conn)
    rows = [_row(live, open_[live.rule_id], drafts.pop(live.rule_id, None)) for live in rules.list_live(conn)]
    rows += [_drafted(draft) for _, draft in sorted(drafts.items())]
    return {"t": ms(now), "rules": rows, "backtest": None if running is None else _backtest(running)}


def _row(live: rules.LiveRule, n_open: int, draft: rules.Draft | None) -> Json:
    rule = live.rule
    fault = None if live.fault is None else dict(zip(("zh", "en"), live.fault.sentences(), strict=True))
    return {
        "rule": live.rule_id, "version": live.version, "enabled": rule.enabled if rule else False,
        "spec": write_spec(rule) if rule else live.spec, "words": _words(rule), "unit": _pair(unit_words(rule)) if rule else None,
        "author": live.author, "approver": live.approver, "since": ms(live.created_at), "backtest": live.backtest_id,
        "open": n_open, "draft": _draft(draft, with_spec=True), "fault": fault,
    }  # fmt: skip


def _drafted(draft: rules.Draft) -> Json:
    """A rule of which there is nothing but a draft."""
    return {
        "rule": draft.rule_id, "version": None, "enabled": False, "spec": None, "words": None, "unit": None, "author": None,
        "approver": None, "since": None, "backtest": None, "open": 0, "draft": _draft(draft, with_spec=True), "fault": None,
    }  # fmt: skip


def _draft(draft: rules.Draft | None, *, with_spec: bool = False) -> Json | None:
    if draft is None:
        return None
    said = {"author": draft.author, "saved_at": ms(draft.saved_at), "backtest": draft.backtest_id}
    return {**said, "spec": draft.spec} if with_spec else said


def _version(found: rules.RuleVersion, differs: list[Change]) -> Json:
    return {
        "version": found.rule.version, "spec": write_spec(found.rule), "words": _words(found.rule), "author": found.author,
        "approver": found.approver, "since": ms(found.created_at), "until": ms(found.retired_at) if found.retired_at else None,
        "reason": found.reason, "backtest": found.backtest_id, "changes": _changes(differs),
    }  # fmt: skip


def _backtest(found: Backtest) -> Json:
    return {
        "id": found.backtest_id, "rule": found.rule_id, "days": found.days, "state": found.state,
        "progress": round(found.progress, 3), "asked_by": found.asked_by, "asked_at": ms(found.asked_at),
        "base_version": found.base_version, "ended_at": ms(found.ended_at) if found.ended_at else None, "fault": found.fault,
    }  # fmt: skip


def _named_by(spec: Mapping[str, Any] | None) -> list[str | None]:
    return [] if spec is None else [spec.get("parent"), *spec.get("members", ())]


def _pair(words: tuple[str, str]) -> Json:
    return {"zh": words[0], "en": words[1]}


def _words(rule: ThresholdRule | None) -> Json | None:
    return None if rule is None else _pair(sentence(rule))


def _changes(differs: list[Change]) -> list[Json]:
    return [{"field": change.field, "zh": change.zh, "en": change.en} for change in differs]


def _faults(faults: list[Fault]) -> list[Json]:
    return [{"field": fault.field, "zh": fault.zh, "en": fault.en} for fault in faults]


def _terms(conn: Connection) -> Json:
    """What an editor offers: subjects with their metrics, words of every choice, units."""
    labelled = {"measure": SeriesMeasure, "min_quality": Acceptance, "days": Days, "level": WarningLevel}
    kinds = [{"metric": kind.type_name, "zh": kind.zh, "en": kind.en} for kind in SensorKind]
    everything = {"metric": EVERY, **_pair(EVERYTHING)}
    metrics: dict[Subject, list[Json]] = {
        Subject.PROPERTY: [{"metric": p.name, "zh": p.zh, "en": p.en, "unit": p.zh_unit} for p in PROPERTIES.values()],
        Subject.DERIVED: _derived_terms(conn),
        Subject.QUALITY: [everything, *kinds], Subject.SILENCE: [everything, *kinds],
        Subject.ANOMALY: [everything, *_labels(Lane, "metric"), *_labels(Oddity, "metric")],
        Subject.COMBINATION: [{"metric": STANDING, **_pair(AT_ONCE)}],
        **{subject: _labels(words, "metric") for subject, words in METRICS.items()},
    }  # fmt: skip
    return {
        "keys": list(KEYS),
        "subjects": [
            {"subject": subject.value, "zh": subject.zh, "en": subject.en, "metrics": metrics[subject],
             "period_s": SOURCES[subject].period_s if subject in SOURCES else None}
            for subject in Subject
        ],
        "hazards": [{"hazard": name, "zh": zh, "en": en} for name, (zh, en) in HAZARD_CLASSES.items()],
        **{name: _labels(kind, "value") for name, kind in labelled.items()},
    }  # fmt: skip


def _labels(kind: type[Labelled], name: str) -> list[Json]:
    return [{name: member.value, "zh": member.zh, "en": member.en} for member in kind]


def _derived_terms(conn: Connection) -> list[Json]:
    found: dict[str, Json] = {}
    for row in list_derived(conn):
        derived = replace(row.derived, hall_id="*") if row.derived.hall_id else row.derived
        found[derived.key] = {
            "metric": derived.key,
            "zh": derived.what("zh"),
            "en": derived.what("en"),
            "unit": derived.unit("zh"),
        }
    return [found[key] for key in sorted(found)]
