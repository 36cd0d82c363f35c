"""Quality: why a reading, or a source, is not to be relied on; what is said of each cause, and the order in which causes count.

A reading has at most one cause, the first that holds in this order: the device doubts it itself (`DOUBTED`), its unit cannot be
converted (`UNIT`), it lies outside the plausible range (`RANGE`), it jumped and came back with the next (`SPIKE`), it repeats
what a property never repeats so long (`STUCK`), it changed faster than the property can (`RATE`). The last three look at
neighbours in the order of measurement and are judged anew when one of these comes late or is corrected, so that what is stored
does not depend on the order of arrival. The causes below them belong to a source: `LATE`, `MISSING`, and, of all that it said in
an hour, a clock that is wrong (`SKEW`) or a second device that speaks under its name (`TWIN`).
"""

from __future__ import annotations

from domain.labels import Labelled
from domain.observations import Quality

TARGET = 0.98
"""Share of what is due that a city's sources shall deliver in time and in good order."""


class Cause(Labelled):
    """Why something that was due is not good."""

    RANGE = "range", "超出量程", "out of range"
    UNIT = "unit", "单位不可换算", "unit not convertible"
    DOUBTED = "doubted", "设备自述存疑", "doubted by the device"
    RATE = "rate", "变化过快", "changed too fast"
    STUCK = "stuck", "数值卡滞", "stuck"
    SPIKE = "spike", "瞬时尖峰", "spike"
    LATE = "late", "迟到", "late"
    MISSING = "missing", "缺失", "missing"
    SKEW = "skew", "时钟偏差", "clock off"
    TWIN = "twin", "编号重用", "two devices with one id"

    @property
    def code(self) -> int:
        """The number of a reading's cause in `doubt`. Raises KeyError for a cause of sources."""
        return _CODES[self]

    @classmethod
    def from_code(cls, code: int) -> Cause:
        return _BY_CODE[code]


_CODES = {
    Cause.RANGE: 1, Cause.UNIT: 2, Cause.DOUBTED: 3, Cause.RATE: 4, Cause.STUCK: 5, Cause.SPIKE: 6,
}  # fmt: skip
_BY_CODE = {code: cause for cause, code in _CODES.items()}
READING_CAUSES: tuple[Cause, ...] = tuple(_CODES)

FIRST_OF_NEIGHBOURS = Cause.RATE.code
"""Causes from this code on follow from neighbours; readings with one below take no part in judging others."""

QUALITY_OF: dict[Cause, Quality] = {
    Cause.RANGE: Quality.BAD,
    Cause.UNIT: Quality.UNCERTAIN,
    Cause.RATE: Quality.UNCERTAIN,
    Cause.STUCK: Quality.BAD,
    Cause.SPIKE: Quality.BAD,
}
"""What is stored of a reading with that cause. A jump is doubtful until the next reading shows whether it was a spike."""

CAUSE_BITS = 4


def doubt_of(said: Quality, cause: Cause) -> int:
    """The cause with the quality the device gave, as one stored number: 16 × code of the quality + code of the cause, so that a
    reading that is cleared later is again what it was."""
    return said.code << CAUSE_BITS | cause.code


class Suspicion(Labelled):
    """What is wrong with a source as a whole. The first two are clocks, the others say that two devices share one id."""

    CLOCK_AHEAD = "clock_ahead", "时钟超前", "clock ahead"
    CLOCK_BEHIND = "clock_behind", "时钟滞后或上报延迟恒定", "clock behind, or a constant delay"
    TWO_SEQUENCES = "two_sequences", "两组序号交错", "two interleaved sequences"
    TWO_PLACES = "two_places", "位置往返变更", "position goes back and forth"
    CONTRADICTIONS = "contradictions", "同一时刻数值矛盾", "different values for one moment"


CLOCK_TOLERANCE_S = 2.0
"""How far a device's clock may be ahead: a reading cannot arrive before it was measured; NTP keeps clocks within a second."""
DELAY_TOLERANCE_S = 60.0
"""A constant delay up to this, or up to the device's interval, is nothing to remark on: the way takes a while."""
STEADY = 0.25
"""A delay is constant when its standard deviation is at most this share of its mean; a queue that empties after an outage varies
by more."""
FEWEST_DELAYS = 5
"""Readings from which a clock is judged."""
FEWEST_CONTRADICTIONS = 3
"""One message sent twice with a slip is no second device; this many within the hours looked at are."""
FEWEST_NUMBERS = 3
"""Messages that each of two sequences must have within an hour in which they overlap."""
SAME_PLACE_DEG = 0.001
"""Positions within about 100 m are one place."""


def clock_suspicion(n: int, mean_s: float, deviation_s: float, interval_s: float) -> tuple[Suspicion, float] | None:
    """What `n` delays (received − measured, seconds) say of a device's clock, and by how much it is off; None when nothing."""
    if n < FEWEST_DELAYS:
        return None
    if mean_s < -CLOCK_TOLERANCE_S:
        return Suspicion.CLOCK_AHEAD, -mean_s
    if mean_s > max(DELAY_TOLERANCE_S, interval_s) and deviation_s <= STEADY * mean_s:
        return Suspicion.CLOCK_BEHIND, mean_s
    return None
