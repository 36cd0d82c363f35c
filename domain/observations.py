"""Observations: what a device measured, how far it can be trusted, how old it is.

`phenomenon_time` is when it was measured, `received_time` when it reached us. "Latest" always means latest measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.labels import Labelled
from domain.sensors import DeviceMode, DeviceState

FUTURE_TOLERANCE = timedelta(minutes=5)
"""How far ahead of our clock a device's clock may run before its reading is refused."""


class Quality(Labelled):
    """How far a stored value can be trusted. Stored as `code`, a small integer."""

    GOOD = "good", "正常", "good"
    UNCERTAIN = "uncertain", "存疑", "uncertain"
    BAD = "bad", "异常", "bad"
    SIMULATED = "simulated", "模拟", "simulated"
    BACKFILLED = "backfilled", "补录", "back-filled"

    @property
    def code(self) -> int:
        return _QUALITY_CODES[self]

    @classmethod
    def from_code(cls, code: int) -> Quality:
        return _QUALITY_BY_CODE[code]


_QUALITY_CODES = {quality: code for code, quality in enumerate(Quality)}
_QUALITY_BY_CODE = {code: quality for quality, code in _QUALITY_CODES.items()}

USABLE_QUALITY_CODES: tuple[int, ...] = tuple(q.code for q in (Quality.GOOD, Quality.SIMULATED, Quality.BACKFILLED))
"""Qualities that rollups, forecasts and rules may count."""


class Freshness(Labelled):
    """How current the newest value of a datastream is."""

    FRESH = "fresh", "实时", "live"
    LATE = "late", "延迟", "late"
    STALE = "stale", "过期", "stale"
    SILENT = "silent", "失联", "silent"
    NEVER = "never", "从未上报", "never seen"


FRESH_UNTIL: tuple[tuple[Freshness, float], ...] = ((Freshness.FRESH, 2), (Freshness.LATE, 3), (Freshness.STALE, 10))
"""Up to how many intervals of its device a value counts as what: fresh up to two, because one reading may be under way. Older
than all of these it is silent."""

SHORTEST_INTERVAL_S = 5.0
"""No interval counts as shorter, so that network jitter alone does not grey out a value."""

SETTLED_BY_STATE: dict[tuple[str, str], Freshness] = {
    (DeviceMode.ON_CHANGE, DeviceState.OFFLINE): Freshness.SILENT,
}
"""(mode, state) → freshness where the age does not matter: of a device that speaks only on change its Last Will, or that of its
gateway, says when it is no longer there."""

JUDGED_BY_WORD: tuple[str, ...] = (DeviceMode.ON_CHANGE,)
"""Modes of devices whose values stand as long as the device is heard."""


def word_age_s(at: datetime, measured: datetime | None, heard: datetime | None, mode: str) -> float | None:
    """The age of what a device is judged by at a moment, in seconds; None: it never measured anything.

    That is its newest value or, if it speaks on change, its last word of any kind (`heard`: value, heartbeat or birth): a value
    stands as long as its device is heard.
    """
    if measured is None:
        return None
    if mode in JUDGED_BY_WORD and heard is not None and measured < heard <= at:
        measured = heard
    return (at - measured).total_seconds()


def freshness(
    age_s: float | None, interval_s: float, mode: str = DeviceMode.PERIODIC, state: str = DeviceState.UNKNOWN
) -> Freshness:
    """Freshness of what was said `age_s` seconds ago (`word_age_s`; None: nothing was ever measured).

    A periodic device is judged by the interval at which it speaks, whatever it says of itself; one that speaks on change by the
    interval of its heartbeat, and is silent when it is known to be offline. That it once said it was online keeps nothing fresh:
    whoever stands behind a gateway has no Last Will. Browsers that age values between two
    frames are told these same numbers (`layouts.page.PageFacts`).
    """
    if age_s is None:
        return Freshness.NEVER
    settled = SETTLED_BY_STATE.get((mode, state))
    if settled is not None:
        return settled
    unit_s = max(interval_s, SHORTEST_INTERVAL_S)
    return next((name for name, intervals in FRESH_UNTIL if age_s <= intervals * unit_s), Freshness.SILENT)


LATE_FLOOR_S = 30.0
"""A reading is late when it arrives later after its measurement than its device's interval, and than this."""


class Reading(NamedTuple):
    """One measured value of one property of one device. A named tuple, because a city sends hundreds of thousands a minute and
    a frozen dataclass takes five times as long to make.

    `item` names the service for values that a hall reports per service, and is empty otherwise.
    `unit` is the UCUM code the device sent, or None when it relies on its birth message.
    """

    device_id: str
    property: str
    phenomenon_time: datetime
    received_time: datetime
    value: float
    quality: Quality = Quality.GOOD
    seq: int | None = None
    unit: str | None = None
    item: str = ""
    is_correction: bool = False


class RejectionCode(Labelled):
    """Why a message, or a part of one, could not be stored."""

    UNKNOWN_TOPIC = "unknown_topic", "主题不符", "unknown topic"
    UNKNOWN_KIND = "unknown_kind", "种类未知", "unknown kind"
    TOO_LARGE = "too_large", "报文过大", "too large"
    NUL_CHARACTER = "nul_character", "含空字符", "NUL character"
    BROKEN_JSON = "broken_json", "JSON 损坏", "broken JSON"
    MALFORMED = "malformed", "内容不合规", "malformed"
    NOT_A_NUMBER = "not_a_number", "数值无效", "not a number"
    FUTURE = "future", "时间超前", "ahead of time"
    CLOCK_NOT_SET = "clock_not_set", "时钟未校", "clock not set"
    IMPOSSIBLE_POSITION = "impossible_position", "位置无效", "impossible position"
    UNKNOWN_CRS = "unknown_crs", "坐标系未知", "unknown coordinate system"
    UNKNOWN_EVENT = "unknown_event", "事件未知", "unknown event"
    UNSTORABLE = "unstorable", "无法入库", "cannot be stored"
    RATE_LIMITED = "rate_limited", "发送过密", "sends too often"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message, or a part of one, that cannot be stored: kept as a dead letter with the reason.

    `reason` is the English sentence; `detail` holds the reason's word and what fills its sentence in any language
    (`domain.rejections`). `is_again`: the broker says that it has brought the message before, and may not know what became of it.
    """

    topic: str
    payload: bytes
    received_time: datetime
    code: str
    reason: str
    device_id: str | None = None
    detail: tuple[tuple[str, str], ...] = ()
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class PropertySpec:
    """What a birth message says of one property; limits are None where the device gave none."""

    name: str
    unit: str | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceBirth:
    """What a device says of itself: type, place (WGS-84, origin kept), interval, properties."""

    device_id: str
    received_time: datetime
    phenomenon_time: datetime
    type_name: str
    lon: float | None
    lat: float | None
    crs_origin: str
    interval_s: float
    mode: str
    properties: tuple[PropertySpec, ...]
    name: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """What else the birth said in plain words (kind and capabilities of a unit, for example)."""


@dataclass(frozen=True, slots=True)
class DeviceStateReport:
    """Online or offline, said by the device or by its Last Will."""

    device_id: str
    phenomenon_time: datetime
    received_time: datetime
    state: str


@dataclass(frozen=True, slots=True)
class RawFields:
    """Fields of a message that this version does not know: kept as they came."""

    device_id: str
    message_id: str
    phenomenon_time: datetime
    received_time: datetime
    fields_json: str
