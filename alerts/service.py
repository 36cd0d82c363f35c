"""The watch: judges every rule against the readings that came since the last tick, in the order in which they were measured, and
against forecasts when there are new ones.

Readings count while their quality is usable and their sensor is heard; a condition whose sensor has fallen silent freezes, and
its warning stays, marked with the time of the last word, until the policy says that it has expired. All that is remembered stands
in the database, written in the one transaction that takes the steps and by one evaluator at a time, so that one that is killed,
or a second one, neither loses nor repeats a step.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np

from alerts.exceedance import Outlook, exceedance, outlook
from alerts.identifier import Allotter
from alerts.lifecycle import NEVER, Silence, Voice, is_expired, state_after_escalation
from alerts.rules import Verdict, Waiting, advance, gravity, is_beyond
from domain.datastreams import Datastream
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.observations import USABLE_QUALITY_CODES, Freshness, freshness, word_age_s
from domain.warnings import OPEN_WARNING_STATES, ThresholdRule, Warning, WarningLevel, WarningSource, WarningState
from storage import heartbeats, rules, warnings
from storage.connection import Connection
from storage.devices import find_name, list_datastreams
from storage.forecasts import list_forecasts, newest_issue
from storage.observations import Value
from storage.ticking import run_ticks

log = logging.getLogger(__name__)

TICK_S = 1.0
STREAMS_EVERY = timedelta(seconds=60)
FORECASTS_EVERY = timedelta(seconds=10)
EXPIRES_EVERY = timedelta(seconds=60)
LOOK_BACK = timedelta(minutes=15)
"""After an absence, readings that came meanwhile are judged as far back as this: what happened before is history. 20,000 series
that measure once a minute then take some seconds."""
READINGS_AT_ONCE = 1_000
"""Of one datastream in one tick."""
ISSUE_COMPLETE = timedelta(seconds=10)
"""The forecasts of one issue are stored a few series at a time: only after this long are all of them there to be judged."""
FORECAST_SLOTS = 4
"""A forecast issued more slots ago than this was not refreshed as it should be: it warns of nothing new, and lifts nothing."""
_INSTANT = timedelta(microseconds=1)


def run(database_url: str, *, agency: str, silence: Silence, stop: Event) -> None:
    """Watches until `stop` is set. `agency` is the 14 digits with which identifiers begin; raises ValueError for others."""
    watch = Watch(agency, silence)
    run_ticks(database_url, "alerts", watch.tick, period_s=TICK_S, stop=stop, clock=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a step rests on."""

    evidence: dict[str, Any]
    probability: float | None = None
    lead_time_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Finding:
    """What there is to judge of one datastream: which thresholds it passes, as of when, and how that looks against one."""

    stream: Datastream
    passes: Callable[[float], bool]
    at: datetime
    against: Callable[[float], _Basis]


@dataclass(frozen=True, slots=True)
class _Record:
    """A rule with what is remembered of it, by datastream: warnings that stand, and since when levels wait to change."""

    rule: ThresholdRule
    standing: dict[int, Warning]
    waiting: dict[int, Waiting]


class Watch:
    """What the process remembers between ticks: the datastreams, and up to which issue forecasts were judged."""

    def __init__(self, agency: str, silence: Silence = NEVER) -> None:
        self._identifiers, self._silence = Allotter(agency), silence
        self._streams: dict[int, Datastream] = {}
        self._streams_read: datetime | None = None
        self._forecasts_asked: datetime | None = None
        self._judged_issue: datetime | None = None
        self._expired_at: datetime | None = None
        self._totals = Counter(raised=0, lifted=0, expired=0)

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Judges everything as known at `now`; returns figures for the system page. While another evaluator judges, nothing."""
        began = perf_counter()
        with conn.transaction():
            if not rules.take_the_bench(conn):
                return {"standby": True}
            figures = self._judge_all(conn, Moment.live(now))
        return {**figures, "standby": False, "tick_ms": round(1000 * (perf_counter() - began))}

    def _judge_all(self, conn: Connection, moment: Moment) -> Mapping[str, Any]:
        now = moment.at
        live = rules.list_rules(conn)
        open_warnings = warnings.list_open_warnings(conn, moment)
        waiting = rules.load_waiting(conn)
        newest = rules.list_newest(conn, _properties(live, WarningSource.RULE))
        self._read_streams(conn, newest, now)
        readings = self._unjudged(conn, newest, now)
        issued = self._issue_to_judge(conn, live, moment)
        forecasts = _current_forecasts(conn, live, moment) if issued is not None else []
        for rule in live:
            standing = {int(w.object_id): w for w in open_warnings if w.rule_id == rule.rule_id}
            record = _Record(rule, standing, {**waiting.get(rule.rule_id, {})})
            if rule.source is WarningSource.FORECAST:
                self._judge(conn, record, self._foreseen(record, forecasts, now), now)
            else:
                self._judge(conn, record, self._measured(record, readings), now)
                self._note_silence(conn, record, newest, now)
        rules.note_judged(conn, (values[-1] for values in readings.values()))
        if self._expired_at is None or abs(now - self._expired_at) >= EXPIRES_EVERY:
            self._expire(conn, now)
            self._expired_at = now
        if issued is not None and now - issued > ISSUE_COMPLETE:
            self._judged_issue = issued
        return {
            "rules": len(live),
            "series": len(newest),
            "open_warnings": len(open_warnings),
            "raised_total": self._totals["raised"],
            "lifted_total": self._totals["lifted"],
            "expired_total": self._totals["expired"],
        }

    def _read_streams(self, conn: Connection, numbers: Iterable[int], now: datetime) -> None:
        is_old = self._streams_read is None or abs(now - self._streams_read) >= STREAMS_EVERY
        if not is_old and all(number in self._streams for number in numbers):
            return
        self._streams = {stream.datastream_id: stream for stream in list_datastreams(conn)}
        self._streams_read = now

    def _unjudged(self, conn: Connection, newest: Mapping[int, rules.Newest], now: datetime) -> Mapping[int, list[Value]]:
        """The readings to be judged, by datastream: of sensors that are heard, back to LOOK_BACK or as long as one counts."""
        heard = {}
        for number, reading in newest.items():
            if not reading.is_judged and _freshness(reading, now) in (Freshness.FRESH, Freshness.LATE):
                heard[number] = min(now - LOOK_BACK, reading.measured)
        return rules.list_unjudged(conn, heard, limit=READINGS_AT_ONCE) if heard else {}

    def _issue_to_judge(self, conn: Connection, live: Iterable[ThresholdRule], moment: Moment) -> datetime | None:
        """The newest issue, if a rule looks at forecasts and it may hold some that were not judged yet."""
        if not _properties(live, WarningSource.FORECAST) or (
            self._forecasts_asked is not None and abs(moment.at - self._forecasts_asked) < FORECASTS_EVERY
        ):
            return None
        self._forecasts_asked = moment.at
        issued = newest_issue(conn, moment.at)
        return issued if issued != self._judged_issue else None

    def _measured(self, record: _Record, readings: Mapping[int, list[Value]]) -> Iterator[_Finding]:
        """Readings that a rule may judge by, each datastream's in the order in which they were measured."""
        for number, values in readings.items():
            stream = self._streams[number]
            if stream.property != record.rule.property:
                continue
            for value in values:
                if value.quality.code in USABLE_QUALITY_CODES:
                    passes = partial(is_beyond, record.rule, value.value)
                    yield _Finding(stream, passes, value.phenomenon_time, partial(_measured_basis, value))

    def _foreseen(self, record: _Record, forecasts: Iterable[Forecast], now: datetime) -> Iterator[_Finding]:
        """Forecasts: a threshold is passed when some slot does so with at least the rule's probability."""
        for forecast in forecasts:
            stream = self._streams.get(forecast.datastream_id)
            if stream is None or stream.property != record.rule.property:
                continue
            ahead = outlook(record.rule, forecast, now)
            if ahead.target_times:
                passes = partial(_is_foreseen, record.rule, ahead)
                yield _Finding(stream, passes, forecast.issued_at, partial(_foreseen_basis, record.rule, forecast, ahead, now))

    def _judge(self, conn: Connection, record: _Record, findings: Iterable[_Finding], now: datetime) -> None:
        """Takes the steps that the findings lead to, and remembers what waits."""
        changed: dict[int, Waiting] = {}
        for finding in findings:
            number = finding.stream.datastream_id
            warning, waited = record.standing.get(number), record.waiting.get(number, {})
            level = warning.level if warning is not None else None
            verdict = advance(record.rule, level, waited, finding.passes, finding.at)
            if verdict.waiting != waited:
                record.waiting[number] = changed[number] = verdict.waiting
            if verdict.level is not level:
                self._step(conn, record, finding, verdict, now)
        rules.save_waiting(conn, record.rule.rule_id, changed)

    def _step(self, conn: Connection, record: _Record, finding: _Finding, verdict: Verdict, now: datetime) -> None:
        """Raises, escalates, downgrades or lifts the warning of one datastream."""
        rule, stream = record.rule, finding.stream
        warning = record.standing.get(stream.datastream_id)
        after = verdict.level
        level = after if after is not None else warning.level if warning is not None else None
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
            if not _record(conn, warning, after, now, evidence, basis):
                return
            if after is None:
                del record.standing[stream.datastream_id]
                self._totals["lifted"] += 1
            else:
                record.standing[stream.datastream_id] = replace(warning, level=after, evidence=evidence)
            return
        identifier = self._identifiers.allot(now, warnings.next_number(conn))
        opened = warnings.open_warning(
            conn, rule, level, identifier=identifier, object_id=str(stream.datastream_id), device_id=stream.device_id, now=now,
            probability=basis.probability, lead_time_s=basis.lead_time_s, evidence=evidence,
        )  # fmt: skip
        if opened is not None and (found := warnings.find_warning_for_update(conn, opened)) is not None:
            record.standing[stream.datastream_id] = found
            self._totals["raised"] += 1

    def _note_silence(self, conn: Connection, record: _Record, newest: Mapping[int, rules.Newest], now: datetime) -> None:
        """Marks warnings whose sensor has fallen silent with the time of its last word, and unmarks them when it speaks."""
        for number, warning in record.standing.items():
            if number not in newest:
                continue
            measured = newest[number].measured
            is_silent = _freshness(newest[number], now) is Freshness.SILENT
            if is_silent == ("silent_since" in warning.evidence):
                continue
            evidence = {key: said for key, said in warning.evidence.items() if key != "silent_since"}
            if is_silent:
                evidence["silent_since"] = measured.isoformat()
            _record(conn, warning, warning.level, now, evidence, _Basis({}, warning.probability, warning.lead_time_s))

    def _expire(self, conn: Connection, now: datetime) -> None:
        """Ends warnings of whose object nothing has been heard for as long as the policy waits, while the ingester listened."""
        ingester = next((beat for beat in heartbeats.list_heartbeats(conn) if beat.process == "ingest"), None)
        if ingester is None or now - ingester.beat_at > heartbeats.ALIVE_WITHIN:
            return
        standing = {int(w.object_id): w for w in warnings.list_open_warnings(conn, Moment.live(now)) if w.object_id.isdigit()}
        for number, heard in rules.list_last_heard(conn, list(standing)).items():
            warning, voice = standing[number], Voice(*heard)
            if is_expired(voice, self._silence, listening_since=ingester.started_at, now=now):
                evidence = {**warning.evidence, "silent_since": voice.heard_at.isoformat(), "expired_by": "silence"}
                basis = _Basis({}, warning.probability, warning.lead_time_s)
                if _record(conn, warning, None, now, evidence, basis, end=WarningState.EXPIRED):
                    log.info("warning %s of %s expired: not heard since %s", *_named(warning), voice.heard_at.isoformat())
                    self._totals["expired"] += 1


def _named(warning: Warning) -> tuple[str, str]:
    return warning.identifier, str(warning.evidence.get("device_name") or warning.device_id or warning.object_id)


def _properties(live: Iterable[ThresholdRule], source: WarningSource) -> list[str]:
    """What rules of this source look at."""
    return sorted({rule.property for rule in live if rule.source is source})


def _current_forecasts(conn: Connection, live: Iterable[ThresholdRule], moment: Moment) -> list[Forecast]:
    """Forecasts of what the rules look at, without those that should have been refreshed long ago."""
    return [
        forecast
        for forecast in list_forecasts(conn, _properties(live, WarningSource.FORECAST), moment)
        if (moment.at - forecast.issued_at).total_seconds() <= FORECAST_SLOTS * forecast.step_s
    ]


def _record(
    conn: Connection,
    warning: Warning,
    after: WarningLevel | None,
    now: datetime,
    evidence: dict[str, Any],
    basis: _Basis,
    *,
    end: WarningState = WarningState.LIFTED,
) -> bool:
    """Records a step of a warning that stands, unless it was closed or taken further meanwhile: to a level, or to its `end`. Call
    inside a transaction."""
    current = warnings.find_warning_for_update(conn, warning.warning_id)
    if current is None or current.state not in OPEN_WARNING_STATES or current.level is not warning.level:
        return False
    if after is None:
        state = end
    elif gravity(after) > gravity(warning.level):
        state = state_after_escalation(current.state)
    else:
        state = current.state
    warnings.record_step(
        conn, warning.warning_id, state, after or warning.level, now=max(now, current.updated_at + _INSTANT),
        probability=basis.probability, lead_time_s=basis.lead_time_s, evidence=evidence,
    )  # fmt: skip
    return True


def _freshness(reading: rules.Newest, now: datetime) -> Freshness:
    age_s = word_age_s(now, reading.measured, reading.heard, reading.mode)
    return freshness(age_s, reading.interval_s, reading.mode, reading.state)


def _is_foreseen(rule: ThresholdRule, ahead: Outlook, threshold: float) -> bool:
    return float(exceedance(rule, ahead, threshold).max()) >= rule.min_probability


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
