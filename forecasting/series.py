"""Series: how a datastream is laid into slots to be foreseen, and within which limits its values stay."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.sensors import PROPERTIES
from forecasting.models.shape import DAY_S


def slot_s(interval_s: float, step_s: int) -> int:
    """The slot for a device that speaks every `interval_s`: the smallest multiple of `step_s` that holds a reading and divides
    the day, so that a slot means the same time every day. A day at most."""
    return next((slot for slot in range(step_s, DAY_S, step_s) if slot >= interval_s and DAY_S % slot == 0), DAY_S)


def boundary(now: datetime, step_s: int) -> datetime:
    """The start of the slot under way at `now`, which is the first one to be foreseen. Slots are counted in UTC."""
    return datetime.fromtimestamp(now.timestamp() // step_s * step_s, tz=UTC)


def limits(property_name: str, low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """Limits of a datastream, inclusive: what its device announced; 0 below where the property cannot be negative."""
    known = PROPERTIES.get(property_name)
    if known is not None and known.non_negative:
        low = max(low, 0.0) if low is not None else 0.0
    return low, high
