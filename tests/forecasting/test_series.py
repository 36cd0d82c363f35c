from __future__ import annotations

from datetime import UTC, datetime

import pytest

from forecasting.series import boundary, limits, slot_s


@pytest.mark.parametrize(
    ("interval_s", "slot"), [(60, 900), (900, 900), (1000, 1800), (3600, 3600), (6000, 7200), (90_000, 86_400)]
)
def test_a_slot_holds_a_reading_and_divides_the_day(interval_s: float, slot: int) -> None:
    assert slot_s(interval_s, 900) == slot


def test_the_slot_under_way_is_the_first_to_be_foreseen() -> None:
    assert boundary(datetime(2026, 3, 2, 9, 14, 59, tzinfo=UTC), 900) == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert boundary(datetime(2026, 3, 2, 9, 15, tzinfo=UTC), 900) == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)


def test_what_cannot_be_negative_is_not_foreseen_so() -> None:
    assert limits("pm25", None, None) == (0.0, None)
    assert limits("pm25", -5.0, 1000.0) == (0.0, 1000.0)
    assert limits("noiseLevel", 20.0, 140.0) == (20.0, 140.0)
    assert limits("temperature", None, 60.0) == (None, 60.0)
    assert limits("somethingNew", None, None) == (None, None)
