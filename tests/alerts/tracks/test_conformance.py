"""What every source promises: objects told apart, moments ascending within the stretch, and the same whether asked at once or piece
by piece, so that a replay sees what the day itself saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from alerts.scope import Setting
from alerts.tracks.reader import Stretch, read
from alerts.tracks.registry import SOURCES, source_of
from alerts.tracks.track import Floats
from domain.anomalies import Anomaly, Oddity
from domain.halls import HallEventKind
from domain.rules import Area, Subject
from domain.warnings import SeriesMeasure, ThresholdRule, WarningSource
from storage.anomalies import end_anomalies, write_anomalies
from storage.connection import Connection
from storage.derived import register_derived
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from storage.rollups import refresh
from tests.alerts.tracks.test_watch import a_rule_about
from tests.support.halls import a_visit, said
from tests.support.scenes import (
    COUNTER,
    NOW,
    a_device,
    a_forecast,
    a_reading,
    a_request,
    a_rule,
    an_incident,
    minutes,
    stored,
    the_stream,
)  # fmt: skip

LOOP = "440106/traffic/ring/loop-1"
PM25 = a_rule()
RULES = [
    PM25,
    replace(PM25, measure=SeriesMeasure.SUM, window_s=1800.0),
    replace(PM25, source=WarningSource.FORECAST, horizon_s=1800.0),
    a_rule_about(Subject.DERIVED, "hall/*/arrivals", 1),
    a_rule_about(Subject.DERIVED, "city/requests", 1),
    a_rule_about(Subject.DERIVED, "hall/*/arrivals", 1, measure=SeriesMeasure.SUM, window_s=3600.0),
    a_rule_about(Subject.HALL, "waiting", 1),
    a_rule_about(Subject.HALL, "wait_p90_min", 1),
    a_rule_about(Subject.HALL, "longest_wait_min", 1),
    a_rule_about(Subject.INDEX, "aqi", 1),
    a_rule_about(Subject.INDEX, "traffic", 1),
    a_rule_about(Subject.QUALITY, "*", 90, direction="below"),
    a_rule_about(Subject.QUALITY, "AirQualityObserved", 90, direction="below", window_s=7200.0),
    a_rule_about(Subject.SILENCE, "*", 5),
    a_rule_about(Subject.EVENTS, "requests", 1, window_s=1800.0),
    a_rule_about(Subject.EVENTS, "incidents", 1, window_s=3600.0, classes=("fire",)),
    a_rule_about(Subject.ANOMALY, "*", 0.5),
    a_rule_about(Subject.COMBINATION, "standing", 1, members=("a", "b")),
]  # fmt: skip
SETTING = Setting()
UNTIL = NOW
SINCE = NOW - timedelta(hours=4)


@pytest.fixture(scope="module")
def full(databases) -> Connection:  # type: ignore[no-untyped-def]
    """Sixty hours of a station and a loop, four of a hall and a desk, and some anomalies; read by all."""
    from storage.connection import connect

    with databases.fresh() as url, connect(url) as conn:
        stored(
            conn, a_device(minutes_ago=3700), a_device(LOOP, type_name="TrafficFlowObserved", minutes_ago=3700, properties=()),
            a_device(COUNTER, type_name="ServiceHall", properties=(), minutes_ago=300),
        )  # fmt: skip
        ago = range(3600, 0, -10)
        stored(conn, *(a_reading(50 + k % 7, minutes_ago=k) for k in ago))
        stored(conn, *(a_reading(20 + k % 40, minutes_ago=k, device_id=LOOP, prop="averageVehicleSpeed") for k in ago))
        visits = [e for k in range(40) for e in a_visit(f"A{k}", -200 + 4 * k, -190 + 4 * k, -190 + 4 * k, -180 + 4 * k)]
        stored(conn, *visits, said(HallEventKind.ARRIVE, -3, "B1"))
        stored(conn, *(a_request(f"r-{k}", minutes_ago=37 * k + 1, delay_minutes=k % 5) for k in range(6)))
        stored(conn, an_incident("i-1", minutes_ago=100), an_incident("i-2", minutes_ago=70))
        number = the_stream(conn)
        write_anomalies(
            conn, [Anomaly(number, NOW - minutes(n), NOW - minutes(n), Oddity.JUMP, 1, 0, 1, n / 100) for n in (80, 60)]
        )
        end_anomalies(conn, [number], NOW - minutes(30))
        issues = [NOW - minutes(n) for n in (200, 140, 80, 20)]
        write_forecasts(
            conn, DayPartitions(conn),
            [replace(a_forecast(number, median=60 + k), issued_at=at, first_target=at) for k, at in enumerate(issues)],
        )  # fmt: skip
        register_derived(conn, NOW, since=NOW - timedelta(days=3))
        refresh(conn, NOW)
        for name, raised in (("a", 150), ("b", 90)):
            conn.execute(
                "INSERT INTO warning (warning_id, identifier, rule_id, rule_version, source, hazard_class, mode, object_id, "
                "district_code, raised_at, is_open, closed_at, words_zh, words_en) VALUES (gen_random_uuid(), %s, %s, 1, 'rule', "
                "'fire', 'actual', '1', '440106', %s, false, %s, '火', 'Fire')",
                (name, name, NOW - minutes(raised), NOW - minutes(raised - 70)),
            )
        yield conn


def told(conn: Connection, rule: ThresholdRule, *cuts: int) -> dict[str, tuple[Floats, Floats]]:
    """Times and values by object, asked for in pieces that end so many minutes before the end."""
    ends = [*(UNTIL - minutes(cut) for cut in cuts), UNTIL]
    found: dict[str, list[tuple[Floats, Floats]]] = {}
    for start, end in zip([SINCE, *ends[:-1]], ends, strict=True):
        seen = set()
        for watched, times_s, values in read(conn, rule, Stretch(start, end, UNTIL), SETTING):
            assert watched.object_id not in seen, "an object is told of once"
            seen.add(watched.object_id)
            assert (np.diff(times_s) > 0).all()
            assert ((times_s > start.timestamp()) & (times_s <= end.timestamp())).all()
            assert len(times_s) == len(values)
            found.setdefault(watched.object_id, []).append((times_s, values))
    return {
        name: (np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
        for name, parts in found.items()
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.subject.value}-{rule.property}-{rule.source}-{rule.measure}")
def test_piece_by_piece_is_the_same_as_at_once(full: Connection, rule: ThresholdRule) -> None:
    whole = told(full, rule)
    assert whole, "there is something to tell"
    assert any((~np.isnan(values)).any() for _, values in whole.values())
    pieces = told(full, rule, 185, 120, 61, 7)
    absent = SOURCES[rule.subject].absent if rule.subject in SOURCES else None
    for name, (times_s, values) in whole.items():
        at_s, again = pieces.get(name, (np.array([]), np.array([])))
        if absent is None:
            assert at_s.tolist() == times_s.tolist()
            np.testing.assert_allclose(again, values)
        else:  # what is not told of counts as nothing there
            filled = np.full(len(times_s), absent)
            filled[np.searchsorted(times_s, at_s)] = again
            np.testing.assert_allclose(filled, values)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.subject.value}-{rule.property}-{rule.source}-{rule.measure}")
def test_nothing_is_told_of_where_a_rule_does_not_hold(full: Connection, rule: ThresholdRule) -> None:
    away = replace(rule, area=Area(districts=("110101",)))
    assert not [name for name in told(full, away) if not name.startswith("area/")]


def test_every_subject_has_a_rule_here_and_a_source() -> None:
    assert {rule.subject for rule in RULES} == set(Subject)
    assert set(SOURCES) == set(Subject) - {Subject.PROPERTY}
    assert all(86_400 % source_of(rule).period_s == 0 for rule in RULES if rule.subject in SOURCES), "a day has whole periods"
