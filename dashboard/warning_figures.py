"""Figures of warnings, asked of the memory: situations, alarm rate, scoreboard, risk of districts, and the evidence of one
warning."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from math import cos, hypot, radians
from zoneinfo import ZoneInfo

import shapely

from alerts.risk import risk, warning_points
from alerts.rules import gravity, is_beyond
from alerts.scoreboard import Case, Score, score
from dashboard import wire_warnings
from dashboard.deployment import Deployment
from dashboard.wire import Json
from domain.moments import Moment
from domain.rules import Subject
from domain.units import UnitStatus
from domain.warnings import SeriesMeasure, ThresholdRule, Warning, WarningLevel, WarningMode, WarningSource
from gis_data.crs import METRES_PER_DEGREE
from gis_data.impact import impact
from storage import alarms, attention, incidents, outcomes, rules, shelves, situations, warnings
from storage.connection import Connection
from storage.overview import list_unit_statuses

SITUATIONS, OUTCOMES, EVENTS, SENSORS = 200, 200, 500, 12
SCORED = timedelta(days=90)
INCIDENT_REACH_M, INCIDENT_AHEAD = 1_000.0, timedelta(hours=6)
"""An incident was warned of by a warning of its hazard so near and so long before."""
ODD_SPAN, HOUR, DAY = timedelta(hours=1), timedelta(hours=1), timedelta(days=1)


def board(conn: Connection, now: datetime) -> Json:
    """What the list of warnings shows of shelves and maintenance."""
    moment = Moment.live(now)
    standing = warnings.list_open_warnings(conn, moment, with_suppressed=True)
    return wire_warnings.kept_back(
        shelves.list_shelves(conn, now), shelves.list_maintenance(conn, moment), sum(one.is_suppressed for one in standing)
    )


def evidence(conn: Connection, now: datetime, warning: Warning, house: Deployment, *, with_texts: bool) -> Json:
    """What the dossier of a warning says beside its steps: people, surroundings, how its rule has served so far."""
    moment, reach_m = Moment.live(now), house.practice.evidence_reach_m
    around, sensors = None, []
    if warning.lon is not None and warning.lat is not None:
        if house.city is not None:
            around = impact(house.city, shapely.Point(warning.lon, warning.lat), reach_m)
        near = outcomes.list_neighbours(
            conn, str(warning.evidence.get("property", "")), moment, warning.lon, warning.lat, reach_m=reach_m, limit=SENSORS
        )
        apart = [(one, _apart_m(one.lon - warning.lon, one.lat - warning.lat, warning.lat)) for one in near]
        sensors = [(one, metres) for one, metres in apart if metres <= reach_m]
    live = rules.list_rules(conn)
    rule = next((one for one in live if one.rule_id == warning.rule_id), None)
    found = situations.find_situation(conn, warning.situation, moment) if warning.situation is not None else None
    return wire_warnings.evidence(
        attention.list_assignments(conn, warning.warning_id, moment), attention.list_reminders(conn, warning.warning_id, moment),
        attention.list_judgements(conn, warning.warning_id, moment), found, around, sensors,
        wire_warnings.score(rule, score_of(conn, rule, live, now)) if rule is not None else None, with_texts=with_texts,
    )  # fmt: skip


def _apart_m(lon: float, lat: float, at_lat: float) -> float:
    return METRES_PER_DEGREE * hypot(lon * cos(radians(at_lat)), lat)


def list_situations(conn: Connection, now: datetime, *, span: timedelta) -> Json:
    found = situations.list_situations(conn, Moment.live(now), now - span, limit=SITUATIONS)
    return wire_warnings.situations(found, now)


def alarm_rate(conn: Connection, now: datetime, *, span: timedelta, zone: ZoneInfo) -> Json:
    since = now - span
    rows = alarms.list_alarms(conn, Moment.live(now), min(since, now - timedelta(days=7)))
    return wire_warnings.alarms(rows, since, now, zone)


def scores(conn: Connection, now: datetime, rule_id: str | None = None) -> Json:
    """The scoreboard of every rule, or of one."""
    live = rules.list_rules(conn)
    wanted = [rule for rule in live if rule_id is None or rule.rule_id == rule_id]
    return wire_warnings.scoreboard([(rule, score_of(conn, rule, live, now)) for rule in wanted], now)


def score_of(conn: Connection, rule: ThresholdRule, live: list[ThresholdRule], now: datetime) -> Score:
    """How well a rule has served since it first warned, at most `SCORED` back."""
    moment = Moment.live(now)
    first = outcomes.find_first_raise(conn, rule.rule_id)
    since = max(first or now, now - SCORED)
    found = outcomes.list_outcomes(conn, rule, moment, since - timedelta(microseconds=1), limit=OUTCOMES)
    if len(found) == OUTCOMES:
        since = found[-1].raised_at
    if rule.source is not WarningSource.FORECAST:
        cases = [Case(one.raised_at, one.verdict) for one in found]
        near = outcomes.list_incidents_near(
            conn, rule, moment, since, reach_m=INCIDENT_REACH_M, ahead=INCIDENT_AHEAD, limit=EVENTS
        )
        return score(cases, [event.is_warned_of for event in near] if first is not None else None, since, now)
    horizon = timedelta(seconds=rule.horizon_s or DAY.total_seconds())
    raise_at = {threshold.level: threshold.raise_at for threshold in rule.thresholds}
    placed = [one for one in found if one.object_id.isdigit() and one.level in raise_at]
    crossed = outcomes.find_crossings(
        conn,
        [outcomes.Asked(int(one.object_id), raise_at[one.level], one.raised_at, one.raised_at + horizon) for one in placed],
        rule.direction,
    )
    cases = [
        Case(one.raised_at, one.verdict, at, now >= one.raised_at + horizon) for one, at in zip(placed, crossed, strict=True)
    ]
    physical = _physical(rule, live)
    if not physical or first is None:
        return score(cases, None, since, now)
    events = outcomes.list_crossings(conn, physical, rule.rule_id, moment, since, ahead=horizon, limit=EVENTS)
    return score(cases, [event.is_warned_of for event in events], since, now)


def _physical(rule: ThresholdRule, live: list[ThresholdRule]) -> list[tuple[str, list[WarningLevel]]]:
    """The rules that judge the readings of which a rule judges the forecasts, with their levels at least as far out as its
    mildest."""
    mildest = min(rule.thresholds, key=lambda threshold: gravity(threshold.level)).raise_at
    found = []
    for other in live:
        is_kin = (other.property, other.direction, other.subject) == (rule.property, rule.direction, Subject.PROPERTY)
        if is_kin and other.source is WarningSource.RULE and other.measure is SeriesMeasure.VALUE:
            levels = [one.level for one in other.thresholds if is_beyond(rule, one.raise_at, mildest)]
            if levels:
                found.append((other.rule_id, levels))
    return found


def risks(conn: Connection, now: datetime, *, house: Deployment) -> Json:
    moments = (Moment.live(now), Moment.past(now - HOUR), Moment.past(now - DAY))
    figures = [_figures(conn, moment, house) for moment in moments]
    names = {district.code: (district.name_zh, district.name_en) for district in (house.city.districts if house.city else ())}
    codes = names or {code: (code, code) for then in figures for code in then}
    policy = house.practice.risk
    rows = []
    for code, (zh, en) in codes.items():
        today, hour_ago, day_ago = (risk(then.get(code, {}), policy) for then in figures)
        rows.append((code, zh, en, today, hour_ago, day_ago))
    return wire_warnings.risks(rows, now)


def _figures(conn: Connection, moment: Moment, house: Deployment) -> dict[str, dict[str, float | None]]:
    """By district, the figures that its risk is made of. What nobody warned of, reported or found odd counts as 0; without units
    nothing is known of them."""
    policy, city = house.practice.risk, house.city
    found: dict[str, dict[str, float | None]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0.0))
    if city is not None:
        for district in city.districts:
            found[district.code] = dict.fromkeys(_COUNTED, 0.0)

    def add(code: str | None, part: str, points: float) -> None:
        if code is not None:
            found[code][part] = (found[code][part] or 0.0) + points

    for warning in warnings.list_open_warnings(conn, moment):
        if warning.mode is not WarningMode.SYSTEM:
            add(warning.district_code, *warning_points(warning, policy))
    for incident in incidents.list_open_incidents(conn, moment):
        inside = city.district_of(incident.lon, incident.lat) if city is not None else None
        add(inside.code if inside else None, "incidents", policy.grade_points.get(incident.grade.value, 0.0))
    for code, n in outcomes.count_odd_series(conn, moment.at - ODD_SPAN, moment.at).items():
        add(code, "anomalies", n)
    units: dict[str, list[bool]] = defaultdict(list)
    for unit in list_unit_statuses(conn, moment):
        units[unit.district_code].append(unit.status is UnitStatus.AVAILABLE)
    for code, free in units.items():
        found[code]["units"] = 1 - sum(free) / len(free)
    return found


_COUNTED = ("warnings", "foreseen", "incidents", "anomalies")
