"""The watch: judges every rule against the newest readings each second, and against forecasts when there are new ones.

Readings count while their quality is usable and they are not stale; a condition whose sensor has fallen silent freezes, and its
warning stays, marked with the time of the last word. All that is remembered stands in the database, written together with the
step it leads to, so that an evaluator that is killed, or a second one, neither loses nor repeats a step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np

from alerts.exceedance import Outlook, exceedance, outlook
from alerts.identifier import Allotter
from alerts.lifecycle import state_after_escalation
from alerts.rules import Condition, Verdict, advance, gravity, level_asked, level_of_value
from domain.datastreams import Datastream
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.observations import USABLE_QUALITY_CODES, Freshness, freshness
from domain.warnings import OPEN_WARNING_STATES, ThresholdRule, Warning, WarningLevel, WarningSource, WarningState
from storage import warnings
from storage.connection import Connection
from storage.devices import find_name, list_datastreams
from storage.forecasts import list_forecasts, newest_issue
from storage.observations import Value, list_values
from storage.rules import list_rules
from storage.ticking import run_ticks
from storage.warnings import Holding

TICK_S = 1.0
STREAMS_EVERY = timedelta(seconds=60)
FORECASTS_EVERY = timedelta(seconds=10)
ISSUE_COMPLETE = timedelta(seconds=10)
"""The forecasts of one issue are stored a few series at a time: only after this long are all of them there to be judged."""
FORECAST_SLOTS = 4
"""A forecast issued more slots ago than this was not refreshed as it should be: it warns of nothing new, and lifts nothing."""
_INSTANT = timedelta(microseconds=1)


def run(database_url: str, *, agency: str, stop: Event) -> None:
    """Watches until `stop` is set. `agency` is the 14 digits with which identifiers begin; raises ValueError for others."""
    watch = Watch(agency)
    run_ticks(database_url, "alerts", watch.tick, period_s=TICK_S, stop=stop, clock=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a step rests on."""

    evidence: dict[str, Any]
    probability: float | None = None
    lead_time_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a rule has to say of one datastream: the level asked for, as of when, and how that looks against a threshold."""

    stream: Datastream
    asked: WarningLevel | None
    at: datetime
    against: Callable[[float], _Basis]


@dataclass(frozen=True, slots=True)
class _Record:
    """A rule with what is remembered of it, by datastream: warnings that stand, and conditions that wait or hold."""

    rule: ThresholdRule
    standing: Mapping[int, Warning]
    holdings: Mapping[int, Holding]

    def level(self, number: int) -> WarningLevel | None:
        warning = self.standing.get(number)
        return warning.level if warning is not None else None

    def is_quiet(self, number: int) -> bool:
        """Whether nothing is remembered: then a value that asks for nothing changes nothing."""
        return number not in self.standing and number not in self.holdings


class Watch:
    """What the process remembers between ticks: the datastreams, and up to which issue forecasts were judged."""

    def __init__(self, agency: str) -> None:
        self._identifiers = Allotter(agency)
        self._streams: dict[int, Datastream] = {}
        self._by_property: dict[str, list[int]] = {}
        self._streams_read: datetime | None = None
        self._forecasts_asked: datetime | None = None
        self._judged_issue: datetime | None = None
        self._totals = Counter(raised=0, lifted=0)

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Judges everything as known at `now`; returns figures for the system page."""
        began = perf_counter()
        moment = Moment.live(now)
        rules = list_rules(conn)
        values = {value.datastream_id: value for value in list_values(conn, moment)}
        self._read_streams(conn, values, now)
        open_warnings = warnings.list_open_warnings(conn, moment)
        issued = self._issue_to_judge(conn, rules, moment)
        forecasts = _current_forecasts(conn, rules, moment) if issued is not None else []
        for rule in rules:
            standing = {int(w.object_id): w for w in open_warnings if w.rule_id == rule.rule_id}
            record = _Record(rule, standing, warnings.load_holdings(conn, rule.rule_id))
            if rule.source is WarningSource.FORECAST:
                self._judge(conn, record, self._foreseen(record, forecasts, now), now)
            else:
                self._judge(conn, record, self._measured(record, values, now), now)
                self._note_silence(conn, record, values, now)
        if issued is not None and now - issued > ISSUE_COMPLETE:
            self._judged_issue = issued
        return {
            "rules": len(rules),
            "series": len(values),
            "open_warnings": len(open_warnings),
            "raised_total": self._totals["raised"],
            "lifted_total": self._totals["lifted"],
            "tick_ms": round(1000 * (perf_counter() - began)),
        }

    def _read_streams(self, conn: Connection, values: Mapping[int, Value], now: datetime) -> None:
        is_old = self._streams_read is None or abs(now - self._streams_read) >= STREAMS_EVERY
        if not is_old and values.keys() <= self._streams.keys():
            return
        self._streams = {stream.datastream_id: stream for stream in list_datastreams(conn)}
        self._by_property = {}
        for number, stream in self._streams.items():
            self._by_property.setdefault(stream.property, []).append(number)
        self._streams_read = now

    def _issue_to_judge(self, conn: Connection, rules: Iterable[ThresholdRule], moment: Moment) -> datetime | None:
        """The newest issue, if a rule looks at forecasts and it may hold some that were not judged yet."""
        if not _foreseen_properties(rules) or (
            self._forecasts_asked is not None and abs(moment.at - self._forecasts_asked) < FORECASTS_EVERY
        ):
            return None
        self._forecasts_asked = moment.at
        issued = newest_issue(conn, moment.at)
        return issued if issued != self._judged_issue else None

    def _measured(self, record: _Record, values: Mapping[int, Value], now: datetime) -> Iterator[_Finding]:
        """What the newest readings ask for."""
        for number in self._by_property.get(record.rule.property, ()):
            value, stream = values.get(number), self._streams[number]
            if value is None or not _counts(value, stream, now):
                continue
            asked = level_of_value(record.rule, value.value, record.level(number))
            if asked is not None or not record.is_quiet(number):
                yield _Finding(stream, asked, value.phenomenon_time, partial(_measured_basis, value))

    def _foreseen(self, record: _Record, forecasts: Iterable[Forecast], now: datetime) -> Iterator[_Finding]:
        """What the forecasts ask for: a level whose threshold some slot passes with at least the rule's probability."""
        for forecast in forecasts:
            stream = self._streams.get(forecast.datastream_id)
            if stream is None or stream.property != record.rule.property:
                continue
            ahead = outlook(record.rule, forecast, now)
            if not ahead.target_times:
                continue
            chance = partial(exceedance, record.rule, ahead)
            asked = level_asked(
                record.rule,
                lambda threshold, chance=chance: float(chance(threshold).max()) >= record.rule.min_probability,  # type: ignore[misc]
                record.level(stream.datastream_id),
            )
            if asked is not None or not record.is_quiet(stream.datastream_id):
                yield _Finding(stream, asked, forecast.issued_at, partial(_foreseen_basis, record.rule, forecast, ahead, now))

    def _judge(self, conn: Connection, record: _Record, findings: Iterable[_Finding], now: datetime) -> None:
        """Takes the steps that the findings lead to, and remembers the conditions, in one transaction."""
        changed: dict[int, Holding] = {}
        steps: list[tuple[_Finding, Verdict]] = []
        for finding in findings:
            number = finding.stream.datastream_id
            held = record.holdings.get(number)
            before = record.level(number)
            condition = Condition(held.level, held.since) if held is not None else None
            verdict = advance(record.rule, before, condition, finding.asked, finding.at)
            holding = Holding(verdict.condition.level, verdict.condition.since)
            if holding != held:
                changed[number] = holding
            if verdict.level != before:
                steps.append((finding, verdict))
        if not changed and not steps:
            return
        with conn.transaction():
            for finding, verdict in steps:
                self._step(conn, record, finding, verdict, now)
            warnings.save_holdings(conn, record.rule.rule_id, changed)

    def _step(self, conn: Connection, record: _Record, finding: _Finding, verdict: Verdict, now: datetime) -> None:
        """Raises, escalates, downgrades or lifts the warning of one datastream."""
        rule, stream = record.rule, finding.stream
        warning = record.standing.get(stream.datastream_id)
        after = verdict.level
        level = after or record.level(stream.datastream_id)
        assert level is not None, "a step goes to a level or from one"
        # A rule changed since the warning was raised may have lost the warning's level: the nearest one explains the step.
        threshold = min(rule.thresholds, key=lambda t: abs(gravity(t.level) - gravity(level)))
        basis = finding.against(threshold.raise_at if after is not None else threshold.clear_at)
        evidence = {
            "datastream_id": stream.datastream_id, "device_id": stream.device_id, "item": stream.item,
            "device_name": find_name(conn, stream.device_id), "district": stream.device_id.split("/")[0],
            "property": stream.property, "unit": stream.unit, "direction": rule.direction, "since": verdict.since.isoformat(),
            **basis.evidence,
        }  # fmt: skip
        if warning is not None:
            if _record(conn, warning, after, now, evidence, basis) and after is None:
                self._totals["lifted"] += 1
            return
        identifier = self._identifiers.allot(now, warnings.next_number(conn))
        opened = warnings.open_warning(
            conn, rule, level, identifier=identifier, object_id=str(stream.datastream_id), device_id=stream.device_id, now=now,
            probability=basis.probability, lead_time_s=basis.lead_time_s, evidence=evidence,
        )  # fmt: skip
        self._totals["raised"] += opened is not None

    def _note_silence(self, conn: Connection, record: _Record, values: Mapping[int, Value], now: datetime) -> None:
        """Marks warnings whose sensor has fallen silent with the time of its last word, and unmarks them when it speaks."""
        for number, warning in record.standing.items():
            value, stream = values.get(number), self._streams.get(number)
            if value is None or stream is None:
                continue
            is_silent = _freshness(value, stream, now) is Freshness.SILENT
            if is_silent == ("silent_since" in warning.evidence):
                continue
            evidence = {key: said for key, said in warning.evidence.items() if key != "silent_since"}
            if is_silent:
                evidence["silent_since"] = value.phenomenon_time.isoformat()
            with conn.transaction():
                _record(conn, warning, warning.level, now, evidence, _Basis({}, warning.probability, warning.lead_time_s))


def _foreseen_properties(rules: Iterable[ThresholdRule]) -> list[str]:
    return sorted({rule.property for rule in rules if rule.source is WarningSource.FORECAST})


def _current_forecasts(conn: Connection, rules: Iterable[ThresholdRule], moment: Moment) -> list[Forecast]:
    """Forecasts of what the rules look at, without those that should have been refreshed long ago."""
    return [
        forecast
        for forecast in list_forecasts(conn, _foreseen_properties(rules), moment)
        if (moment.at - forecast.issued_at).total_seconds() <= FORECAST_SLOTS * forecast.step_s
    ]


def _record(
    conn: Connection, warning: Warning, after: WarningLevel | None, now: datetime, evidence: dict[str, Any], basis: _Basis
) -> bool:
    """Records a step of a warning that stands, unless it was closed or taken further meanwhile. Call inside a transaction."""
    current = warnings.find_warning_for_update(conn, warning.warning_id)
    if current is None or current.state not in OPEN_WARNING_STATES or current.level is not warning.level:
        return False
    if after is None:
        state = WarningState.LIFTED
    elif gravity(after) > gravity(warning.level):
        state = state_after_escalation(current.state)
    else:
        state = current.state
    warnings.record_step(
        conn, warning.warning_id, state, after or warning.level, now=max(now, current.updated_at + _INSTANT),
        probability=basis.probability, lead_time_s=basis.lead_time_s, evidence=evidence,
    )  # fmt: skip
    return True


def _freshness(value: Value, stream: Datastream, now: datetime) -> Freshness:
    return freshness((now - value.phenomenon_time).total_seconds(), stream.interval_s)


def _counts(value: Value, stream: Datastream, now: datetime) -> bool:
    """Whether a rule may judge by this value."""
    return value.quality.code in USABLE_QUALITY_CODES and _freshness(value, stream, now) in (Freshness.FRESH, Freshness.LATE)


def _measured_basis(value: Value, threshold: float) -> _Basis:
    return _Basis({"value": value.value, "threshold": threshold, "phenomenon_time": value.phenomenon_time.isoformat()})


def _foreseen_basis(rule: ThresholdRule, forecast: Forecast, ahead: Outlook, now: datetime, threshold: float) -> _Basis:
    """The first slot that passes the threshold with the rule's probability, or else the one most likely to."""
    chances = exceedance(rule, ahead, threshold)
    enough = np.flatnonzero(chances >= rule.min_probability)
    k = int(enough[0]) if enough.size else int(chances.argmax())
    evidence = {
        "value": float(ahead.q50[k]), "threshold": threshold, "target_time": ahead.target_times[k].isoformat(),
        "q10": float(ahead.q10[k]), "q50": float(ahead.q50[k]), "q90": float(ahead.q90[k]),
        "issued_at": forecast.issued_at.isoformat(), "model": forecast.model, "model_version": forecast.model_version,
        "fallback_reason": forecast.fallback_reason,
    }  # fmt: skip
    return _Basis(evidence, float(chances.max()), max(0.0, (ahead.target_times[k] - now).total_seconds()))
