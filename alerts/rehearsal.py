"""The rehearsal: replays stored history under a version of a rule, and under the live one, and says what would have come of it.

The same tracks (`alerts.tracks.reader`) and the same judging (`alerts.replay`, which does what `alerts.rules` does reading by
reading) as live. Runs in a process of its own: it reads months, and a screen waits for nobody's months.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from alerts import backtest
from alerts.backtest import Fired, Occurrence, Replayed
from alerts.replay import episodes
from alerts.scope import Setting, judged
from alerts.tracks.combination import Stand
from alerts.tracks.reader import Stretch, read
from domain.incidents import HAZARD_CLASSES
from domain.indices import DELIVERED, IndexPolicy
from domain.rule_specs import read_spec
from domain.rules import Subject, kindred
from domain.warnings import ThresholdRule, WarningSource
from gis_data.city import load_city
from storage import backtests, rules
from storage import rule_inputs as inputs
from storage.connection import Connection, connect, in_one_line, named

log = logging.getLogger(__name__)

LONGEST_DAYS = 90
DEADLINE_S = 240.0
"""After so long the rest is left out, and that is said."""
GIVES_WAY = 10
BEATS_EVERY_S = 1.0
MEMBERS_SHARE = 0.95
"""Of the replay of a combination, what its members take."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a rehearsal is: plain values, because they go to another process. `worked` are the worked days of the stretch."""

    database_url: str
    zone: str
    worked: frozenset[date]
    city_dir: Path | None = None
    index: IndexPolicy = DELIVERED


def begin(stage: Stage, backtest_id: str) -> SpawnProcess:
    """Runs a back-test that has been written down, in a process that ends with ours."""
    process = get_context("spawn").Process(target=run, args=(stage, backtest_id), daemon=True, name=f"backtest-{backtest_id}")
    process.start()
    return process


def run(stage: Stage, backtest_id: str) -> None:
    """Replays, and writes down what came of it, or why nothing did."""
    os.nice(GIVES_WAY)
    city = load_city(stage.city_dir) if stage.city_dir is not None else None
    setting = Setting(ZoneInfo(stage.zone), lambda day: day in stage.worked, stage.index, city)
    with connect(stage.database_url, application="cityhelm-backtest") as conn, connect(stage.database_url) as beside:
        found = backtests.find_backtest(conn, backtest_id)
        if found is None or found.state != "running":
            return
        began, said_at = monotonic(), 0.0

        def now() -> datetime:
            return found.asked_at + timedelta(seconds=monotonic() - began)

        def progress(share: float) -> None:
            nonlocal said_at
            if monotonic() - said_at >= BEATS_EVERY_S:
                backtests.note_progress(beside, backtest_id, share, now())
                said_at = monotonic()

        try:
            rule = read_spec(found.rule_id, (found.base_version or 0) + 1, found.spec)
            result = rehearse(conn, rule, days=found.days, now=found.asked_at, setting=setting, progress=progress)
        except Exception as fault:  # whatever it is: who waits for it is told
            log.exception("back-test %s at %s failed", backtest_id, named(stage.database_url))
            backtests.end_backtest(beside, backtest_id, now(), fault=f"{type(fault).__name__}: {in_one_line(fault)}")
            return
        backtests.end_backtest(beside, backtest_id, now(), result=result)


def rehearse(
    conn: Connection, rule: ThresholdRule, *, days: int, now: datetime, setting: Setting, progress: Progress = lambda share: None,
    deadline_s: float = DEADLINE_S,
) -> dict[str, Any]:  # fmt: skip
    """What a version of a rule would have done in the days before `now`, beside the live one; as `alerts.backtest` writes it."""
    began = monotonic()
    stretch = Stretch(now - timedelta(days=days), now, now)
    live = {other.rule_id: other for other in rules.list_rules(conn)}
    today = live.get(rule.rule_id)
    runs = 1 + (today is not None) + (rule.source is WarningSource.FORECAST)

    def part(k: int) -> Progress:
        return lambda share: progress((k + share) / runs)

    ends_s = began + deadline_s
    after = replay(conn, rule, stretch, setting, live, part(0), ends_s)
    before = None if today is None else replay(conn, today, stretch, setting, live, part(1), ends_s)
    if rule.source is WarningSource.FORECAST:
        basis, ahead = "threshold", timedelta(seconds=rule.horizon_s or 86_400)
        physical = replace(rule, source=WarningSource.RULE, raise_hold_s=0.0, hours=None)
        occurred = backtest.crossings(replay(conn, physical, stretch, setting, live, part(runs - 1), ends_s).fired)
    else:
        basis, ahead, occurred = "incidents", None, _incidents(conn, rule, stretch, setting)
    first = min((one.first for one in (after, before) if one is not None and one.first is not None), default=None)
    occurred = [what for what in occurred if first is not None and what.at >= first]
    outcome: dict[str, Any] = backtest.outcome_json(backtest.outcome(after, occurred, now, ahead), basis)
    outcome["before"] = None if before is None else backtest.outcome_json(backtest.outcome(before, occurred, now, ahead), basis)
    shifts = [backtest.per_shift(one, stretch.start, now) for one in (after, before) if one is not None]
    return {
        "from": round(stretch.start_s * 1000), "until": round(stretch.end_s * 1000), "days_asked": days,
        "days_there": round((now - first) / timedelta(days=1), 2) if first else 0.0,
        "took_s": round(monotonic() - began, 2), "readings": after.readings + (before.readings if before else 0),
        "objects": after.objects, "objects_left_out": after.left_out,
        "is_cut": after.is_cut or (before.is_cut if before else False),
        "after": backtest.summary(after, stretch.start, now, setting.zone),
        "before": None if before is None else backtest.summary(before, stretch.start, now, setting.zone),
        "added_per_shift": None if shifts[0] is None else round(shifts[0] - ((shifts[1] if len(shifts) > 1 else 0) or 0), 3),
        "compared": backtest.comparison(before, after), "outcome": outcome,
    }  # fmt: skip


def replay(
    conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting, live: Mapping[str, ThresholdRule],
    progress: Progress = lambda share: None, ends_s: float = float("inf"),
) -> Replayed:  # fmt: skip
    """The warnings that a rule would have raised, as if it had been live; a combination's members as they are live today."""
    if rule.subject is Subject.COMBINATION:
        stretch = stretch._replace(stands=_stands(conn, rule, stretch, setting, live, ends_s, progress))
    expected = len(inputs.list_places(conn, rule.property)) if rule.subject is Subject.PROPERTY else 0
    fired: list[Fired] = []
    readings = objects = 0
    first: float | None = None
    is_cut = False
    if not rule.enabled:
        return Replayed((), 0, 0, 0, None)
    for track in read(conn, rule, stretch, setting):
        told = np.flatnonzero(~np.isnan(track.values))
        if told.size:
            objects += 1
            readings += int(told.size)
            at = float(track.times_s[told[0]])
            first = at if first is None else min(first, at)
            values = judged(rule, track.times_s, track.values, setting)
            fired += [Fired(track.watched, episode) for episode in episodes(rule, track.times_s, values)]
        progress(min(0.99, objects / expected) if expected else MEMBERS_SHARE if rule.members else 0.5)
        if monotonic() > ends_s:
            is_cut = True
            break
    since = None if first is None else datetime.fromtimestamp(first, UTC)
    left_out = max(0, expected - objects) if is_cut else 0
    return Replayed(backtest.in_order(fired), readings, objects, left_out, since, is_cut)


def _stands(
    conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting, live: Mapping[str, ThresholdRule], ends_s: float,
    progress: Progress,
) -> Sequence[Stand]:  # fmt: skip
    """What the members of a combination did, one after another."""
    stands = []
    members = [live[name] for name in rule.members if name in live]
    for k, member in enumerate(members):

        def beat(share: float, k: int = k) -> None:
            progress(MEMBERS_SHARE * (k + share) / len(members))

        for watched, episode in replay(conn, member, stretch, setting, live, beat, ends_s).fired:
            ended_s = episode.ended.timestamp() if episode.ended else float("inf")
            place, began_s = (watched.district, watched.lon, watched.lat), episode.began.timestamp()
            stands.append(Stand(member.rule_id, watched.object_id, *place, began_s, ended_s, watched.zh, watched.en))
    return stands


def _incidents(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> list[Occurrence]:
    """Incidents of kindred hazards in the rule's area."""
    found = []
    for row in inputs.list_happened(conn, "incident", stretch.start, stretch.end, sorted(kindred(rule.hazard_class))):
        district = None
        if setting.city is not None and row.lon is not None and row.lat is not None:
            place = setting.city.district_of(row.lon, row.lat)
            district = place.code if place else None
        if rule.area.holds(district, row.lon, row.lat):
            at = datetime.fromtimestamp(row.at_s, UTC)
            words = HAZARD_CLASSES.get(row.kind, (row.kind, row.kind))
            found.append(Occurrence(row.object_id, at, row.kind, district, row.lon, row.lat, None, words))
    return found
