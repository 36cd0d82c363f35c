"""The watch over what is no reading: halls, indices, silence, events, anomalies, combinations; and over the rules themselves.

Called in the one transaction of the alerts' tick (`alerts.service`). Up to when each rule has been judged stands in the database,
so that a moment is judged once, by whoever judges. A rule that fails is taken back to where it was and is itself a warning, in
mode system, until it has not failed for a while; the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from alerts.lifecycle import state_after_escalation
from alerts.rule_text import metric_words
from alerts.rules import Verdict, Waiting, advance, gravity, is_beyond
from alerts.scope import Setting, judged
from alerts.tracks.reader import Stretch, read
from alerts.tracks.registry import source_of
from alerts.tracks.track import Track, Watched, grid
from domain.rules import Subject
from domain.warnings import (
    OPEN_WARNING_STATES,
    LevelThreshold,
    ThresholdRule,
    Warning,
    WarningLevel,
    WarningMode,
    WarningState,
    WarningTransition,
)
from storage import rules, warnings
from storage.connection import Connection, in_one_line, is_connection_lost
from storage.rules import LiveRule

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(minutes=15)
"""After an absence, what happened meanwhile is judged as far back as this, or two periods of the source."""
FORGIVEN_AFTER = timedelta(minutes=10)
"""A rule that has not failed for so long works again."""
_INSTANT = timedelta(microseconds=1)

FAILED = ThresholdRule(
    rule_id="rule_failed", version=0, property="fault", direction="above",
    thresholds=(LevelThreshold(WarningLevel.YELLOW, 1, 1),), raise_hold_s=0, clear_hold_s=FORGIVEN_AFTER.total_seconds(),
    hazard_class="other", zh="预警规则无法执行", en="A warning rule cannot be carried out",
)  # fmt: skip
"""What warns of a rule that fails. It is no rule of the database, so that it cannot be changed away."""

Identify = Callable[[datetime], str]
"""Allots the identifier of a warning raised at a time."""
InMaintenance = Callable[[str, str | None, tuple[float, float] | None], int | None]
"""The maintenance that a device (none: empty), a district and a place (lon, lat) lie in."""


class TrackWatch:
    """What is remembered between ticks: which rules failed last, and when."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._failed: dict[str, tuple[datetime, str, str]] = {}

    @contextmanager
    def attempting(self, conn: Connection, rule_id: str, now: datetime, *, asks: bool = True) -> Iterator[None]:
        """What goes wrong inside is taken back and noted; a lost connection goes on to the caller. Call inside a transaction.
        `asks`: the database is asked inside; where it is not, nothing has to be taken back."""
        try:
            with conn.transaction() if asks else nullcontext():
                yield
        except Exception as fault:
            if is_connection_lost(fault) or isinstance(fault, ConnectionError):
                raise
            log.exception("rule %s failed", rule_id)
            said = f"{type(fault).__name__}: {in_one_line(fault)}"
            self._failed[rule_id] = (now, said, said)

    def judge(
        self, conn: Connection, live: Sequence[LiveRule], standing: Sequence[Warning], now: datetime, identify: Identify,
        in_maintenance: InMaintenance = lambda *_: None,
    ) -> Mapping[str, int]:  # fmt: skip
        """Judges every rule about other things than readings up to now; `live` are all of them, `standing` all open warnings.
        Returns counts."""
        progress, waiting = rules.load_progress(conn), rules.load_object_waiting(conn)
        done: dict[str, datetime] = {}
        counts = {"tracked_rules": 0, "tracks": 0}
        for one in live:
            if one.fault is not None:
                self._failed[one.rule_id] = (now, *one.fault.sentences())
        mine = [one.rule for one in live if one.rule and one.rule.enabled and one.rule.subject is not Subject.PROPERTY]
        for rule in sorted(mine, key=lambda rule: rule.subject is Subject.COMBINATION):  # after those it is made of
            counts["tracked_rules"] += 1
            stretch = due(rule, progress.get(rule.rule_id), now)
            if stretch is None:
                continue
            done[rule.rule_id] = stretch.end
            of_rule = {w.object_id: w for w in standing if w.rule_id == rule.rule_id}
            with self.attempting(conn, rule.rule_id, now):
                judging = _Judging(conn, rule, of_rule, waiting.get(rule.rule_id, {}), now, identify, in_maintenance)
                counts["tracks"] += judging.follow_all(stretch, self._setting)
        rules.save_progress(conn, done)
        self._tell_failures(conn, {one.rule_id for one in live}, standing, now, identify)
        return {**counts, "failing_rules": len(self._failed)}

    def _tell_failures(
        self, conn: Connection, live: set[str], standing: Sequence[Warning], now: datetime, identify: Identify
    ) -> None:  # fmt: skip
        open_ = {w.object_id: w for w in standing if w.rule_id == FAILED.rule_id}
        self._failed = {
            rule_id: said for rule_id, said in self._failed.items() if rule_id in live and now - said[0] < FORGIVEN_AFTER
        }
        for rule_id, (_, zh, en) in self._failed.items():
            evidence = {"rule": rule_id, "device_name": rule_id, "fault_zh": zh, "fault": en}
            if f"rule/{rule_id}" not in open_:
                warnings.open_warning(
                    conn, replace(FAILED, zh=f"预警规则 {rule_id} 无法执行", en=f"Rule {rule_id} cannot be carried out"),
                    WarningLevel.YELLOW, identifier=identify(now), object_id=f"rule/{rule_id}", device_id=None, now=now,
                    evidence=evidence, mode=WarningMode.SYSTEM,
                )  # fmt: skip
        for object_id, warning in open_.items():
            raised_lately = now - warning.updated_at < FORGIVEN_AFTER  # by a watch before this one, whose memory is gone
            if object_id.removeprefix("rule/") not in self._failed and not raised_lately:
                take_step(conn, warning, None, now, warning.evidence)


def due(rule: ThresholdRule, judged_until: datetime | None, now: datetime) -> Stretch | None:
    """The moments of a rule that are to be judged now; None: none has passed since. A new rule begins with the last one."""
    source = source_of(rule)
    period = timedelta(seconds=source.period_s)
    end_s = (now.timestamp() - source.settle_s) // source.period_s * source.period_s
    end = datetime.fromtimestamp(end_s, UTC)
    start = end - period if judged_until is None else max(judged_until, end - max(LOOK_BACK, 2 * period))
    return Stretch(start, end, now, is_live=True) if start < end else None


class _Judging:
    """One rule in one tick: its warnings that stand and what waits, by object."""

    def __init__(
        self, conn: Connection, rule: ThresholdRule, standing: dict[str, Warning], waiting: Mapping[str, Waiting], now: datetime,
        identify: Identify, in_maintenance: InMaintenance,
    ) -> None:  # fmt: skip
        self._conn, self._rule, self._now = conn, rule, now
        self._standing, self._waiting = standing, dict(waiting)
        self._identify, self._in_maintenance = identify, in_maintenance
        self._mildest = min(t.raise_at for t in rule.thresholds) if rule.direction != "below" else None

    def follow_all(self, stretch: Stretch, setting: Setting) -> int:
        """Judges every track; returns how many there were."""
        before = dict(self._waiting)
        told: set[str] = set()
        for track in read(self._conn, self._rule, stretch, setting):
            told.add(track.watched.object_id)
            self._follow(track, setting)
        n = len(told)
        absent = source_of(self._rule).absent
        if absent is not None:
            at_s = grid(stretch.start_s, stretch.end_s, source_of(self._rule).period_s)
            for object_id in (self._standing.keys() | self._waiting.keys()) - told:
                self._follow(Track(self._known(object_id), at_s, np.full(len(at_s), absent)), setting)
        changed = {name: waits for name, waits in self._waiting.items() if waits != before.get(name, {})}
        rules.save_object_waiting(self._conn, self._rule.rule_id, changed)
        return n

    def _known(self, object_id: str) -> Watched:
        """An object of which only its warning tells."""
        warning = self._standing.get(object_id)
        said = warning.evidence if warning else {}
        name = str(said.get("device_name") or object_id)
        unit = str(said.get("unit") or "")
        return Watched(
            object_id, name, str(said.get("device_name_en") or name), (unit, unit), warning.device_id if warning else None
        )

    def _follow(self, track: Track, setting: Setting) -> None:
        object_id = track.watched.object_id
        values = judged(self._rule, track.times_s, track.values, setting)
        is_quiet = object_id not in self._standing and not self._waiting.get(object_id)
        if is_quiet and self._mildest is not None and not (values >= self._mildest).any():
            return
        for at_s, value, seen in zip(track.times_s.tolist(), track.values.tolist(), values.tolist(), strict=True):
            if np.isnan(seen):
                continue
            at = datetime.fromtimestamp(at_s, UTC)
            warning, waits = self._standing.get(object_id), self._waiting.get(object_id, {})
            level = warning.level if warning is not None else None
            verdict = advance(self._rule, level, waits, partial(is_beyond, self._rule, seen), at)
            self._waiting[object_id] = verdict.waiting
            if verdict.level is not level:
                self._step(track.watched, verdict, at, value, seen)

    def _step(self, watched: Watched, verdict: Verdict, at: datetime, value: float, seen: float) -> None:
        rule, warning, after = self._rule, self._standing.get(watched.object_id), verdict.level
        level = after if after is not None else warning.level if warning is not None else None
        assert level is not None, "a step goes to a level or from one"
        threshold = min(rule.thresholds, key=lambda t: abs(gravity(t.level) - gravity(level)))
        what = metric_words(rule)
        evidence: dict[str, Any] = {
            "what_zh": what[0], "what_en": what[1],
            "subject": rule.subject.value, "property": rule.property, "object": watched.object_id, "device_id": watched.device_id,
            "device_name": watched.zh, "device_name_en": watched.en, "district": watched.district, "unit": watched.unit[0],
            "unit_en": watched.unit[1], "direction": rule.direction, "value": value,
            "threshold": threshold.raise_at if after is not None else threshold.clear_at, "phenomenon_time": at.isoformat(),
            "since": verdict.since.isoformat(), **watched.evidence,
        }  # fmt: skip
        if not np.isfinite(seen):
            evidence["outside_hours"] = True
        if rule.window_s:
            evidence["window_s"] = rule.window_s
        if warning is not None:
            if take_step(self._conn, warning, after, self._now, evidence):
                if after is None:
                    del self._standing[watched.object_id]
                else:
                    self._standing[watched.object_id] = replace(warning, level=after, evidence=evidence)
            return
        opened = warnings.open_warning(
            self._conn, rule, level, identifier=self._identify(self._now), object_id=watched.object_id,
            device_id=watched.device_id, now=self._now, evidence=evidence,
            place=None if watched.device_id else (watched.district, watched.lon, watched.lat),
            maintenance_id=self._in_maintenance(
                watched.device_id or "", watched.district,
                (watched.lon, watched.lat) if watched.lon is not None and watched.lat is not None else None,
            ),
        )  # fmt: skip
        if opened is not None and (found := warnings.find_warning_for_update(self._conn, opened)) is not None:
            self._standing[watched.object_id] = found


def take_step(
    conn: Connection, warning: Warning, after: WarningLevel | None, now: datetime, evidence: dict[str, Any], *,
    probability: float | None = None, lead_time_s: float | None = None, end: WarningState = WarningState.LIFTED,
) -> bool:  # fmt: skip
    """Records a step of a warning that stands, unless it was closed or taken further meanwhile: to a level, to what is known of
    the same one, or (`after` None) to its `end`. Call inside a transaction."""
    current = warnings.find_warning_for_update(conn, warning.warning_id)
    if current is None or current.state not in OPEN_WARNING_STATES or current.level is not warning.level:
        return False
    if after is None:
        state, transition = end, None
    elif after is warning.level:
        state, transition = current.state, WarningTransition.NOTED
    elif gravity(after) > gravity(warning.level):
        state, transition = state_after_escalation(current.state), WarningTransition.ESCALATED
    else:
        state, transition = current.state, WarningTransition.DOWNGRADED
    warnings.record_step(
        conn, warning.warning_id, state, after or warning.level, now=max(now, current.updated_at + _INSTANT),
        probability=probability, lead_time_s=lead_time_s, evidence=evidence, transition=transition,
    )  # fmt: skip
    return True
