"""The watch: judges every rule against the readings that came since the last tick, in the order in which they were measured, and
against forecasts when there are new ones.

Readings count while their quality is usable and their sensor is heard; a condition whose sensor has fallen silent freezes, and
its warning stays, marked with the time of the last word, until the policy says that it has expired. All that is remembered stands
in the database, written in the one transaction that takes the steps and by one evaluator at a time, so that one that is killed,
or a second one, neither loses nor repeats a step.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from json import dumps
from math import isfinite, isnan
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np
import shapely

from alerts.batches import Batch, batch, candidates
from alerts.exceedance import exceedance, outlook
from alerts.gathering import gather_all
from alerts.identifier import Allotter
from alerts.lifecycle import NEVER, Silence, Voice, is_expired
from alerts.maintenance import Window, find_window
from alerts.measures import COVERS_S, measured
from alerts.practice import WarningPractice
from alerts.reminders import due
from alerts.rules import Verdict, Waiting, advance, gravity, is_beyond
from alerts.scope import ACCEPTED, Setting, judged
from alerts.topology import OBSERVED, Post, links
from alerts.tracks import forecasts as foretold
from alerts.tracks.watch import TrackWatch, take_step
from domain.datastreams import Datastream
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.observations import Freshness, freshness, word_age_s
from domain.rules import Subject
from domain.warnings import SeriesMeasure, ThresholdRule, Warning, WarningSource, WarningState
from storage import attention, heartbeats, rules, shelves, warnings
from storage import judged as memory
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
REMINDS_EVERY = timedelta(seconds=5)
LATE_EVERY = timedelta(seconds=30)
"""How often readings are looked for that came after later ones had been judged."""
LATE_OVERLAP = timedelta(seconds=60)
"""A reading is stamped before it is committed: so far behind the look before one looks again. Judging twice changes nothing."""
LOOK_BACK = timedelta(minutes=15)
"""After an absence, readings that came meanwhile are judged as far back as this: what happened before is history. 20,000 series
that measure once a minute then take some seconds."""
UNHEARD_EVERY = timedelta(seconds=10)
"""How often it is asked whether a sensor is heard by now whose last reading came while it was not."""
READINGS_AT_ONCE = 1_000
"""Of one datastream in one tick."""
ISSUE_COMPLETE = timedelta(seconds=10)
"""The forecasts of one issue are stored a few series at a time: only after this long are all of them there to be judged."""
CARRIED_OUT = timedelta(seconds=10)
"""Between a second person's agreement and the publication that it is for."""
PUBLISHABLE = (WarningState.CANDIDATE, WarningState.VERIFIED)
"""States of a warning that nobody has in hand: one that is to be published waits for that."""
FORECAST_SLOTS = 4
"""A forecast issued more slots ago than this was not refreshed as it should be: it warns of nothing new, and lifts nothing."""
_INSTANT = timedelta(microseconds=1)


def run(
    database_url: str, *, agency: str, silence: Silence, stop: Event, practice: WarningPractice | None = None,
    setting: Setting | None = None,
) -> None:  # fmt: skip
    """Watches until `stop` is set. `agency` is the 14 digits with which identifiers begin; raises ValueError for others."""
    watch = Watch(agency, silence, practice, setting)
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


_Place = tuple[str | None, float | None, float | None]
_NOWHERE: _Place = (None, None, None)


class _Came:
    """Readings to be judged, as rules ask for them: of one property, and of the qualities that a rule accepts."""

    def __init__(self, readings: Mapping[int, list[Value]], streams: Mapping[int, Datastream]) -> None:
        self._of_property: dict[str, dict[int, list[Value]]] = defaultdict(dict)
        for number, values in readings.items():
            self._of_property[streams[number].property][number] = values
        self._accepted: dict[tuple[str, tuple[int, ...]], dict[int, list[Value]]] = {}
        self._batches: dict[tuple[str, tuple[int, ...]], Batch] = {}

    def of(self, rule: ThresholdRule) -> dict[int, list[Value]]:
        """The readings that the rule accepts, by datastream; those without any are left out."""
        key = rule.property, ACCEPTED[rule.min_quality]
        if key not in self._accepted:
            self._accepted[key] = {
                number: own
                for number, values in self._of_property[rule.property].items()
                if (own := [value for value in values if value.quality.code in key[1]])
            }
        return self._accepted[key]

    def series(self, rule: ThresholdRule) -> set[int]:
        return set(self.of(rule))

    def batch(self, rule: ThresholdRule) -> Batch:
        """The same readings in the order of their values."""
        key = rule.property, ACCEPTED[rule.min_quality]
        if key not in self._batches:
            told = [(value.value, number) for number, values in self.of(rule).items() for value in values]
            self._batches[key] = batch([value for value, _ in told], [number for _, number in told])
        return self._batches[key]


class Watch:
    """What the process remembers between ticks: the datastreams, and up to which issue forecasts were judged."""

    def __init__(
        self, agency: str, silence: Silence = NEVER, practice: WarningPractice | None = None, setting: Setting | None = None
    ) -> None:
        self._identifiers, self._silence = Allotter(agency), silence
        self._practice, self._setting = practice or WarningPractice(), setting or Setting()
        self._tracks = TrackWatch(self._setting)
        self._rules = rules.LiveRules()
        self._streams: dict[int, Datastream] = {}
        self._n_series: Counter[str] = Counter()
        self._unheard: dict[int, datetime] = {}
        self._unheard_asked: datetime | None = None
        self._places: dict[str, _Place] = {}
        self._links: list[tuple[str, str]] = []
        self._linked: frozenset[Post] = frozenset()
        self._windows: list[Window] = []
        self._reminded_at: datetime | None = None
        self._late_asked: datetime | None = None
        self._gathered: frozenset[tuple[object, ...]] | None = None
        self._streams_read: datetime | None = None
        self._forecasts_asked: datetime | None = None
        self._judged_issue: datetime | None = None
        self._issue_done: datetime | None = None
        self._expired_at: datetime | None = None
        self._totals = Counter(raised=0, lifted=0, expired=0, reminded=0, late=0)

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Judges everything as known at `now`; returns figures for the system page. While another evaluator judges, nothing."""
        began = perf_counter()
        with conn.transaction():
            if not rules.take_the_bench(conn):
                return {"standby": True}
            figures = self._judge_all(conn, Moment.live(now))
        self._judged_issue = self._issue_done  # only what is committed has been judged
        return {**figures, "standby": False, "tick_ms": round(1000 * (perf_counter() - began))}

    def _judge_all(self, conn: Connection, moment: Moment) -> Mapping[str, Any]:
        now = moment.at
        written = self._rules.list_live(conn)
        live = [one.rule for one in written if one.rule and one.rule.enabled and one.rule.subject is Subject.PROPERTY]
        open_warnings = warnings.list_open_warnings(conn, moment, with_suppressed=True)
        waiting = rules.load_waiting(conn)
        looked_at = _properties(live, WarningSource.RULE)
        fresh = self._fresh(conn, looked_at, now)
        self._read_streams(conn, fresh, now)
        self._windows = _windows_of(conn, moment)
        readings = self._unjudged(conn, fresh, now)
        issued = self._issue_to_judge(conn, live, moment)
        forecasts = _current_forecasts(conn, live, moment) if issued is not None else []
        standing: dict[str, dict[int, Warning]] = defaultdict(dict)
        for warning in open_warnings:
            if warning.object_id.isdigit():
                standing[warning.rule_id][int(warning.object_id)] = warning
        records = [_Record(rule, standing[rule.rule_id], {**waiting.get(rule.rule_id, {})}) for rule in live]
        came = _Came(readings, self._streams)
        for record in records:
            rule_id, findings = record.rule.rule_id, list[_Finding]()
            with self._tracks.attempting(conn, rule_id, now, asks=record.rule.measure is not SeriesMeasure.VALUE):
                if record.rule.source is WarningSource.FORECAST:
                    findings = list(self._foreseen(record, forecasts, now))
                else:
                    findings = list(self._measured(conn, record, came))
            if findings:
                with self._tracks.attempting(conn, rule_id, now):
                    self._judge(conn, record, findings, now)
        self._note_silences(conn, records, now)
        rules.note_judged(conn, (values[-1] for values in readings.values()))
        if self._late_asked is None or abs(now - self._late_asked) >= LATE_EVERY:
            self._judge_late(conn, records, now)
        if self._expired_at is None or abs(now - self._expired_at) >= EXPIRES_EVERY:
            self._expire(conn, now)
            self._expired_at = now
        if self._reminded_at is None or abs(now - self._reminded_at) >= REMINDS_EVERY:
            self._remind(conn, now)
            self._reminded_at = now
        if issued is not None and now - issued > ISSUE_COMPLETE:
            self._issue_done = issued
        open_now = warnings.list_open_warnings(conn, moment, with_suppressed=True)
        tracked = self._tracks.judge(
            conn, written, open_now, now, lambda at: self._identifiers.allot(at, warnings.next_number(conn)),
            lambda device, district, place: find_window(self._windows, device, district, place, now),
        )  # fmt: skip
        if tracked["tracked_rules"]:
            open_now = warnings.list_open_warnings(conn, moment, with_suppressed=True)
        if self._await_second(conn, open_now, now):
            open_now = warnings.list_open_warnings(conn, moment, with_suppressed=True)
        self._gather(conn, open_now, now)
        return {
            "rules": len(live),
            "series": sum(self._n_series[name] for name in looked_at),
            "open_warnings": len(open_now),
            **tracked,
            **{f"{name}_total": n for name, n in self._totals.items()},
        }

    def _read_streams(self, conn: Connection, numbers: Iterable[int], now: datetime) -> None:
        is_old = self._streams_read is None or abs(now - self._streams_read) >= STREAMS_EVERY
        if not is_old and all(number in self._streams for number in numbers):
            return
        self._streams = {stream.datastream_id: stream for stream in list_datastreams(conn)}
        self._places = memory.list_device_places(conn)
        self._streams_read = now
        self._n_series = Counter(stream.property for stream in self._streams.values())
        posts = frozenset(
            Post(stream.device_id, stream.property, lon, lat)
            for stream in self._streams.values()
            for _, lon, lat in (self._places.get(stream.device_id, _NOWHERE),)
            if stream.property in OBSERVED and lon is not None and lat is not None
        )
        if posts != self._linked:
            self._linked, self._links = posts, links(posts, self._setting.city)

    def _fresh(self, conn: Connection, properties: Sequence[str], now: datetime) -> Mapping[int, rules.Newest]:
        """The newest readings that have not been judged, by datastream, of sensors that are heard. Those that are not are asked
        about now and then: a city that is silent costs no more than one that speaks."""
        found = rules.list_to_judge(conn, properties)
        if self._unheard_asked is None or abs(now - self._unheard_asked) >= UNHEARD_EVERY:
            self._unheard, self._unheard_asked = {}, now
        newest = rules.list_newest(conn, [n for n, received in found.items() if self._unheard.get(n) != received])
        heard = {n: one for n, one in newest.items() if _freshness(one, now) in (Freshness.FRESH, Freshness.LATE)}
        self._unheard.update({n: found[n] for n in newest.keys() - heard.keys()})
        return heard

    def _unjudged(self, conn: Connection, fresh: Mapping[int, rules.Newest], now: datetime) -> Mapping[int, list[Value]]:
        """The readings to be judged, by datastream, back to LOOK_BACK or as long as one counts."""
        heard = {number: min(now - LOOK_BACK, reading.measured) for number, reading in fresh.items()}
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

    def _measured(self, conn: Connection, record: _Record, came: _Came) -> Iterator[_Finding]:
        """What a rule may judge by of what came, of the series where that can change something."""
        rule = record.rule
        if rule.measure is SeriesMeasure.VALUE and rule.hours is None:
            wanted = candidates(came.batch(rule), rule, record.standing, record.waiting)
        else:
            wanted = came.series(rule)
        values = came.of(rule)
        return self._findings(conn, rule, {number: values[number] for number in sorted(wanted) if number in values})

    def _findings(self, conn: Connection, rule: ThresholdRule, values: Mapping[int, list[Value]]) -> Iterator[_Finding]:
        """What a rule judges by of accepted readings, each datastream's in the order in which it was measured."""
        mine = {number: own for number, own in values.items() if self._is_in_area(rule, number)}
        amounts = {} if rule.measure is SeriesMeasure.VALUE or not mine else _windows(conn, rule, mine)
        for number, own in mine.items():
            told = np.array(amounts[number] if amounts else [value.value for value in own])
            told = judged(rule, np.array([value.phenomenon_time.timestamp() for value in own]), told, self._setting)
            for value, amount in zip(own, told.tolist(), strict=True):
                if not isnan(amount):
                    basis = partial(_measured_basis, rule, value, amount)
                    yield _Finding(self._streams[number], partial(is_beyond, rule, amount), value.phenomenon_time, basis)

    def _is_in_area(self, rule: ThresholdRule, number: int) -> bool:
        if rule.area.is_everywhere:
            return True
        return rule.area.holds(*self._places.get(self._streams[number].device_id, _NOWHERE))

    def _foreseen(self, record: _Record, forecasts: Iterable[Forecast], now: datetime) -> Iterator[_Finding]:
        """Forecasts of what lies in the rule's area, each as of its issue: a threshold is passed when some slot does so with at
        least the rule's probability. What is read of them, and within which hours, is what a replay reads."""
        rule = record.rule
        mine = {
            forecast.datastream_id: forecast
            for forecast in forecasts
            for stream in (self._streams.get(forecast.datastream_id),)
            if stream is not None and stream.property == rule.property and self._is_in_area(rule, stream.datastream_id)
        }
        if not mine:
            return
        columns = foretold.issued(list(mine.values()))
        values = judged(rule, columns.issued_s, foretold.told(rule, *columns), self._setting)
        wanted = candidates(batch(values, list(mine)), rule, record.standing, record.waiting)
        for (number, forecast), value in zip(mine.items(), values.tolist(), strict=True):
            if number in wanted and not isnan(value):
                basis = partial(_foreseen_basis, rule, forecast, value, now)
                yield _Finding(self._streams[number], partial(is_beyond, rule, value), forecast.issued_at, basis)

    def _judge(self, conn: Connection, record: _Record, findings: Iterable[_Finding], now: datetime) -> None:
        """Takes the steps that the findings lead to, and remembers what waits, and how it came to stand as it does."""
        changed: dict[int, Waiting] = {}
        states: dict[tuple[int, datetime], memory.State] = {}
        for finding in findings:
            number = finding.stream.datastream_id
            warning, waited = record.standing.get(number), record.waiting.get(number, {})
            level = warning.level if warning is not None else None
            verdict = advance(record.rule, level, waited, finding.passes, finding.at)
            if verdict.waiting != waited:
                record.waiting[number] = changed[number] = verdict.waiting
            if verdict.level is not level:
                self._step(conn, record, finding, verdict, now)
            if record.rule.source is WarningSource.RULE and (verdict.level is not level or verdict.waiting != waited):
                states[number, finding.at] = memory.State(verdict.level, verdict.waiting)
        rules.save_waiting(conn, record.rule.rule_id, changed)
        memory.save_states(conn, record.rule.rule_id, states)

    def _judge_late(self, conn: Connection, records: Sequence[_Record], now: datetime) -> None:
        """Judges anew, from the first of them on, series of which readings came after later ones had been judged. How a rule
        stands then is how it would stand had they come in order; what was raised or lifted meanwhile is not undone in the
        past."""
        since = now - LOOK_BACK
        after = since if self._late_asked is None else self._late_asked - LATE_OVERLAP
        self._late_asked = now
        mine = [record for record in records if record.rule.source is WarningSource.RULE]
        late = memory.list_late(conn, sorted({r.rule.property for r in mine}), since=since, received_after=after)
        late = {number: at for number, at in late.items() if number in self._streams}
        if late:
            came = _Came(memory.list_readings(conn, late), self._streams)
            for record in mine:
                with self._tracks.attempting(conn, record.rule.rule_id, now):
                    for number in came.series(record.rule):
                        self._judge_anew(conn, record, number, late[number], came, now)
            self._totals["late"] += len(late)
        memory.forget_before(conn, since)

    def _judge_anew(self, conn: Connection, record: _Record, number: int, first: datetime, came: _Came, now: datetime) -> None:
        rule_id, warning = record.rule.rule_id, record.standing.get(number)
        states = memory.list_states(conn, rule_id, number)
        level, waiting = warning.level if warning is not None else None, record.waiting.get(number, {})
        believed = level
        if states:  # without any, nothing has changed for as long as one remembers
            believed = states[-1][1].level
            level, waiting = next((state for at, state in reversed(states) if at < first), memory.State(None, {}))
        anew: dict[tuple[int, datetime], memory.State] = {}
        decisive: tuple[_Finding, Verdict] | None = None  # what changed the level last, or the first that left it
        for finding in self._findings(conn, record.rule, {number: came.of(record.rule)[number]}):
            verdict = advance(record.rule, level, waiting, finding.passes, finding.at)
            if verdict.level is not level or decisive is None:
                decisive = finding, verdict
            if verdict.level is not level or verdict.waiting != waiting:
                anew[number, finding.at] = memory.State(verdict.level, verdict.waiting)
            level, waiting = verdict.level, verdict.waiting
        memory.forget_from(conn, rule_id, number, first)
        memory.save_states(conn, rule_id, anew)
        if waiting != record.waiting.get(number, {}):
            record.waiting[number] = waiting
            rules.save_waiting(conn, rule_id, {number: waiting})
        # What somebody closed meanwhile, though it was believed to stand, is not raised for being looked at again.
        is_as_it_stands = level is (warning.level if warning is not None else None)
        if decisive is not None and level is not believed and not is_as_it_stands:
            self._step(conn, record, decisive[0], decisive[1], now)

    def _remind(self, conn: Connection, now: datetime) -> None:
        """Reminds of what waits to be acknowledged, by the clock of its level, and says so to the next role."""
        for waiting in attention.list_waiting(conn, now):
            asked = due(waiting.level, waiting.since, waiting.n_reminded, self._practice.clocks, now)
            if asked is not None and attention.remind(conn, waiting, *asked, now):
                self._totals["reminded"] += 1

    def _await_second(self, conn: Connection, standing: Sequence[Warning], now: datetime) -> bool:
        """Warnings whose publication waits for a second person wait with it, and are again what they were when that is refused or
        too late; those that somebody has in hand stay so. Returns whether anything changed."""
        asked = attention.list_asked_to_publish(conn, now, now - CARRIED_OUT)
        changed = False
        for warning in standing:
            waits, is_asked = warning.state is WarningState.PENDING_APPROVAL, warning.warning_id in asked
            if waits == is_asked or not (waits or warning.state in PUBLISHABLE):
                continue
            current = warnings.find_warning_for_update(conn, warning.warning_id)
            if current is None or current.state is not warning.state:
                continue
            before = attention.find_state_before(conn, warning.warning_id, current.state) or WarningState.CANDIDATE
            warnings.record_step(
                conn, warning.warning_id, before if waits else WarningState.PENDING_APPROVAL, current.level,
                now=max(now, current.updated_at + _INSTANT), probability=current.probability, lead_time_s=current.lead_time_s,
                evidence=current.evidence, actor=None if waits else asked[warning.warning_id],
            )  # fmt: skip
            changed = True
        return changed

    def _gather(self, conn: Connection, standing: Sequence[Warning], now: datetime) -> None:
        """Puts what stands together, when that has changed since it was done last."""
        told = frozenset((w.warning_id, w.level, w.situation, w.is_suppressed) for w in standing)
        if told != self._gathered:
            gather_all(conn, standing, self._practice.bonds, self._links, now)
            self._gathered = frozenset(
                (w.warning_id, w.level, w.situation, w.is_suppressed)
                for w in warnings.list_open_warnings(conn, Moment.live(now), with_suppressed=True)
            )

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
            if not take_step(conn, warning, after, now, evidence, probability=basis.probability, lead_time_s=basis.lead_time_s):
                return
            if after is None:
                del record.standing[stream.datastream_id]
                self._totals["lifted"] += 1
            else:
                record.standing[stream.datastream_id] = replace(warning, level=after, evidence=evidence)
            return
        identifier = self._identifiers.allot(now, warnings.next_number(conn))
        district, lon, lat = self._places.get(stream.device_id, _NOWHERE)
        place = (lon, lat) if lon is not None and lat is not None else None
        opened = warnings.open_warning(
            conn, rule, level, identifier=identifier, object_id=str(stream.datastream_id), device_id=stream.device_id, now=now,
            probability=basis.probability, lead_time_s=basis.lead_time_s, evidence=evidence,
            maintenance_id=find_window(self._windows, stream.device_id, district, place, now),
        )  # fmt: skip
        if opened is not None and (found := warnings.find_warning_for_update(conn, opened)) is not None:
            record.standing[stream.datastream_id] = found
            self._totals["raised"] += 1

    def _note_silences(self, conn: Connection, records: Sequence[_Record], now: datetime) -> None:
        """Marks warnings whose sensor has fallen silent with the time of its last word, and unmarks them when it speaks."""
        stand = [(n, one) for r in records if r.rule.source is not WarningSource.FORECAST for n, one in r.standing.items()]
        newest = rules.list_newest(conn, {number for number, _ in stand})
        for number, warning in stand:
            if number not in newest:
                continue
            measured = newest[number].measured
            is_silent = _freshness(newest[number], now) is Freshness.SILENT
            if is_silent == ("silent_since" in warning.evidence):
                continue
            evidence = {key: said for key, said in warning.evidence.items() if key != "silent_since"}
            if is_silent:
                evidence["silent_since"] = measured.isoformat()
            take_step(
                conn, warning, warning.level, now, evidence, probability=warning.probability, lead_time_s=warning.lead_time_s
            )

    def _expire(self, conn: Connection, now: datetime) -> None:
        """Ends warnings of whose object nothing has been heard for as long as the policy waits, while the ingester listened."""
        ingester = next((beat for beat in heartbeats.list_heartbeats(conn) if beat.process == "ingest"), None)
        if ingester is None or now - ingester.beat_at > heartbeats.ALIVE_WITHIN:
            return
        found = warnings.list_open_warnings(conn, Moment.live(now), with_suppressed=True)
        numbers = {int(warning.object_id) for warning in found if warning.object_id.isdigit()}
        heard = rules.list_last_heard(conn, sorted(numbers))
        for warning in found:
            if not warning.object_id.isdigit() or int(warning.object_id) not in heard:
                continue
            voice = Voice(*heard[int(warning.object_id)])
            if is_expired(voice, self._silence, listening_since=ingester.started_at, now=now):
                evidence = {**warning.evidence, "silent_since": voice.heard_at.isoformat(), "expired_by": "silence"}
                if take_step(
                    conn, warning, None, now, evidence, probability=warning.probability, lead_time_s=warning.lead_time_s,
                    end=WarningState.EXPIRED,
                ):  # fmt: skip
                    log.info("warning %s of %s expired: not heard since %s", *_named(warning), voice.heard_at.isoformat())
                    self._totals["expired"] += 1


def _named(warning: Warning) -> tuple[str, str]:
    return warning.identifier, str(warning.evidence.get("device_name") or warning.device_id or warning.object_id)


def _windows_of(conn: Connection, moment: Moment) -> list[Window]:
    """The maintenance that is on or planned."""
    return [
        Window(
            one.maintenance_id, one.begins_at, one.until, frozenset(one.devices), frozenset(one.districts),
            shapely.from_geojson(dumps(one.area)) if one.area else None,
        )
        for one in shelves.list_maintenance(conn, moment)
    ]  # fmt: skip


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


def _freshness(reading: rules.Newest, now: datetime) -> Freshness:
    age_s = word_age_s(now, reading.measured, reading.heard, reading.mode)
    return freshness(age_s, reading.interval_s, reading.mode, reading.state)


def _windows(conn: Connection, rule: ThresholdRule, readings: Mapping[int, list[Value]]) -> dict[int, list[float]]:
    """What a rule's measure is at each of these readings, by datastream, from all usable readings of the window before it."""
    window = timedelta(seconds=rule.window_s)
    told = {}
    for number, (times_s, values) in rules.list_window(
        conn, {n: v[0].phenomenon_time - window for n, v in readings.items()}
    ).items():
        amounts = measured(rule.measure, rule.window_s, times_s, values, covers_s=COVERS_S.get(rule.property, 0.0))
        at = np.searchsorted(times_s, [value.phenomenon_time.timestamp() for value in readings[number]])
        told[number] = amounts[np.clip(at, 0, len(amounts) - 1)].tolist()
    return told


def _measured_basis(rule: ThresholdRule, value: Value, amount: float, threshold: float) -> _Basis:
    evidence: dict[str, Any] = {"value": amount, "threshold": threshold, "phenomenon_time": value.phenomenon_time.isoformat()}
    if not isfinite(amount):  # outside the rule's hours
        evidence |= {"value": value.value, "outside_hours": True}
    if rule.measure is not SeriesMeasure.VALUE:
        evidence |= {"measure": rule.measure.value, "window_s": rule.window_s, "reading": value.value}
    return _Basis(evidence)


def _foreseen_basis(rule: ThresholdRule, forecast: Forecast, value: float, now: datetime, threshold: float) -> _Basis:
    """The first slot that passes the threshold with the rule's probability, or else the one most likely to. `value` is infinite
    outside the rule's hours."""
    ahead = outlook(rule, forecast, forecast.issued_at)
    chances = exceedance(rule, ahead, threshold)
    enough = np.flatnonzero(chances >= rule.min_probability)
    k = int(enough[0]) if enough.size else int(chances.argmax())
    evidence = {
        "value": float(ahead.q50[k]), "threshold": threshold, "target_time": ahead.target_times[k].isoformat(),
        "q10": float(ahead.q10[k]), "q50": float(ahead.q50[k]), "q90": float(ahead.q90[k]),
        "issued_at": forecast.issued_at.isoformat(), "model": forecast.model, "model_version": forecast.model_version,
        "fallback_reason": forecast.fallback_reason, **({} if isfinite(value) else {"outside_hours": True}),
    }  # fmt: skip
    return _Basis(evidence, float(chances.max()), max(0.0, (ahead.target_times[k] - now).total_seconds()))
