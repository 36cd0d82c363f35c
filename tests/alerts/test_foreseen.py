"""Forecast rules live and replayed: the same area, the same hours, the same steps, whatever is foreseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.rehearsal import replay
from alerts.scope import Setting
from alerts.service import Watch
from alerts.tracks.reader import Stretch
from domain.rules import Area, Days, Hours
from domain.warnings import ThresholdRule, WarningSource
from storage.connection import Connection
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from storage.rules import seed_rules
from tests.support.scenes import NOW, STATION, a_device, a_forecast, a_reading, a_rule, minutes, stored, the_stream

AGENCY = "99010000100100"
FAR = "440103/environment/south/air-9"
SETTING = Setting()
RULE = replace(
    a_rule("pm25_expected"), source=WarningSource.FORECAST, raise_hold_s=900.0, clear_hold_s=1800.0, horizon_s=1800.0,
    min_probability=0.3, area=Area(districts=("440106",)), hours=Hours(Days.ALL, 2 * 60, 3 * 60 + 30),
)  # fmt: skip
"""From 02:00 to 03:30 (an hour to two and a half after NOW), in one of the two districts, half an hour ahead; blue 100 to 80."""


@pytest.fixture
def scene(conn: Connection) -> Connection:
    stored(conn, a_device(), a_device(FAR), a_reading(50), a_reading(50, device_id=FAR))
    return conn


def lived(conn: Connection) -> list[tuple[str, str, str, datetime]]:
    rows = conn.execute(
        "SELECT object_id, step.level, state, (step.evidence ->> 'issued_at')::timestamptz FROM warning_history step "
        "JOIN warning USING (warning_id) ORDER BY valid_from"
    )
    return [tuple(row) for row in rows]


def issue(conn: Connection, watch: Watch, at: datetime, medians: dict[str, float]) -> None:
    write_forecasts(conn, DayPartitions(conn), [
        replace(a_forecast(the_stream(conn, device), median=median), issued_at=at, first_target=at, watermark=at)
        for device, median in medians.items()
    ])  # fmt: skip
    watch.tick(conn, at + timedelta(seconds=20))


def test_a_forecast_rule_keeps_to_its_area(scene: Connection) -> None:
    rule = replace(RULE, hours=None, raise_hold_s=0.0)
    seed_rules(scene, [rule], now=NOW)
    issue(scene, Watch(AGENCY), NOW, {STATION: 160, FAR: 160})
    assert [row[0] for row in lived(scene)] == [str(the_stream(scene))]


def test_a_forecast_rule_keeps_to_its_hours_and_says_why_it_ended(scene: Connection) -> None:
    """It is dangerous all the time; the rule looks from 02:00 to 03:30, and clears half an hour after that."""
    seed_rules(scene, [replace(RULE, raise_hold_s=0.0)], now=NOW)
    watch = Watch(AGENCY)
    for k in range(14):
        issue(scene, watch, NOW + minutes(15 * k), {STATION: 110})
    assert [(row[2], row[3]) for row in lived(scene)] == [("candidate", NOW + minutes(60)), ("lifted", NOW + minutes(180))]
    (said,) = scene.execute("SELECT evidence ->> 'outside_hours' FROM warning_history WHERE state = 'lifted'").fetchall()
    assert said == ("true",)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    medians=st.lists(st.tuples(*2 * [st.sampled_from([60.0, 85.0, 97.0, 110.0, 149.0, 160.0])]), min_size=6, max_size=14),
    direction=st.sampled_from(["above", "below"]), is_bounded=st.booleans(), hold_s=st.sampled_from([0.0, 900.0, 1800.0]),
    probability=st.sampled_from([0.1, 0.3, 0.5, 0.9]),
)  # fmt: skip
def test_what_a_replay_shows_is_what_was_lived(
    scene: Connection, medians: list[tuple[float, float]], direction: str, is_bounded: bool, hold_s: float, probability: float
) -> None:
    for table in ("situation_history", "situation", "warning_history", "warning", "rule_condition", "rule", "forecast"):
        scene.execute(f"DELETE FROM {table}")
    rule = replace(RULE, raise_hold_s=hold_s, min_probability=probability)
    if not is_bounded:
        rule = replace(rule, area=Area(), hours=None)
    if direction == "below":
        rule = _mirrored(rule)
    seed_rules(scene, [rule], now=NOW)
    watch = Watch(AGENCY, setting=SETTING)
    for k, pair in enumerate(medians):
        issue(scene, watch, NOW + minutes(15 * k), dict(zip((STATION, FAR), pair, strict=True)))
    until = NOW + minutes(15 * len(medians))
    found = replay(scene, rule, Stretch(NOW - minutes(1), until, until), SETTING, {}).fired
    told: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for object_id, _, state, at in lived(scene):
        spans = told.setdefault(object_id, [])
        if not spans or spans[-1][1] is not None:
            spans.append((at, None))
        if state == "lifted":
            spans[-1] = (spans[-1][0], at)
    assert sorted((name, *span) for name, spans in told.items() for span in spans) == sorted(
        (watched.object_id, episode.began, episode.ended) for watched, episode in found
    )


def _mirrored(rule: ThresholdRule) -> ThresholdRule:
    """The same from the other side: what is 100 and more is 110 and less."""
    thresholds = tuple(replace(t, raise_at=210.0 - t.raise_at, clear_at=210.0 - t.clear_at) for t in rule.thresholds)
    return replace(rule, direction="below", thresholds=thresholds)
