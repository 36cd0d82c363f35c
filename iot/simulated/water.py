"""Water: rain becomes the level of streams and of the river, and the depth in underpasses. Metres, seconds, millimetres an hour.

Level. What falls on a basin reaches the gauge after its time in the channel (iot.simulated.basins) and raises the water there
as in a linear reservoir: dz/dt = r·i − z ÷ K, with i the mean rain over the basin in mm/h, r the rise in metres per millimetre
and K the time constant in hours (Chow, Maidment, Mays: Applied Hydrology, 1988, section 8.5). The river also feels the tide
(principal lunar semidiurnal period, 12.42 h), less so upstream.

Depth. An underpass is a box of `area_m2`: dV/dt = ψ·i′·F − Q, the rational method with ψ = 0.9 for paved ground (GB 50014-2021,
table of runoff coefficients) on its catchment F, less what its pumps lift into the nearest watercourse; depth = V ÷ area. What
falls reaches the lowest point in the mean after `INLET_S`, di′/dt = (i − i′) ÷ τ (5–15 minutes over the ground, ibid.). Pumps
lift less the higher that water stands: on a pump's curve H = H₀ − k·Q² they give Q = Q₀·√(1 − z ÷ M) where it has risen by z, M
being what their head exceeds the usual lift by; and nothing without mains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from gis_data.city import City, Place
from iot.plane import Floats
from iot.scenarios import Downpour, PowerCut, Scene
from iot.simulated.basins import Basin, Basins
from iot.simulated.chance import drift, key, normal
from iot.simulated.sites import Sites
from iot.simulated.weather import DAY_S, HOUR_S, SPELL_S, Weather

TIDE_PERIOD_S, TIDE_REACH_M = 12.4206 * HOUR_S, 45_000.0
STEP_S = 60.0
SCENES_KEPT = 32


class Reservoir(NamedTuple):
    """Rise per millimetre of rain over the basin, and time constant."""

    rise_m_per_mm: float
    constant_s: float


RIVER = Reservoir(0.025, 5 * HOUR_S)
STREAM = Reservoir(0.045, 1.2 * HOUR_S)


def spell_rise_m(reservoir: Reservoir, weather: Weather, time_s: ArrayLike) -> Floats:
    """Rise from the rain over the whole country (Weather.spell_mm_h), solved: with sin² = (1 − cos) ÷ 2, a spell of length L
    that began u hours ago at ω = 2π ÷ L has by then added r·i₀·K ÷ 2 · [1 − e^(−u/K) − (cos ωu + ωK·sin ωu − e^(−u/K)) ÷ (1 +
    ω²K²)], and after its end dies away as e^(−t/K)."""
    time_s = np.asarray(time_s, dtype=float)
    spell = np.floor(time_s / SPELL_S)
    constant_h, length_h = reservoir.constant_s / HOUR_S, SPELL_S / HOUR_S
    since_h = time_s / HOUR_S - spell * length_h
    omega = 2 * np.pi / length_h
    fallen = np.exp(-since_h / constant_h)
    wave = (np.cos(omega * since_h) + omega * constant_h * np.sin(omega * since_h) - fallen) / (1 + (omega * constant_h) ** 2)
    rise = weather.spell_height_mm_h(spell) * constant_h / 2 * (1 - fallen - wave)
    one_spell = math.exp(-length_h / constant_h)
    at_end = constant_h / 2 * (1 - one_spell) * (1 - 1 / (1 + (omega * constant_h) ** 2))
    n_past = math.ceil(7 / (length_h / constant_h))  # e⁻⁷ is less than a gauge resolves
    for k in range(n_past):
        rise = rise + weather.spell_height_mm_h(spell - 1 - k) * at_end * one_spell**k * fallen
    return np.asarray(reservoir.rise_m_per_mm * rise)


def stored_m(reservoir: Reservoir, rain_mm_h: Floats, step_s: float) -> Floats:
    """Rise at the end of each step from the rain of steps along the last axis, dry before: z′ = z·e^(−Δ/K) + r·i·K·(1 −
    e^(−Δ/K))."""
    kept = math.exp(-step_s / reservoir.constant_s)
    gain = reservoir.rise_m_per_mm * reservoir.constant_s / HOUR_S * (1 - kept)
    return np.asarray(lfilter([gain], [1.0, -kept], rain_mm_h, axis=-1))


class Levels:
    """How far rain has raised the water at some points of watercourses, above what it would be."""

    def __init__(self, basins: Sequence[Basin | None]) -> None:
        self._basins = tuple(basins)
        cells = dict.fromkeys(cell for b in self._basins if b for cell in zip(b.lon, b.lat, strict=True))
        numbers = {cell: k for k, cell in enumerate(cells)}
        self._lon, self._lat = (np.array([cell[axis] for cell in cells], dtype=float)[:, None] for axis in (0, 1))
        self._cells = [np.array([numbers[cell] for cell in zip(b.lon, b.lat, strict=True)]) if b else None for b in self._basins]
        self._is_river = np.array([b is not None and b.is_river for b in self._basins], dtype=bool)
        self._has_water = np.array([b is not None for b in self._basins], dtype=bool)
        self._lag_s = np.array([float(np.mean(b.delay_s)) if b else 0.0 for b in self._basins])[:, None]
        self._tables: dict[Downpour, Floats] = {}

    def rise_m(self, weather: Weather, time_s: Floats, scenes: Sequence[Scene], which: NDArray[np.intp] | None = None) -> Floats:
        """Rise at the points (all, or those of the numbers `which`) at moments (t or n × t): n × t. Rain over the whole country
        comes with the mean delay of a basin, a downpour from each square with its own."""
        picked = np.arange(len(self._basins)) if which is None else which
        rise = np.zeros(np.broadcast_shapes((len(picked), 1), time_s.shape))
        lagged = np.broadcast_to(time_s, rise.shape) - self._lag_s[picked]
        for reservoir, of in ((RIVER, self._is_river[picked]), (STREAM, self._has_water[picked] & ~self._is_river[picked])):
            if of.any():
                rise[of] = spell_rise_m(reservoir, weather, lagged[of])
        for scene in scenes:
            if isinstance(scene, Downpour):
                rise += self._of_downpour(scene, time_s, picked)
        return rise

    def _of_downpour(self, scene: Downpour, time_s: Floats, picked: NDArray[np.intp]) -> Floats:
        place = (np.asarray(time_s, dtype=float) - scene.start_s) / STEP_S
        if not self._cells or place.max() <= 0 or time_s.min() >= scene.end_s:
            return np.zeros(np.broadcast_shapes((len(picked), 1), time_s.shape))
        table = self._table(scene)[picked]
        place = np.broadcast_to(place, (len(picked), place.shape[-1])).clip(0, table.shape[1] - 1.001)
        at = place.astype(np.intp)
        rows = np.arange(len(picked))[:, None]
        return np.asarray(table[rows, at] * (1 - (place - at)) + table[rows, at + 1] * (place - at))

    def _table(self, scene: Downpour) -> Floats:
        """Rise at all points in steps from the beginning of a downpour to its end; made once."""
        if scene not in self._tables:
            if len(self._tables) >= SCENES_KEPT:
                del self._tables[next(iter(self._tables))]
            n_rain = math.ceil((scene.rains_until_s - scene.start_s) / STEP_S)
            n = math.ceil((scene.end_s - scene.start_s) / STEP_S) + 2
            moments = scene.start_s + STEP_S * (np.arange(n_rain) + 0.5)
            rain = scene.rain_mm_h(self._lon, self._lat, moments) if len(self._lon) else np.zeros((0, n_rain))
            table = np.zeros((len(self._basins), n))
            for row, basin, cells in zip(table, self._basins, self._cells, strict=True):
                if basin is None or cells is None:
                    continue
                wet = rain[cells] * np.array(basin.share)[:, None]
                steps = (np.array(basin.delay_s) / STEP_S).round().astype(np.intp)[:, None] + 1 + np.arange(n_rain)
                inflow = np.asarray(np.bincount(steps.ravel(), wet.ravel(), minlength=n)[:n], dtype=float)
                row[:] = stored_m(RIVER if basin.is_river else STREAM, inflow, STEP_S)
            self._tables[scene] = table
        return self._tables[scene]


def gauge_values(
    weather: Weather, levels: Levels, sites: Sites, time_s: Floats, scenes: Sequence[Scene], which: NDArray[np.intp] | None = None
) -> dict[str, Floats]:
    """What gauges (n) read at moments (t or n × t), metres above their zeros: arrays n × t. `which` are their numbers in
    `levels`."""
    keys, tide_share = sites.keys, sites.traits["tide_share"]
    base = np.where(sites.traits["is_river"] > 0, 1.7, 0.9) + 0.12 * normal(keys, 0)
    flow = 0.18 * drift(key(weather.seed, "river"), time_s, 4 * DAY_S)
    # The tide arrives upstream an hour later than at the mouth.
    tide = 0.65 * tide_share * np.cos(2 * np.pi * (time_s - HOUR_S * (1 - tide_share)) / TIDE_PERIOD_S)
    ripple = 0.008 * drift(keys + np.uint64(3), time_s, 90.0)
    return {"waterLevel": base + flow + tide + levels.rise_m(weather, time_s, scenes, which) + ripple}


# Underpasses ---------------------------------------------------------------------------------------------------------------

RUNOFF = 0.9
INLET_S = 600.0
HEAD_MARGIN_M = 2.5
BRIM_M = 4.0
"""Headroom of an urban road is 4.5 m: above four metres the water finds another way."""

WADING_DEPTH_M = 0.27
"""Where a small car's exhaust drowns: depth at which Chinese cities close an underpass."""

HEAVIEST_SPELL_MM_H = 15.0
MEASURES = ("catchment_ha", "pump_m3_s", "area_m2")


@dataclass(frozen=True, eq=False)
class Underpasses:
    """The underpasses of a city as columns (n × 1), and the levels of the waters that their pumps lift into."""

    ids: tuple[str, ...]
    lon: Floats
    lat: Floats
    catchment_m2: Floats
    pump_m3_s: Floats
    area_m2: Floats
    levels: Levels
    _tables: dict[tuple[object, ...], Floats] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(city: City) -> Underpasses:
        """From its places."""
        basins = Basins(city)
        return underpasses([(p.id, p.lon, p.lat, p.attributes, basins.at(p.lon, p.lat)) for p in known_underpasses(city)])

    def depth_m(
        self, weather: Weather, time_s: ArrayLike, scenes: Sequence[Scene], which: NDArray[np.intp] | None = None
    ) -> Floats:
        """Water at the deepest point of the underpasses (all, or those of the numbers `which`) at moments (t or n × t): n × t.

        Integrated in steps of a minute over each day (UTC) from the beginning of the day before, when an underpass is taken to
        be dry unless the scenes say otherwise; between the minutes a straight line.
        """
        times = np.atleast_1d(np.asarray(time_s, dtype=float))
        picked = np.arange(len(self.ids)) if which is None else which
        depth = np.zeros(np.broadcast_shapes((len(picked), 1), times.shape))
        if not depth.size:
            return depth
        first, last = float(times.min()), float(times.max())
        downpours = tuple(s for s in scenes if isinstance(s, Downpour) and s.start_s < last and first < s.end_s)
        cuts = tuple(s for s in scenes if isinstance(s, PowerCut) and s.start_s < last and first < s.end_s + DAY_S)
        heaviest = RUNOFF * HEAVIEST_SPELL_MM_H / 3.6e6 * self.catchment_m2
        if not downpours and not cuts and (heaviest < self.pump_m3_s * math.sqrt(1 - 1 / HEAD_MARGIN_M)).all():
            return depth  # spells alone raise no water by a metre, and no pump is overcome by one
        wide = np.broadcast_to(times, depth.shape)
        day = np.floor(times / DAY_S)
        for number in range(int(day.min()), int(day.max()) + 1):
            of_day = np.broadcast_to(day == number, depth.shape)
            if of_day.any():
                rows, columns = np.nonzero(of_day)
                place = (wide[rows, columns] - number * DAY_S) / STEP_S
                at = place.astype(np.intp)
                table, row = self._of_day(weather, number, downpours, cuts), picked[rows]
                depth[rows, columns] = table[row, at] * (1 - (place - at)) + table[row, at + 1] * (place - at)
        return depth

    def _of_day(self, weather: Weather, day: int, downpours: tuple[Downpour, ...], cuts: tuple[PowerCut, ...]) -> Floats:
        """Depth at the beginning of each minute of a day and at its end; made once."""
        known = (weather, day, downpours, cuts)
        if known not in self._tables:
            if len(self._tables) >= SCENES_KEPT:
                del self._tables[next(iter(self._tables))]
            self._tables[known] = self._integrated(weather, day, downpours, cuts)
        return self._tables[known]

    def _integrated(self, weather: Weather, day: int, downpours: tuple[Downpour, ...], cuts: tuple[PowerCut, ...]) -> Floats:
        steps = int(DAY_S / STEP_S)
        moments = np.asarray((day - 1) * DAY_S + STEP_S * (np.arange(2 * steps) + 0.5), dtype=float)
        rain = np.repeat(weather.spell_mm_h(moments)[None, :], len(self.ids), axis=0)
        for scene in downpours:
            span = slice(*np.searchsorted(moments, (scene.start_s, scene.rains_until_s)))
            rain[:, span] += scene.rain_mm_h(self.lon, self.lat, moments[span])
        inflow = RUNOFF * after_inlet(rain, STEP_S) / 3.6e6 * self.catchment_m2
        pumped = pump_m3_s(self.pump_m3_s, self.levels.rise_m(weather, moments, downpours))
        for cut in cuts:
            pumped = np.where(cut.is_dark(self.lon, self.lat, moments), 0.0, pumped)
        return filled_m(inflow, pumped, self.area_m2, STEP_S)[:, steps:].copy()


def known_underpasses(city: City) -> list[Place]:
    """The places of kind underpass that lie in a district and of which the physics knows what it needs, in the order of ids."""
    return [p for p in city.places_of("underpass") if p.district_code and all(p.attributes.get(name) for name in MEASURES)]


def underpasses(rows: Sequence[tuple[str, float, float, Mapping[str, Any], Basin | None]]) -> Underpasses:
    """Underpasses from id, position (degrees), `MEASURES` by name, and the basin of the water that receives what is pumped."""

    def column(values: Iterable[float]) -> Floats:
        return np.array([float(value) for value in values], dtype=float)[:, None]

    catchment_ha, pumps_m3_s, area_m2 = (column(row[3][name] for row in rows) for name in MEASURES)
    return Underpasses(
        tuple(row[0] for row in rows), column(row[1] for row in rows), column(row[2] for row in rows), 10_000.0 * catchment_ha,
        pumps_m3_s, area_m2, Levels([row[4] for row in rows]),
    )  # fmt: skip


def after_inlet(rain_mm_h: Floats, step_s: float) -> Floats:
    """What has reached the lowest point at the end of each step, in mm/h over the catchment; dry before."""
    kept = math.exp(-step_s / INLET_S)
    return np.asarray(lfilter([1 - kept], [1.0, -kept], rain_mm_h, axis=-1))


def filled_m(inflow_m3_s: Floats, pumped_m3_s: Floats, area_m2: Floats, step_s: float) -> Floats:
    """Depth (n × t + 1) at the beginning and at the end of each of t steps, dry before: between nothing and the brim."""
    gained = (inflow_m3_s - pumped_m3_s) / area_m2 * step_s
    depth = np.zeros((gained.shape[0], gained.shape[1] + 1))
    rising = np.flatnonzero((gained > 0).any(axis=0))
    if len(rising):
        now = depth[:, 0]
        for k in range(int(rising[0]), gained.shape[1]):
            now = np.clip(now + gained[:, k], 0.0, BRIM_M)
            depth[:, k + 1] = now
    return depth


def pump_m3_s(rated_m3_s: ArrayLike, rise_m: ArrayLike) -> Floats:
    """What pumps lift when the water they lift into has risen."""
    left = np.clip(1 - np.asarray(rise_m, dtype=float) / HEAD_MARGIN_M, 0.0, 1.0)
    return np.asarray(np.asarray(rated_m3_s, dtype=float) * np.sqrt(left))


def underpass_values(depth_m: Floats, keys: NDArray[np.uint64], time_s: Floats) -> dict[str, Floats]:
    """What the gauges in underpasses read of a depth (n × t): ultrasound, to some millimetres."""
    return {"waterDepth": np.maximum(depth_m + 0.002 * drift(keys + np.uint64(1), time_s, 120.0), 0.0)}
