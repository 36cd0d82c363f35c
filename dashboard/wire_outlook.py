"""The wire of the forecasts page: series found, one series with everything about it, how well all are served, as compact JSON.
Pure; times are milliseconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from dashboard.figures.accuracy import LEADS_H, Accuracy, Badly, Contestant, Served, by_series
from dashboard.wire import Json, ms
from domain.forecasts import Forecast
from domain.halls import ServiceItem
from domain.scores import Champion, Tally
from domain.sensors import PROPERTIES, SensorKind
from forecasting.cards import CARDS, Card
from forecasting.champions import REFERENCE
from forecasting.champions import sentence as why
from forecasting.models.registry import MODELS
from forecasting.reasons import sentence as reason
from layouts.words import CATALOGUE, LANGUAGES, english_unit
from storage.anomalies import StoredAnomaly
from storage.outlook import CITY, HALL, Named, SeriesOutlook, Standing

DIGITS = 5
"""Significant digits of values."""


def named(of: Named) -> Json:
    """A series by its words: who, what of it, in which unit."""
    return {
        "id": of.series_id, "key": of.derived.key if of.derived else None, "group": of.group, "device": of.device_id,
        "district": of.district_code,
        "name": {lang: _name(of, lang) for lang in LANGUAGES}, "what": {lang: _what(of, lang) for lang in LANGUAGES},
        "unit": {lang: _unit(of, lang) for lang in LANGUAGES},
    }  # fmt: skip


def _name(of: Named, lang: str) -> str:
    given = (of.name_zh or of.name_en) if lang == "zh" else (of.name_en or of.name_zh)
    if of.derived is not None:
        return (given or of.derived.hall_id) if of.group == HALL else CATALOGUE["outlook.city"][LANGUAGES.index(_lang(lang))]
    return given or " / ".join(of.device_id.split("/")[2:])


def _what(of: Named, lang: str) -> str:
    if of.derived is not None:
        return of.derived.what(lang)
    known = PROPERTIES.get(of.property)
    item = ServiceItem.known(of.item) if of.item else None
    words = [known.label(lang) if known else of.property, item.label(lang) if item else of.item]
    return " · ".join(word for word in words if word)


def _unit(of: Named, lang: str) -> str:
    if of.derived is not None:
        return of.derived.unit(lang)
    known = PROPERTIES.get(of.property)
    if known is None or of.unit not in (None, known.unit):
        return of.unit or ""
    return known.zh_unit if lang == "zh" else english_unit(known.unit)


def _lang(lang: str) -> str:
    return "zh" if lang == "zh" else "en"


def standing(of: Standing) -> Json:
    return named(of.named) | {
        "issued": ms(of.issued_at), "model": model(of.model) if of.model else None, "fallback": _reason(of.fallback_reason),
    }  # fmt: skip


def model(name: str, version: str = "") -> Json:
    """A model by its words; one of another version by its name."""
    known = MODELS.get(name)
    return {"key": name, "version": version, **{lang: known.label(lang) if known else name for lang in LANGUAGES}}


def series(o: SeriesOutlook, zone: ZoneInfo) -> Json:
    """One series: the values of its slots, what is and what was a day ago expected of it, its scores by lead, who speaks for it
    and why, what was odd about it."""
    return {
        "t": ms(o.moment.at), "series": named(o.named), "measured": ms(o.measured_at),
        "values": {"start": ms(o.start), "step_s": o.step_s, "values": [_rounded(v) for v in o.values.tolist()]},
        "forecast": forecast(o.forecast) if o.forecast else None,
        "earlier": forecast(o.earlier) if o.earlier else None,
        "scores": [{"lead_h": lead, **_tally(tally)} for (_, lead), tally in sorted(by_series(o.scores).items())],
        "models": [model(name) for name in sorted({row.model for row in o.scores})],
        "champion": champion(o.champion) if o.champion else None,
        "anomalies": [anomaly(row, zone) for row in o.anomalies],
    }  # fmt: skip


def forecast(f: Forecast) -> Json:
    """Quantiles of the 5th and 95th percentile are null where they were not issued."""
    quantiles = {name: [_rounded(v) for v in getattr(f, name)] or None for name in ("q05", "q10", "q50", "q90", "q95")}
    return {
        "issued": ms(f.issued_at), "start": ms(f.first_target), "step_s": f.step_s, "model": model(f.model, f.model_version),
        "fallback": _reason(f.fallback_reason), "watermark": ms(f.watermark), **quantiles,
    }  # fmt: skip


def champion(c: Champion) -> Json:
    contest = sorted(c.contest.items(), key=lambda item: item[1])
    return {
        "model": model(c.model), "crowned": c.model != REFERENCE, "since": ms(c.since), "decided": ms(c.decided_at),
        "reason": {lang: why(c.reason, lang) for lang in LANGUAGES} if c.reason else None,
        "contest": [{"model": model(name), "ratio": _rounded(ratio)} for name, ratio in contest],
    }  # fmt: skip


def anomaly(row: StoredAnomaly, zone: ZoneInfo) -> Json:
    a = row.anomaly
    return {
        "id": row.anomaly_id, "series": a.datastream_id, "lane": a.lane.value, "cause": a.cause.value,
        "lane_words": {lang: a.lane.label(lang) for lang in LANGUAGES},
        "words": {lang: a.cause.label(lang) for lang in LANGUAGES},
        "sentence": {lang: a.sentence(lang, zone) for lang in LANGUAGES}, "since": ms(a.since), "detected": ms(a.detected_at),
        "ended": ms(row.ended_at), "value": _rounded(a.value), "score": _rounded(a.score),
    }  # fmt: skip


def service(
    found: Accuracy, contest: Sequence[Contestant], at: int | None, since: str, anomalies: Mapping[str, int],
    undecreed: Sequence[int],
) -> Json:  # fmt: skip
    """How well all series are served; `at` in ms, `since` the first day of the scores, `anomalies` by lane of the last day;
    `undecreed`: years to be foreseen whose days off are not known."""
    return {
        "t": at, "since": since, "leads": LEADS_H, "series": found.n_series, "foreseen": found.n_foreseen,
        "fallbacks": found.n_fallback, "total": _served(found.total), "rows": [_served(row) for row in found.rows],
        "worst": [_badly(row) for row in found.worst], "anomalies": dict(anomalies), "undecreed": list(undecreed),
        "contest": [_contestant(row) for row in contest],
        "cards": [card(name, CARDS[name], found.models.get(name, 0)) for name in MODELS if name in CARDS],
    }  # fmt: skip


def card(name: str, of: Card, n_series: int) -> Json:
    return {
        "model": model(name, MODELS[name].version), "n": n_series, "source": of.source,
        "parts": {
            part: dict(zip(LANGUAGES, getattr(of, part), strict=True)) for part in ("what", "needs", "strengths", "limits")
        },
    }  # fmt: skip


def _served(row: Served) -> Json:
    return {
        "group": row.group, "group_words": _group(row.group), "model": model(row.model) if row.model else None,
        "series": row.n_series, "n": row.n, "ratios": {str(lead): _rounded(ratio) for lead, ratio in row.ratios.items()},
        "worse": _rounded(row.worse), "in_80": _rounded(row.coverage_80), "in_90": _rounded(row.coverage_90),
    }  # fmt: skip


def _contestant(row: Contestant) -> Json:
    return {
        "group": row.group, "group_words": _group(row.group), "model": model(row.model), "series": row.n_series, "n": row.n,
        "ratio": _rounded(row.ratio), "worse": _rounded(row.worse), "crowned": row.crowned,
    }  # fmt: skip


def _group(group: str | None) -> Json | None:
    if group is None:
        return None
    if group in (HALL, CITY):
        return dict(zip(LANGUAGES, CATALOGUE[f"outlook.group.{group}"], strict=True))
    kind = next((kind for kind in SensorKind if kind.type_name == group), None)
    return {lang: kind.label(lang) if kind else group for lang in LANGUAGES}


def _badly(row: Badly) -> Json:
    return standing(row.standing) | {"lead_h": row.lead_h, **_tally(row.tally)}


def _tally(t: Tally) -> Json:
    return {
        "n": t.n, "error": _rounded(t.mean_error), "ratio": _rounded(t.against_reference), "in_80": _rounded(t.coverage_80),
        "in_90": _rounded(t.coverage_90),
    }  # fmt: skip


def _reason(stored: str) -> Json | None:
    return {lang: reason(stored, lang) for lang in LANGUAGES} if stored else None


def _rounded(number: float | None) -> float | None:
    """In DIGITS significant digits; None for what is no number."""
    if number is None or number != number or number in (float("inf"), float("-inf")):
        return None
    return float(f"{number:.{DIGITS}g}")
