"""Anomalies: what was odd about a series, since when, and why; in three lanes that go to different people.

Data quality goes to maintenance, an insight to whoever explores the data, a warning to the duty officer. A cause carries the
words of its sentence with places for the values that were stored with it, so that the sentence can be shown in any language.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from domain.labels import Labelled


class Lane(Labelled):
    """Whom an anomaly concerns."""

    QUALITY = "quality", "数据质量", "data quality"
    INSIGHT = "insight", "异常提示", "insight"
    WARNING = "warning", "预警", "warning"


class Oddity(Labelled):
    """What is odd."""

    STUCK = "stuck", "数值卡滞", "stuck"
    SILENT = "silent", "静默", "silent"
    JUMP = "jump", "跳变", "jump"
    DRIFT = "drift", "漂移", "drift"
    SHIFT = "shift", "水平偏移", "level shift"
    UNUSUAL_HOUR = "unusual_hour", "偏离同时段", "unusual for the hour"
    UNUSUAL_LEVEL = "unusual_level", "偏离近期水平", "unusual level"
    NEW_EXTREME = "new_extreme", "新极值", "new extreme"
    RESTLESS = "restless", "波动异常", "unusual unrest"
    BREACH = "breach", "超出预测区间", "outside the forecast"
    STATION = "station", "与同站传感器不符", "at odds with its station"
    CEASELESS = "ceaseless", "持续不归零", "never back to zero"
    LIMIT = "limit", "越限", "limit exceeded"

    @property
    def lane(self) -> Lane:
        return _LANES.get(self, Lane.INSIGHT)


_LANES = {
    Oddity.STUCK: Lane.QUALITY, Oddity.SILENT: Lane.QUALITY, Oddity.JUMP: Lane.QUALITY, Oddity.DRIFT: Lane.QUALITY,
    Oddity.CEASELESS: Lane.QUALITY, Oddity.LIMIT: Lane.WARNING,
}  # fmt: skip

_WORDS: dict[Oddity, tuple[str, str]] = {
    Oddity.STUCK: ("自 {since} 起一直为 {value}", "unchanged at {value} since {since}"),
    Oddity.SILENT: (
        "自 {since} 起 {waited} 无数据，通常每 {interval} 一条",
        "nothing came for {waited} since {since}, usually every {interval}",
    ),
    Oddity.JUMP: (
        "由 {before} 跳至 {value}，此处预期 {low}–{high}",
        "jumped from {before} to {value} where {low}–{high} was expected, at {since}",
    ),
    Oddity.DRIFT: (
        "自 {since} 起逐渐偏离：近一天平均偏 {off}，通常不超过 {reach}",
        "creeps away since {since}: the last day was {off} off the usual of its hours on average, {reach} is common",
    ),
    Oddity.SHIFT: (
        "自 {since} 起持续偏离：{value}，此时段通常 {low}–{high}",
        "{value} stays outside the usual {low}–{high} of these hours since {since}",
    ),
    Oddity.UNUSUAL_HOUR: (
        "{value} 超出该时段通常的 {low}–{high}，自 {since} 起",
        "{value} is outside the usual {low}–{high} of this hour since {since}",
    ),
    Oddity.UNUSUAL_LEVEL: (
        "{value} 超出近期通常的 {low}–{high}，自 {since} 起",
        "{value} is outside the usual {low}–{high} of late since {since}",
    ),
    Oddity.NEW_EXTREME: (
        "{value} 超出以往全部数据的 {low}–{high}，自 {since} 起",
        "{value} is outside {low}–{high}, all that was seen before, since {since}",
    ),
    Oddity.RESTLESS: (
        "自 {since} 起波动为通常的 {ratio} 倍，当前 {value}",
        "varies {ratio} times as much as usual since {since}, now {value}",
    ),
    Oddity.BREACH: (
        "{value} 超出预测的 {low}–{high}，自 {since} 起",
        "{value} is outside the forecast {low}–{high} since {since}",
    ),
    Oddity.STATION: (
        "{value} 与同站其他传感器不符，应在 {low}–{high}，自 {since} 起",
        "{value} does not fit the other sensors of its station, {low}–{high} would, since {since}",
    ),
    Oddity.CEASELESS: ("自 {since} 起未归零，当前 {value}", "not back to zero since {since}, now {value}"),
    Oddity.LIMIT: (
        "{value} 超出限值 {low}–{high}，自 {since} 起",
        "{value} is outside the limits {low}–{high} since {since}",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One event of one series. `value`, `low` and `high` (the usual band) are in the unit of the series; `score` is from 0 to 1.

    `extras` fill the words besides: "before" (jump), "waited_s" and "interval_s" (silent), "off" and "reach" (drift), "ratio"
    (restless).
    """

    datastream_id: int
    detected_at: datetime
    since: datetime
    cause: Oddity
    value: float
    low: float
    high: float
    score: float
    extras: tuple[tuple[str, float], ...] = ()

    @property
    def lane(self) -> Lane:
        return self.cause.lane

    def sentence(self, lang: str, zone: tzinfo) -> str:
        """Why, in words, with local times."""
        extras = dict(self.extras)
        said = {
            "value": figure(self.value), "low": figure(self.low), "high": figure(self.high),
            "since": _clock(self.since, self.detected_at, zone), "before": figure(extras.get("before", self.value)),
            "waited": _lasting(extras.get("waited_s", 0.0), lang), "interval": _lasting(extras.get("interval_s", 0.0), lang),
            "off": f"{'+' if extras.get('off', 0.0) > 0 else ''}{figure(extras.get('off', 0.0))}",
            "reach": figure(extras.get("reach", 0.0)), "ratio": figure(extras.get("ratio", 1.0)),
        }  # fmt: skip
        return _WORDS[self.cause][0 if lang == "zh" else 1].format(**said)


LONGEST_WHOLE = 1e9


def figure(n: float) -> str:
    """A number to be read: three digits, whole from 100 on, with its power of ten where that would be too long."""
    if math.isinf(n):
        return "∞" if n > 0 else "−∞"
    if abs(n) >= LONGEST_WHOLE:
        return f"{n:.1e}"
    if abs(n) >= 100:
        return f"{n:.0f}"
    return f"{n:.3g}" if abs(n) >= 1e-3 or n == 0 else f"{n:.1e}"


def _clock(moment: datetime, now: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%H:%M}" if now - moment < timedelta(hours=18) else f"{local:%Y-%m-%d %H:%M}"


def _lasting(seconds: float, lang: str) -> str:
    for length_s, zh, en in ((86_400.0, "天", "d"), (3_600.0, "小时", "h"), (60.0, "分钟", "min")):
        if seconds >= (2 if length_s == 86_400.0 else 1) * length_s:
            return f"{figure(seconds / length_s)} {zh if lang == 'zh' else en}"
    return f"{figure(seconds)} {'秒' if lang == 'zh' else 's'}"
