"""Units: what can be converted, and into what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sensors import PROPERTIES
from domain.ucum import find_conversion


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        (0.041, "mg/m3", "ug/m3", 41), (8.2, "mg/m3", "ug/m3", 8200), (1, "ug/L", "ug/m3", 1000), (2, "mg/dm3", "mg/m3", 2000),
        (120, "cm", "m", 1.2), (1, "[in_i]", "mm", 25.4), (1, "[ft_i]", "m", 0.3048),
        (10, "m/s", "km/h", 36), (60, "[mi_i]/h", "km/h", 96.56064), (1, "[kn_i]", "km/h", 1.852), (36, "km/h", "m/s", 10),
        (300.15, "K", "Cel", 27), (212, "[degF]", "Cel", 100), (-40, "[degF]", "Cel", -40),
        (101_325, "Pa", "hPa", 1013.25), (1, "atm", "hPa", 1013.25), (760, "mm[Hg]", "hPa", 1013.2472), (3, "bar", "kPa", 300),
        (55, "%", "1", 0.55), (1500, "W", "kW", 1.5), (220, "V", "kV", 0.22), (10, "L/s", "m3/h", 36), (2, "/min", "/h", 120),
        (15, "min", "s", 900), (450, "mA", "A", 0.45), (5, "mm", "mm", 5),
    ],
)  # fmt: skip
def test_values_are_converted(value: float, unit: str, wanted: str, expected: float) -> None:
    conversion = find_conversion(unit, wanted)
    assert conversion is not None
    assert conversion.of(value) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    ("unit", "wanted"), [("ppm", "ug/m3"), ("[ppm]", "ug/m3"), ("m", "s"), ("MM", "m"), ("", "m"), ("kg", "m")]
)
def test_what_is_of_another_kind_or_unknown_cannot_be_converted(unit: str, wanted: str) -> None:
    assert find_conversion(unit, wanted) is None


@given(st.floats(min_value=-1e6, max_value=1e6), st.sampled_from([("mm", "[ft_i]"), ("Cel", "[degF]"), ("km/h", "[kn_i]")]))
def test_there_and_back_is_where_one_was(value: float, units: tuple[str, str]) -> None:
    there, back = find_conversion(*units), find_conversion(*reversed(units))
    assert there is not None
    assert back is not None
    assert back.of(there.of(value)) == pytest.approx(value, rel=1e-9, abs=1e-8)


def test_the_units_of_our_properties_are_codes_of_the_table_or_counts() -> None:
    """What counts people or places has annotations, which convert into nothing."""
    strange = {p.unit for p in PROPERTIES.values() if find_conversion(p.unit, p.unit) is None or p.unit.startswith("{")}
    assert strange == {"{people}", "{spots}"}
