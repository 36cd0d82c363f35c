"""Units: which UCUM codes can be turned into one another, and how. Source: The Unified Code for Units of Measure, version 2.1,
tables 2 (prefixes), 4 to 8 (units); NIST SP 811 for the foot, the inch, the mile and the psi.

Only what sensors of a city send, as a table: each code with the kind of quantity and what turns it into that kind's own unit:
x × factor + offset. Codes are case-sensitive, as UCUM's are. A gas in ppm needs its molar mass and the state of the air to become
µg/m³ and is therefore not here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

_MASS_CONCENTRATION = {
    code: (prefix / volume, 0.0)
    for mass, prefix in (("ng", 1e-9), ("ug", 1e-6), ("mg", 1e-3), ("g", 1.0), ("kg", 1e3))
    for per, volume in (("m3", 1.0), ("L", 1e-3), ("l", 1e-3), ("dm3", 1e-3), ("cm3", 1e-6), ("mL", 1e-6))
    for code in (f"{mass}/{per}",)
}
_LENGTH = {
    "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "dm": 0.1, "m": 1.0, "km": 1e3, "[in_i]": 0.0254, "[ft_i]": 0.3048, "[mi_i]": 1609.344,
}  # fmt: skip
_TIME = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_SPEED = {
    **{f"{length}/{time}": _LENGTH[length] / _TIME[time] for length in _LENGTH for time in _TIME},
    "[kn_i]": 1852 / 3600,
}
_VOLUME = {"mL": 1e-6, "ml": 1e-6, "L": 1e-3, "l": 1e-3, "dm3": 1e-3, "m3": 1.0, "[gal_us]": 3.785411784e-3}
_PRESSURE = {
    "Pa": 1.0, "hPa": 1e2, "kPa": 1e3, "MPa": 1e6, "mbar": 1e2, "bar": 1e5, "m[Hg]": 133_322.0, "mm[Hg]": 133.322,
    "m[H2O]": 9_806.65, "cm[H2O]": 98.0665, "atm": 101_325.0, "[psi]": 6_894.757293168,
}  # fmt: skip


def _plain(factors: dict[str, float]) -> dict[str, tuple[float, float]]:
    return {code: (factor, 0.0) for code, factor in factors.items()}


_KINDS: tuple[dict[str, tuple[float, float]], ...] = (
    _MASS_CONCENTRATION,
    _plain(_LENGTH),
    _plain(_TIME),
    _plain(_SPEED),
    _plain(_VOLUME),
    _plain({f"{volume}/{time}": _VOLUME[volume] / _TIME[time] for volume in _VOLUME for time in _TIME}),
    _plain(_PRESSURE),
    {"Cel": (1.0, 273.15), "K": (1.0, 0.0), "[degF]": (5 / 9, 459.67 * 5 / 9)},
    _plain({"mW": 1e-3, "W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9}),
    _plain({"uV": 1e-6, "mV": 1e-3, "V": 1.0, "kV": 1e3}),
    _plain({"uA": 1e-6, "mA": 1e-3, "A": 1.0, "kA": 1e3}),
    _plain({"1": 1.0, "%": 1e-2, "[ppth]": 1e-3, "[ppm]": 1e-6}),
    _plain({"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3_600, "/d": 1 / 86_400, "Hz": 1.0}),
    _plain({"dB": 1.0, "B": 10.0}),
)
_SIGNIFICANT = 12
"""Digits kept of a converted value: 8.2 mg is 8200 µg, not 8199.999999999999; no sensor gives as many."""


class Conversion(NamedTuple):
    """From one unit to another: x × factor + offset."""

    factor: float
    offset: float

    def of(self, value: float) -> float:
        return float(f"{value * self.factor + self.offset:.{_SIGNIFICANT}g}")


@lru_cache(maxsize=1_024)
def find_conversion(unit: str, wanted: str) -> Conversion | None:
    """How values in `unit` become values in `wanted` (UCUM codes); None when they cannot."""
    if unit == wanted:
        return Conversion(1.0, 0.0)
    for kind in _KINDS:
        if unit in kind and wanted in kind:
            (factor, offset), (own_factor, own_offset) = kind[unit], kind[wanted]
            return Conversion(factor / own_factor, (offset - own_offset) / own_factor)
    return None
