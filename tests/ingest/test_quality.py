"""Quality: doubtful values are flagged and kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.datastreams import Datastream
from domain.observations import Quality, Reading
from ingest.quality import judge

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
STREAM = Datastream(1, "990101/air/s1/a1", "pm25", "", "ug/m3", 0.0, 1000.0, 60.0)


def reading(value: float, *, quality: Quality = Quality.GOOD, unit: str | None = None) -> Reading:
    return Reading("990101/air/s1/a1", "pm25", NOW, NOW, value, quality=quality, unit=unit)


@pytest.mark.parametrize(("value", "expected"), [(0, "good"), (1000, "good"), (-0.1, "bad"), (1000.1, "bad"), (1e300, "bad")])
def test_a_value_outside_the_plausible_range_is_bad(value: float, expected: str) -> None:
    assert judge(reading(value), STREAM).quality == expected


def test_a_value_in_an_unexpected_unit_is_uncertain() -> None:
    assert judge(reading(5, unit="mg/m3"), STREAM).quality is Quality.UNCERTAIN
    assert judge(reading(5, unit="ug/m3"), STREAM).quality is Quality.GOOD


def test_a_value_in_a_unit_that_no_rule_reckons_in_is_uncertain_though_it_was_announced() -> None:
    """A gauge that announces centimetres: 120 of them are no flood of 120 m."""
    assert judge(reading(5), replace(STREAM, unit="mg/m3")).quality is Quality.UNCERTAIN
    assert judge(reading(5), replace(STREAM, unit=None)).quality is Quality.GOOD
    ours_alone = replace(STREAM, property="turbidity", unit="[NTU]")
    assert judge(reading(5)._replace(property="turbidity"), ours_alone).quality is Quality.GOOD


def test_a_devices_own_doubt_is_not_overruled() -> None:
    assert judge(reading(2000, quality=Quality.UNCERTAIN), STREAM).quality is Quality.UNCERTAIN


def test_without_known_limits_nothing_is_impossible() -> None:
    unknown = Datastream(1, "d", "x", "", None, None, None, 60.0)
    assert judge(reading(1e300), unknown).quality is Quality.GOOD


def test_a_simulated_value_stays_marked_simulated_when_it_is_plausible() -> None:
    assert judge(reading(5, quality=Quality.SIMULATED), STREAM).quality is Quality.SIMULATED
