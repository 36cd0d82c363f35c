"""Nearest, by distances one knows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.policies.nearest import great_circle_m, rank_units
from domain.units import Unit, UnitStatus

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def a_unit(unit_id: str, lon: float | None, lat: float | None = 0.0, status: UnitStatus = UnitStatus.AVAILABLE) -> Unit:
    return Unit(
        unit_id=unit_id, device_id=f"d/u/s/{unit_id}", kind="ambulance", name_zh=unit_id, name_en=unit_id, capabilities=(),
        status=status, status_since=NINE, order_id=None, lon=lon, lat=lat, position_time=NINE,
    )  # fmt: skip


def ranked(*units: Unit, limit: int = 9) -> list[str]:
    return [c.unit.unit_id for c in rank_units(units, 0.0, 0.0, speed_kmh=40, detour=1.3, limit=limit)]


def test_a_degree_of_the_equator_is_111_km() -> None:
    """2π × 6,371,008.8 m ÷ 360."""
    assert great_circle_m(0, 0, 1, 0) == pytest.approx(111_195.08, abs=0.01)
    assert great_circle_m(0, 0, 0, 1) == pytest.approx(111_195.08, abs=0.01)
    assert great_circle_m(0, 90, 123, 90) == pytest.approx(0, abs=1e-6)


def test_the_estimate_is_distance_times_detour_by_speed() -> None:
    (candidate,) = rank_units([a_unit("a", 1.0)], 0.0, 0.0, speed_kmh=100, detour=1.5, limit=1)
    assert candidate.distance_m == pytest.approx(111_195.08, abs=0.01)
    assert candidate.eta_s == pytest.approx(111_195.08 * 1.5 / 100_000 * 3600, abs=0.01)


def test_the_nearest_comes_first_and_ties_go_by_name() -> None:
    assert ranked(a_unit("far", 0.3), a_unit("b", 0.1), a_unit("a", -0.1), a_unit("near", 0.01)) == ["near", "a", "b", "far"]
    assert ranked(a_unit("far", 0.3), a_unit("near", 0.01), limit=1) == ["near"]


@pytest.mark.parametrize("status", UnitStatus)
def test_only_units_that_may_be_sent_are_proposed(status: UnitStatus) -> None:
    assert ranked(a_unit("a", 0.1, status=status)) == (["a"] if status in ("available", "returning") else [])


def test_a_unit_whose_place_is_not_known_is_not_proposed() -> None:
    assert ranked(a_unit("a", None, None)) == []


coordinates = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@given(coordinates, coordinates)
def test_distance_is_the_same_both_ways_and_never_more_than_half_round(a: tuple[float, float], b: tuple[float, float]) -> None:
    there, back = great_circle_m(*a, *b), great_circle_m(*b, *a)
    assert there == pytest.approx(back, abs=1e-3)
    assert 0 <= there <= 20_015_115
