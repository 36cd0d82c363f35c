"""The reader: asks the memory for what a rule looks at and makes tracks of it, the same for a minute just past and for months."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple

import numpy as np

from alerts.scope import ACCEPTED, Setting
from alerts.tracks import anomalies, events, forecasts, hall, readings, silence
from alerts.tracks.combination import Stand, combined
from alerts.tracks.registry import SOURCES, source_of
from alerts.tracks.track import Floats, Track, Watched, grid
from domain.air import POLLUTANTS, air_quality
from domain.derived import Derived
from domain.halls import HallEvent
from domain.indices import traffic_index
from domain.moments import Moment
from domain.rules import EVERY, Acceptance, CityIndex, HallFigure, Happening, Subject
from domain.sensors import PROPERTIES, SensorKind
from domain.warnings import ThresholdRule, WarningSource
from storage import rule_inputs as inputs
from storage.connection import Connection
from storage.derived import list_derived, load_derived
from storage.halls import HallPlace, list_hall_events, list_halls
from storage.health import ScoreBy, list_scores
from storage.rollups import list_district_hours
from storage.waits import CLOSED, CLOSED_EARLY, list_wait_forecasts

HOUR = timedelta(hours=1)
SPEED = "averageVehicleSpeed"
LEAST_HOURS = 48
"""Of hourly speeds, before there is a free-flow speed (as in `dashboard.figures.traffic`)."""
_INSTANT = timedelta(microseconds=1)
SERIES_AT_ONCE, DEVICES_AT_ONCE = 20, 200


class Stretch(NamedTuple):
    """What is asked for: moments in (start, end], as known at `now`. `is_live`: the last of them have just passed. `stands`: what
    members of a combination did, where that is not what the memory says."""

    start: datetime
    end: datetime
    now: datetime
    is_live: bool = False
    stands: Sequence[Stand] | None = None

    @property
    def start_s(self) -> float:
        return self.start.timestamp()

    @property
    def end_s(self) -> float:
        return self.end.timestamp()


def read(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    """The tracks of the objects that lie in a rule's area. Values are as measured: `alerts.scope.judged` looks at the hours."""
    about = _forecasts if rule.source is WarningSource.FORECAST else _ABOUT[rule.subject]
    if rule.subject in SOURCES:  # what has yet to settle is not told
        settled = stretch.now - timedelta(seconds=source_of(rule).settle_s)
        stretch = stretch._replace(end=max(stretch.start, min(stretch.end, settled)))
    for track in about(conn, rule, stretch, setting):
        watched = track.watched
        if rule.area.holds(watched.district, watched.lon, watched.lat) or watched.object_id == _own_area(rule):
            yield track


def _own_area(rule: ThresholdRule) -> str:
    return f"area/{rule.rule_id}"


def _places(conn: Connection, rule: ThresholdRule) -> list[inputs.Place]:
    return [p for p in inputs.list_places(conn, rule.property) if rule.area.holds(p.district, p.lon, p.lat)]


def _of_series(place: inputs.Place, rule: ThresholdRule) -> Watched:
    name = place.name or place.device_id
    row = PROPERTIES.get(rule.property)
    unit = (row.zh_unit, row.unit) if row else (place.unit or "", place.unit or "")
    return Watched(
        str(place.datastream_id), name, name, unit, place.device_id, place.district, place.lon, place.lat,
        {"datastream_id": place.datastream_id, "item": place.item},
    )  # fmt: skip


def _readings(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    places = {place.datastream_id: place for place in _places(conn, rule)}
    since = stretch.start - timedelta(seconds=rule.window_s)
    for numbers in inputs.chunks(sorted(places), SERIES_AT_ONCE):
        found = inputs.read_series(conn, numbers, since, stretch.end, ACCEPTED[rule.min_quality])
        for number, (times_s, values) in found.items():
            told = readings.told(rule, times_s, values, stretch.start_s, stretch.end_s)
            yield Track(_of_series(places[number], rule), *told)


def _forecasts(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    for place in _places(conn, rule):
        slots = int(rule.horizon_s // 60) + 2 if rule.horizon_s else 10_000  # a slot is a minute at least
        issues = inputs.read_issues(conn, place.datastream_id, stretch.start, stretch.end, slots)
        if not len(issues.issued_s):
            continue
        yield Track(_of_series(place, rule), issues.issued_s, forecasts.told(rule, *issues))


def _derived(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    wanted = [row.derived for row in list_derived(conn) if _matches(rule.property, row.derived.key)]
    if not wanted:
        return
    step_s = wanted[0].step_s
    wanted = [derived for derived in wanted if derived.step_s == step_s]
    first_s = np.floor((stretch.start_s - rule.window_s) / step_s) * step_s
    start = datetime.fromtimestamp(first_s, UTC)
    end = datetime.fromtimestamp(np.floor(stretch.end_s / step_s) * step_s, UTC)
    if end <= start:
        return
    values = load_derived(conn, wanted, start=start, end=end, moment=Moment.live(stretch.now))
    ends_s = first_s + step_s * (1 + np.arange(values.shape[1]))
    places = {hall_.hall_id: hall_ for hall_ in list_halls(conn)}
    for derived, row in zip(wanted, values, strict=True):
        is_told = ~np.isnan(row)
        told = readings.told(rule, ends_s[is_told], row[is_told], stretch.start_s, stretch.end_s)
        place = places.get(derived.hall_id)
        of_hall = (place.name_zh or place.hall_id, place.name_en or place.hall_id) if place else ("全市", "The city")
        zh, en = f"{of_hall[0]} {derived.what('zh')}", f"{of_hall[1]} {derived.what('en')}"
        yield Track(Watched(derived.key, zh, en, (derived.unit("zh"), derived.unit("en")), *_where(place)), *told)


def _where(place: HallPlace | None) -> tuple[str | None, str | None, float | None, float | None]:
    """Device, district, longitude and latitude of a hall; nothing of the city."""
    if place is None:
        return None, None, None, None
    return place.device_id, place.district_code, place.lon, place.lat


def _matches(pattern: str, key: str) -> bool:
    """
    >>> _matches("hall/*/arrivals", "hall/hall-1/arrivals"), _matches("hall/*/arrivals", "hall/hall-1/arrivals/tax")
    (True, False)
    """
    one, other = pattern.split("/"), key.split("/")
    return len(one) == len(other) and all(wanted in (EVERY, said) for wanted, said in zip(one, other, strict=True))


def _halls(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    figure = HallFigure.of(rule.property)
    if figure is HallFigure.AHEAD:
        yield from _halls_ahead(conn, rule, stretch)
        return
    places = {place.hall_id: place for place in list_halls(conn) if place.tells_events}
    day = stretch.start.astimezone(setting.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found: dict[str, list[hall.Waits]] = {}
    while places and day < stretch.end:
        after = day + timedelta(days=1)
        until = min(after, stretch.end + _INSTANT)
        by_hall: dict[str, list[HallEvent]] = {}
        for event in list_hall_events(conn, day, until, Moment.live(stretch.now), hall_ids=sorted(places)):
            by_hall.setdefault(event.hall_id, []).append(event)
        for hall_id, of_hall in by_hall.items():
            found.setdefault(hall_id, []).append(hall.waits(of_hall, setting.zone))
        day = after
    at_s = grid(stretch.start_s, stretch.end_s, source_of(rule).period_s)
    for hall_id, days in sorted(found.items()):
        place = places[hall_id]
        begins, ends, called = (np.concatenate(column) for column in zip(*days, strict=True))
        watched = Watched(
            f"hall/{hall_id}", place.name_zh or hall_id, place.name_en or hall_id, figure.unit, *_where(place),
            {"hall": hall_id},
        )  # fmt: skip
        yield Track(watched, at_s, hall.FIGURES[figure]((begins, ends, called), at_s))


def _halls_ahead(conn: Connection, rule: ThresholdRule, stretch: Stretch) -> Iterator[Track]:
    """Waits that were foreseen, as they were issued; the evidence is the newest of them and how far ahead its longest wait
    lies."""
    at_s = grid(stretch.start_s, stretch.end_s, source_of(rule).period_s)
    since = stretch.start - timedelta(seconds=hall.STANDS_S)
    for place in sorted(list_halls(conn), key=lambda place: place.hall_id):
        issued = list_wait_forecasts(conn, place.hall_id, since, stretch.end, items=[""], with_reasons=True)
        if not issued:
            continue
        values, places = hall.worst_ahead([forecast.p90_s for forecast in issued])
        values[[forecast.basis in (CLOSED, CLOSED_EARLY) for forecast in issued]] = 0.0  # nobody comes any more
        newest, lead_s = issued[-1], issued[-1].leads_s[int(places[-1])]
        evidence = {
            "hall": place.hall_id, "issued_at": newest.issued_at.isoformat(), "lead_s": lead_s, "basis": newest.basis,
            "peak_at": (newest.issued_at + timedelta(seconds=lead_s)).isoformat(),
        }  # fmt: skip
        zh, en = place.name_zh or place.hall_id, place.name_en or place.hall_id
        watched = Watched(f"hall/{place.hall_id}", zh, en, HallFigure.AHEAD.unit, *_where(place), evidence)
        issued_s = np.array([forecast.issued_at.timestamp() for forecast in issued])
        yield Track(watched, at_s, hall.in_force(issued_s, values, at_s))


def _indices(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    told = _air(conn, stretch, setting) if rule.property == CityIndex.AQI else _traffic(conn, stretch, setting)
    for code, (times_s, values) in sorted(told.items()):
        yield Track(_district(code, setting), times_s, values)


def _district(code: str, setting: Setting, unit: tuple[str, str] = ("", "")) -> Watched:
    found = setting.city.find_district(code) if setting.city else None
    names = (found.name_zh, found.name_en) if found else (code, code)
    lon, lat = found.centroid if found else (None, None)
    return Watched(f"district/{code}", *names, unit, None, code, lon, lat)


def _air(conn: Connection, stretch: Stretch, setting: Setting) -> dict[str, tuple[Floats, Floats]]:
    hours = setting.index.particulate_h
    at_s = grid(stretch.start_s, stretch.end_s, 3600)
    if not len(at_s):
        return {}
    back = max(hours, 24)
    first = datetime.fromtimestamp(at_s[0], UTC) - back * HOUR
    means: dict[str, dict[str, list[float | None]]] = {}
    n = back + len(at_s) - 1
    for pollutant in POLLUTANTS:
        for row in list_district_hours(conn, pollutant, since=first, until=datetime.fromtimestamp(at_s[-1], UTC)):
            of_district = means.setdefault(row.district_code, {})
            of_district.setdefault(pollutant, [None] * n)[int((row.hour - first) / HOUR)] = row.mean
    found = {}
    for code, by_pollutant in means.items():
        values = np.full(len(at_s), np.nan)
        for k in range(len(at_s)):
            quality = air_quality({name: row[k : k + back] for name, row in by_pollutant.items()}, particulate_h=hours)
            if quality is not None:
                values[k] = quality.aqi
        found[code] = (at_s, values)
    return found


def _traffic(conn: Connection, stretch: Stretch, setting: Setting) -> dict[str, tuple[Floats, Floats]]:
    days = timedelta(days=setting.index.free_flow_days)
    slot = timedelta(seconds=900)
    codes = ACCEPTED[Acceptance.USABLE]
    speeds: dict[str, list[tuple[float, float]]] = {}
    for row in list_district_hours(conn, SPEED, since=stretch.start - days - HOUR, until=stretch.end):
        speeds.setdefault(row.district_code, []).append((row.hour.timestamp(), row.mean))
    found = {}
    for code, (ends_s, means) in inputs.mean_by_slot(conn, SPEED, stretch.start, stretch.end, slot, codes).items():
        known = np.array(speeds.get(code, []), float).reshape(-1, 2)
        values = np.full(len(ends_s), np.nan)
        free: dict[float, float | None] = {}
        for k, (at_s, mean) in enumerate(zip(ends_s.tolist(), means.tolist(), strict=True)):
            hour = at_s // 3600 * 3600
            if hour not in free:
                past = known[(known[:, 0] >= hour - days.total_seconds()) & (known[:, 0] < hour), 1]
                free[hour] = float(np.quantile(past, setting.index.free_flow_share)) if len(past) >= LEAST_HOURS else None
            speed = free[hour]
            if speed is not None:
                values[k] = traffic_index(mean, speed)
        found[code] = (ends_s, values)
    return found


def _quality(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    at_s = grid(stretch.start_s, stretch.end_s, 3600)
    if not len(at_s):
        return
    hours = max(1, round(rule.window_s / 3600))
    first_s = at_s[0] - 3600 * hours
    since, until = (datetime.fromtimestamp(at, UTC) for at in (first_s - 3600, at_s[-1] + 3600))
    type_name = None if rule.property == EVERY else rule.property
    n = hours + len(at_s) - 1
    sums: dict[str, Floats] = {}
    rows = list_scores(
        conn, Moment.live(stretch.now), ScoreBy.TYPE_HOUR, since=since, until=until, type_name=type_name, limit=10**7
    )
    for score in rows:
        k = int((datetime.fromisoformat(score.key).timestamp() - first_s) // 3600)
        if score.type_name and 0 <= k < n:
            sums.setdefault(score.type_name, np.zeros((2, n)))[:, k] += score.good, score.due
    for name, of_type in sorted(sums.items()):
        good, due = (np.convolve(row, np.ones(hours), "valid") for row in of_type)
        shares = np.divide(100 * good, due, out=np.full(len(at_s), np.nan), where=due > 0)
        yield Track(Watched(f"type/{name}", *_kind(name), ("%", "%"), evidence={"type": name}), at_s, shares)


def _kind(type_name: str) -> tuple[str, str]:
    kind = next((kind for kind in SensorKind if kind.type_name == type_name), None)
    return (kind.zh, kind.en) if kind else (type_name, type_name)


def _silence(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    at_s = grid(stretch.start_s, stretch.end_s, source_of(rule).period_s)
    speakers = inputs.list_speakers(conn, None if rule.property == EVERY else rule.property)
    speakers = [s for s in speakers if s.heard_s is not None and rule.area.holds(s.district, s.lon, s.lat)]
    minutes_s = inputs.list_listened(conn, stretch.start - timedelta(minutes=4), stretch.end)
    deaf = ~silence.listened(minutes_s, at_s)
    least = min(min(t.raise_at, t.clear_at) for t in rule.thresholds)
    for few in (speakers[k : k + DEVICES_AT_ONCE] for k in range(0, len(speakers), DEVICES_AT_ONCE)):
        talked: Mapping[str, list[tuple[float, float]]] = {}
        if not stretch.is_live:
            talked = inputs.list_gaps(conn, [s.device_id for s in few], stretch.start, stretch.end, max(least, 0.01))
        for s in few:
            assert s.heard_s is not None
            spans = [(-inf, s.heard_s)] if stretch.is_live else talked.get(s.device_id, [])
            if not spans and s.heard_s <= stretch.start_s:
                spans = [(-inf, s.heard_s)]
            begins, ends = np.array(spans, float).reshape(-1, 2).T
            values = silence.silent_intervals(begins, ends, s.interval_s, at_s)
            values[deaf] = np.nan
            name = s.name or s.device_id
            watched = Watched(
                f"device/{s.device_id}", name, name, ("个间隔", "intervals"), s.device_id, s.district, s.lon, s.lat,
                {"interval_s": s.interval_s},
            )  # fmt: skip
            yield Track(watched, at_s, values)


def _events(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    source = source_of(rule)
    at_s = grid(stretch.start_s, stretch.end_s, source.period_s)
    happening = Happening.of(rule.property)
    table = "incident" if happening is Happening.INCIDENTS else "request"
    since = stretch.start - timedelta(seconds=rule.window_s)
    by_object: dict[str, list[inputs.Happened]] = {}
    if setting.city is not None and not rule.area.ring:
        by_object = {f"district/{district.code}": [] for district in setting.city.districts}
    else:
        by_object = {_own_area(rule): []}
    for row in inputs.list_happened(conn, table, since, stretch.end, rule.classes):
        if rule.area.ring:
            if rule.area.holds(None, row.lon, row.lat):
                by_object[_own_area(rule)].append(row)
        elif setting.city is None:
            by_object[_own_area(rule)].append(row)
        elif row.lon is not None and row.lat is not None and (place := setting.city.district_of(row.lon, row.lat)):
            by_object[f"district/{place.code}"].append(row)
    unit = ("起", "cases")
    for object_id, rows in by_object.items():
        happened_s, known_s = (np.array([row[k] for row in rows], float) for k in (1, 2))
        known_s = np.where(known_s - happened_s > source.settle_s, known_s - source.settle_s, happened_s)
        values = events.happened(happened_s, known_s, rule.window_s, at_s)
        code = object_id.removeprefix("district/")
        watched = _district(code, setting, unit) if code != object_id else Watched(object_id, rule.zh, rule.en, unit)
        yield Track(watched, at_s, values)


def _anomalies(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterator[Track]:
    at_s = grid(stretch.start_s, stretch.end_s, source_of(rule).period_s)
    by_series: dict[int, list[inputs.Oddness]] = {}
    for row in inputs.list_oddness(conn, None if rule.property == EVERY else rule.property, stretch.start, stretch.end):
        by_series.setdefault(row.series_id, []).append(row)
    if not by_series:
        return
    places = {place.datastream_id: place for place in inputs.list_places(conn)}
    keys: Mapping[int, Derived] = {row.series_id: row.derived for row in list_derived(conn)}
    for number, rows in sorted(by_series.items()):
        if (place := places.get(number)) is not None:
            watched = Watched(
                str(number), *2 * (place.name or place.device_id,), _SCORE, place.device_id, place.district, place.lon, place.lat,
                {"datastream_id": number, "cause": rows[-1].cause},
            )  # fmt: skip
        elif (derived := keys.get(number)) is not None:
            watched = Watched(str(number), derived.what("zh"), derived.what("en"), _SCORE, evidence={"cause": rows[-1].cause})
        else:
            continue
        detected_s, ended_s, scores = (np.array([row[k] for row in rows], float) for k in (1, 2, 3))
        yield Track(watched, at_s, anomalies.gravest(detected_s, ended_s, scores, at_s))


_SCORE = ("分", "score")


def _combinations(conn: Connection, rule: ThresholdRule, stretch: Stretch, setting: Setting) -> Iterable[Track]:
    at_s = grid(stretch.start_s, stretch.end_s, source_of(rule).period_s)
    stands = stretch.stands
    if stands is None:
        stands = [Stand(*row) for row in inputs.list_standing(conn, rule.members, stretch.start, stretch.end)]
    for track in combined(rule.members, stands, rule.within_m, at_s):
        code = track.watched.district
        if rule.within_m is None and code is not None:
            yield track._replace(watched=_district(code, setting, track.watched.unit))
        else:
            yield track


_About = Callable[[Connection, ThresholdRule, Stretch, Setting], Iterable[Track]]
_ABOUT: Mapping[Subject, _About] = {
    Subject.PROPERTY: _readings, Subject.DERIVED: _derived, Subject.HALL: _halls, Subject.INDEX: _indices,
    Subject.QUALITY: _quality, Subject.SILENCE: _silence, Subject.EVENTS: _events, Subject.ANOMALY: _anomalies,
    Subject.COMBINATION: _combinations,
}  # fmt: skip
