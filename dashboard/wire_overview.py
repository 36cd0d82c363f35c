"""The frame `overview`: the city in figures, as JSON. Pure; times are milliseconds since 1970, UTC.

With every number goes where it is from (`source`: tables · query), when the newest of what it is made of was measured, of how
many values it is made, and under `how.` and its key the catalogue says how. The scales of the district index are in `index`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.figures import readiness as of_units
from dashboard.figures import requests as of_requests
from dashboard.figures.background import Background, background
from dashboard.figures.districts import SOURCES, UNITS, DistrictNow, counted_incidents, counted_requests, districts
from dashboard.figures.headlines import Headline, headlines
from dashboard.figures.present import HOUR, HOURS_SHOWN, Present, present
from dashboard.figures.vitals import READINGS, Vital, vitals
from dashboard.wire import ms
from domain.indices import IndexPolicy
from forecasting.reasons import sentence as reason
from layouts.words import LANGUAGES
from storage.overview import Compared, Courses, OverviewSnapshot, SeriesAhead

Json = dict[str, Any]

DIGITS = 4
"""Significant digits of what is not a count."""


def overview(
    snapshot: OverviewSnapshot, policy: IndexPolicy, zone: ZoneInfo, codes: Iterable[str] = (), behind: Background | None = None
) -> Json:
    """Everything the cockpit shows in figures. `codes` are the districts of the city, with or without data; `behind` is the
    background of the snapshot where it has been worked out before."""
    at, slow, until = snapshot.moment.at, snapshot.minutely, snapshot.rollups.until
    now = present(snapshot.readings, at)
    behind = behind or background(snapshot, policy)
    ready = of_units.readiness(snapshot.units)
    ranked = districts(
        now, behind.hours, behind.free, policy,
        incidents=counted_incidents(snapshot.incidents_day, behind.usual_incidents, policy.grade_points),
        requests=counted_requests(snapshot.requests_day, behind.usual_requests),
        waits_hour=slow.waits_hour, waits_day=snapshot.hall_days.waits_day, units_ready=dict(ready.ready_by_district),
        codes=codes,
    )  # fmt: skip
    signs = vitals(
        now, behind.hours, behind.free, policy, people_before=behind.people,
        power_hours={row.hour: 100 * row.n_supplied / row.n for row in snapshot.courses.power_hours if row.n},
        heard_hours=_heard(snapshot.courses, now),
    )  # fmt: skip
    _, yesterday = Compared.days(at, zone)
    return {
        "t": ms(at),
        "as_of": ms(now.newest),
        "known_at": ms(snapshot.moment.known_at),
        "hours_start": ms(until - HOURS_SHOWN * HOUR),
        "taken": {"hourly": ms(snapshot.rollups.taken_at), "minutely": ms(slow.taken_at)},
        "unanswered": list(snapshot.unanswered),
        "weather": _weather(now),
        "kpis": [_headline(figure) for figure in headlines(snapshot, ready, yesterday)],
        "vitals": [_vital(sign) for sign in signs],
        "index": _index(policy, behind),
        "districts": [_district(found) for found in ranked],
        "requests": _requests(snapshot, policy, behind),
        "readiness": {
            "kinds": [
                {"kind": k.kind, "ready": k.ready, "out": k.out, "working": k.working, "off": k.off, "total": k.total}
                for k in ready.kinds
            ],
            "reserve_districts": [{"code": code, "ready": n} for code, n in ready.ready_by_district],
            "measured": ms(ready.measured),
            "source": of_units.SOURCE,
        },
        "forecast": _ahead(slow.ahead) if slow.ahead else None,
    }


def _heard(courses: Courses, now: Present) -> Mapping[datetime, float] | None:
    """Devices heard of, % of those known now, by hour."""
    n = sum(known for _, known in now.devices.values())
    if courses.heard_by_hour is None or not n:
        return None
    return {hour: min(100.0, 100 * heard / n) for hour, heard in courses.heard_by_hour}


def _weather(now: Present) -> Json | None:
    warmth, rain = now.mean("temperature"), now.mean("precipitation")
    if warmth is None and rain is None:
        return None
    damp = now.mean("relativeHumidity")
    return {
        "temperature_c": _rounded(warmth.value) if warmth else None, "rain_mm_h": _rounded(rain.value) if rain else None,
        "humidity": _rounded(damp.value) if damp else None,
        "measured": ms(max(mean.measured for mean in (warmth, rain) if mean is not None)),
        "n": max(mean.n for mean in (warmth, rain) if mean is not None), "source": READINGS,
    }  # fmt: skip


def _headline(figure: Headline) -> Json:
    return {
        "key": figure.key, "value": _rounded(figure.value), "unit_key": figure.unit_key, "before": _rounded(figure.before),
        "before_key": "kpi.before", "measured": ms(figure.measured), "taken": ms(figure.taken), "n": figure.n,
        "good": figure.good, "source": figure.source, "how": f"how.{figure.key}",
        "detail": {name: _rounded(value) for name, value in figure.detail.items()},
    }  # fmt: skip


def _vital(sign: Vital) -> Json:
    return {
        "key": sign.key, "value": _rounded(sign.value), "unit": sign.unit, "band": sign.band, "share": _rounded(sign.share),
        "measured": ms(sign.measured), "n": sign.n, "hours": [_rounded(value) for value in sign.hours], "source": sign.source,
        "how": f"how.{sign.key}",
        "detail": {name: _rounded(value) if isinstance(value, float) else value for name, value in sign.detail.items()},
    }  # fmt: skip


def _index(policy: IndexPolicy, behind: Background) -> Json:
    """How the index is made, for whoever opens it."""
    return {
        "parts": [
            {"key": key, "weight": part.weight, "unit": UNITS[key], "anchors": part.scale.anchors, "source": SOURCES[key],
             "how": f"how.part.{key}"}
            for key, part in policy.parts.items() if part.weight > 0
        ],
        "least_weight": policy.least_weight, "damping": policy.damping, "grade_points": dict(policy.grade_points),
        "incident_days": behind.incident_days, "request_days": behind.request_days, "free_flow_days": policy.free_flow_days,
        "free_flow_share": policy.free_flow_share, "how": "how.index",
    }  # fmt: skip


def _district(found: DistrictNow) -> Json:
    return {
        "code": found.code, "rank": found.rank, "score": _rounded(found.score), "missing": list(found.missing),
        "parts": [
            {"key": p.key, "score": _rounded(p.score), "value": _rounded(p.value), "unit": UNITS[p.key], "weight": p.weight,
             "share": _rounded(p.share), "n": p.n, "measured": ms(p.measured)}
            for p in found.parts
        ],
        "metrics": {name: _rounded(value) for name, value in found.metrics.items()},
    }  # fmt: skip


def _requests(snapshot: OverviewSnapshot, policy: IndexPolicy, behind: Background) -> Json:
    earlier, days, usual = snapshot.request_days, behind.request_days, behind.usual_requests
    counts = None if snapshot.courses.request_hours is None else dict(snapshot.courses.request_hours)
    since = earlier.oldest or snapshot.moment.at
    hours = [snapshot.rollups.until - back * HOUR for back in range(HOURS_SHOWN, 0, -1)]
    hot = [] if usual is None or snapshot.requests_day is None else of_requests.hot_requests(
        snapshot.requests_day, usual, days, least=policy.hot_least, tail=policy.hot_tail
    )  # fmt: skip
    return {
        "today": snapshot.requests_today.n if snapshot.requests_today and earlier.oldest else None,
        "usual": _rounded(of_requests.usual_count(earlier.to_this_time, days)),
        "usual_days": days,
        "hot": [
            {"class": h.request_class, "district": h.district_code, "n": h.n, "usual": _rounded(h.usual),
             "tail": _rounded(h.tail)}
            for h in hot
        ],
        "hot_known": usual is not None and snapshot.requests_day is not None,
        "hot_least": policy.hot_least, "hot_tail": policy.hot_tail,
        "hours": [counts.get(hour, 0) if counts is not None and since < hour + HOUR else None for hour in hours],
        "measured": ms(snapshot.requests_today.newest) if snapshot.requests_today else None,
        "source": of_requests.SOURCE, "how": "how.hot_requests",
    }  # fmt: skip


def _ahead(ahead: SeriesAhead) -> Json:
    forecast, series = ahead.forecast, ahead.series
    return {
        "key": f"forecast.{ahead.property}", "property": ahead.property, "datastream": ahead.datastream_id,
        "device": ahead.device_id, "name_zh": ahead.name_zh, "name_en": ahead.name_en, "unit": ahead.unit,
        "step_s": series.step_s, "start": ms(series.start), "values": [_rounded(_known(v)) for v in series.values[0].tolist()],
        "measured": ms(series.watermark), "f_start": ms(forecast.first_target),
        "q10": [_rounded(v) for v in forecast.q10], "q50": [_rounded(v) for v in forecast.q50],
        "q90": [_rounded(v) for v in forecast.q90], "issued": ms(forecast.issued_at), "model": forecast.model,
        "version": forecast.model_version, "watermark": ms(forecast.watermark),
        "fallback": {lang: reason(forecast.fallback_reason, lang) for lang in LANGUAGES} if forecast.fallback_reason else None,
        "source": "forecast, observation · storage.overview.find_ahead", "how": "how.forecast",
    }  # fmt: skip


def _known(number: float) -> float | None:
    return number if number == number else None


def _rounded(number: float | None) -> float | int | None:
    """A number in DIGITS significant digits, whole ones as they are; what is not finite is None."""
    if number is None or isinstance(number, int):
        return number
    if number != number or number in (float("inf"), float("-inf")):
        return None
    short = float(f"{number:.{DIGITS}g}")
    return round(number) if abs(number) >= 10 ** (DIGITS - 1) else int(short) if short.is_integer() else short
