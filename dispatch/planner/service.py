"""The planner: looks once a second whether anything has changed that a plan rests on, plans all open incidents anew when it has,
and stores what is new. It sends nobody: people do.

What a plan rests on: open incidents, units with their statuses and orders, closed roads, how fast the others are driven (every
minute), where units are (at most every `POSITIONS_EVERY`, since somebody always moves). Of two planners at once one works.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import shapely

from dispatch.arrivals import Arrivals
from dispatch.coverage import Bools, People
from dispatch.needs import card_for
from dispatch.orders import new_order_id
from dispatch.policies.assignment import Floats
from dispatch.policies.nearest import great_circle_m
from dispatch.practice import Practice
from dispatch.proposals import Cover, Crew, DrawnUp, Ground, Json, OpenCall, draw_up, is_changed
from dispatch.redeployment import best_moves
from dispatch.road_closing import PLANNER, Underpass, Water, due
from domain.closures import Closure, ClosureSource
from domain.incidents import Incident, IncidentState
from domain.moments import Moment
from domain.units import ATTENDING, SENDABLE, Unit, UnitKind, UnitStatus
from gis_data.city import ROAD_CLASSES, City, Place, load_city
from gis_data.city_roads import CityRoads, ClosedRoad
from gis_data.loops import LoopRoad, loop_roads
from gis_data.road_times import FREE, OFF_ROAD_M, Slowness, slowness_of
from storage import closures, proposals, speeds, stand_bys
from storage.connection import Connection
from storage.incidents import list_open_incidents
from storage.proposals import Recommendation
from storage.ticking import run_ticks
from storage.units import list_departments, list_units
from storage.whereabouts import list_posts

log = logging.getLogger(__name__)

TICK_S = 1.0
POSITIONS_EVERY = timedelta(seconds=10)
SPEEDS_EVERY = timedelta(seconds=60)
WATER_EVERY = timedelta(seconds=5)
PAST_EVERY = timedelta(minutes=5)
CREWS_EVERY = timedelta(seconds=60)
LOOPS_EVERY = timedelta(minutes=30)
"""New detectors are looked for this often."""
TIDIES_EVERY = timedelta(minutes=10)
PAST_SPAN = timedelta(days=14)
CREW_SPAN = timedelta(hours=24)
UNANSWERED_SPAN = timedelta(minutes=30)
KEPT, FOLLOWED_KEPT, SPEEDS_KEPT = timedelta(hours=6), timedelta(days=90), timedelta(hours=2)
"""How long recommendations stay, those that an order followed, and the slowness of roads."""
ASKING = (IncidentState.REPORTED, IncidentState.VERIFIED, IncidentState.RESPONDING)
"""States of incidents to which more units may have to go."""
BASES: Mapping[str, tuple[str, str]] = {
    UnitKind.AMBULANCE.value: ("ambulance_station", "ambulances"), UnitKind.FIRE_ENGINE.value: ("fire_station", "engines"),
}  # fmt: skip
"""Kind of unit → the kind of place it stands by at, and the attribute that says how many find room there."""
AT_BASE_M = 400.0
MOST_MOVES = 3
COARSE_DEG = 0.003
"""Some 300 m: less far nobody is taken to have moved."""
SPEED, DEPTH = "averageVehicleSpeed", "waterDepth"
LOOP_TYPE = "TrafficFlowObserved"
STATION_MASKS_KEPT = 2_000


def run(database_url: str, *, city_dir: Path, practice: Practice, stop: Event) -> None:
    """Plans until `stop` is set. Without a built city it plans by distance, and says so."""
    try:
        city: City | None = load_city(city_dir)
    except ValueError as fault:
        log.warning("%s; until then arrivals are estimated by distance", fault)
        city = None
    planner = Planner(city, practice)
    run_ticks(database_url, PLANNER, planner.tick, period_s=TICK_S, stop=stop, clock=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a plan rests on, as it was looked at."""

    incidents: list[Incident]
    units: list[Unit]
    engaged: list[proposals.Engaged]
    closures: list[Closure]
    moving: set[str]

    @property
    def events(self) -> Any:
        """What makes a plan old at once when it changes."""
        return (
            [(i.incident_id, i.grade, i.state, i.hazard_class, i.lon, i.lat) for i in self.incidents],
            [(u.unit_id, u.status, u.order_id) for u in self.units],
            [(e.order_id, e.is_open) for e in self.engaged],
            [c.closure_id for c in self.closures],
            sorted(self.moving),
        )  # fmt: skip

    @property
    def places(self) -> Any:
        """Where units are, coarsely."""
        return [None if u.lon is None or u.lat is None else (u.lon // COARSE_DEG, u.lat // COARSE_DEG) for u in self.units]


class Planner:
    """One round of looking and planning, and what it remembers between rounds. Nothing of it is lost when it dies."""

    def __init__(self, city: City | None, practice: Practice) -> None:
        self._city, self._practice = city, practice
        self._roads = _roads_of(city, practice)
        self._terrain = _Terrain.of(city, self._roads)
        self._underpasses = _underpasses(city)
        self._conn: Connection | None = None
        self._is_mine = False
        self._slowness: Slowness = FREE
        self._speeds_at: datetime | None = None
        self._loops: list[LoopRoad] = []
        self._past = Arrivals()
        self._on_order_h: dict[str, float] = {}
        self._departments: dict[str, str] = {}
        self._mute: set[str] = set()
        self._moves: list[Json] = []
        self._stored: Recommendation | None = None
        self._seen: tuple[Any, Any] | None = None
        self._planned_at: datetime | None = None
        self._done_at: dict[str, datetime] = {}
        self._masks: dict[Any, Bools] = {}
        self._totals = Counter(planned=0, stored=0)
        self._n_unmet, self._plan_ms = 0, 0.0

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Looks, plans if need be, and returns figures for the system page; `recommendation` is what holds as of now."""
        if not self._holds(conn):
            return {"is_planning": False}
        moment = Moment.live(now)
        incidents = list_open_incidents(conn, moment)
        if self._is_due("water", now, WATER_EVERY):
            self._close_and_open(conn, incidents, now)
        if self._is_due("speeds", now, SPEEDS_EVERY):
            self._look_at_speeds(conn, moment)
        if self._is_due("past", now, PAST_EVERY):
            self._look_at_past(conn, now)
        seen = _Seen(
            incidents, list_units(conn, moment), proposals.list_engaged(conn), closures.list_closures(conn, moment),
            stand_bys.list_moving(conn, now),
        )  # fmt: skip
        if self._is_due("mute", now, WATER_EVERY):
            silent = proposals.list_unanswered(conn, now, waiting_s=0, since=now - UNANSWERED_SPAN)
            moves = stand_bys.list_unanswered(conn, now, waiting_s=0, since=now - UNANSWERED_SPAN)
            self._mute = {each.unit_id for each in silent if each.lapsed_at is not None}
            self._mute |= {each.unit_id for each in moves if each.lapsed_at is not None}
        is_new_roads = self._roads is not None and self._roads.change(self._slowness, _closed_roads(seen.closures))
        if is_new_roads:
            self._masks.clear()
        if self._is_due("crews", now, CREWS_EVERY):
            self._departments = list_departments(conn)
            self._on_order_h = proposals.hours_on_orders(conn, now, CREW_SPAN)
        if is_new_roads or self._is_old(seen, now):
            self._plan(conn, seen, now)
        if self._is_due("tidy", now, TIDIES_EVERY):
            proposals.delete_recommendations(conn, now - KEPT, followed_before=now - FOLLOWED_KEPT)
            speeds.delete_road_speeds(conn, now - SPEEDS_KEPT)
        return {
            "is_planning": True, "recommendation": self._stored.recommendation_id if self._stored else None,
            "planned_total": self._totals["planned"], "stored_total": self._totals["stored"], "incidents": len(seen.incidents),
            "closures": len(seen.closures), "loops": self._slowness.n_loops, "unmet": self._n_unmet,
            "plan_ms": round(self._plan_ms, 1),
        }  # fmt: skip

    def _holds(self, conn: Connection) -> bool:
        """Whether this planner is the one that plans; on a new connection it has to ask anew, and looks at everything again."""
        if conn is not self._conn:
            self._conn, self._is_mine, self._seen = conn, False, None
            self._done_at.clear()
        if not self._is_mine:
            self._is_mine = proposals.hold_planning(conn)
            self._stored = None
        return self._is_mine

    def _is_due(self, what: str, now: datetime, every: timedelta) -> bool:
        if what in self._done_at and abs(now - self._done_at[what]) < every:
            return False
        self._done_at[what] = now
        return True

    def _is_old(self, seen: _Seen, now: datetime) -> bool:
        if self._seen is None or self._planned_at is None or self._seen[0] != (seen.events, frozenset(self._mute)):
            return True
        return abs(now - self._planned_at) >= POSITIONS_EVERY and self._seen[1] != seen.places

    def _close_and_open(self, conn: Connection, incidents: Sequence[Incident], now: datetime) -> None:
        """Closes roads that water and incidents close, and opens those whose cause has ended."""
        since = now - timedelta(seconds=self._practice.stale_speed_s)
        water = [Water(w.lon, w.lat, w.depth_m) for w in closures.list_water(conn, property_name=DEPTH, since=since)]
        found = due(
            closures.list_causes(conn), self._underpasses, water, incidents, now,
            wading_depth_m=self._practice.wading_depth_m, closes_road_m=self._practice.closes_road_m,
        )  # fmt: skip
        if found.closures or found.ended:
            with conn.transaction():
                for closure in found.closures:
                    if closures.close_road(conn, closure, now):
                        log.info("road closed by %s %s: %s", closure.source.value, closure.object_id, closure.reason)
                closures.end_causes(conn, found.ended, actor=PLANNER, now=now)

    def _look_at_speeds(self, conn: Connection, moment: Moment) -> None:
        """Measures how slow the roads are, and stores it for who draws or asks for ways."""
        if self._roads is None or self._city is None:
            return
        if self._is_due("loops", moment.at, LOOPS_EVERY) or not self._loops:
            posts = list_posts(conn, LOOP_TYPE, moment)
            self._loops = loop_roads(self._city, [(p.device_id, p.lon, p.lat) for p in posts])
        since = moment.at - timedelta(seconds=self._practice.stale_speed_s)
        measured = {s.device_id: s for s in speeds.list_loop_speeds(conn, property_name=SPEED, since=since)}
        self._slowness = slowness_of(
            (loop.rows, ROAD_CLASSES.index(loop.road_class), measured[loop.device_id].speed_kmh, loop.free_kmh)
            for loop in self._loops
            if loop.device_id in measured and loop.free_kmh and loop.road_class in ROAD_CLASSES
        )
        self._speeds_at = max((s.measured_at for s in measured.values()), default=None)
        content = {**self._slowness.as_json(), "emergency_factor": self._practice.emergency_factor}
        speeds.write_road_speed(conn, speeds.RoadSpeed(moment.at, self._slowness.n_loops, content))
        self._slowness = Slowness.from_json(content)  # as everybody else reads it

    def _look_at_past(self, conn: Connection, now: datetime) -> None:
        past = proposals.load_past(conn, now - PAST_SPAN, now)
        self._past = Arrivals.of(past.turnouts_s, past.arrivals)

    def _plan(self, conn: Connection, seen: _Seen, now: datetime) -> None:
        began = time.perf_counter()
        calls = self._calls(seen)
        crews = self._crews(seen, now)
        times_s, distances_m = self._times(seen, calls, crews)
        basis = "distance" if self._roads is None else "roads"
        arrivals = Arrivals(self._past.turnouts_s, self._past.taken, self._slowness.spread, self._slowness.n_loops)
        places = {u.unit_id: (u.lon, u.lat) for u in seen.units if u.lon is not None and u.lat is not None}
        terrain = self._terrain
        ground = Ground(basis, arrivals, terrain.people if terrain else None, lambda kind: self._cover(kind, crews, places))
        drawn = draw_up(calls, crews, times_s, distances_m, ground, self._practice)
        self._seen = (seen.events, frozenset(self._mute)), seen.places
        self._planned_at, self._n_unmet = now, drawn.n_unmet
        self._moves = self._advise(seen, crews, drawn)
        content = self._content(seen, drawn, now, basis)
        self._plan_ms = (time.perf_counter() - began) * 1000
        self._totals["planned"] += 1
        if is_changed(self._stored.content if self._stored else None, content):
            made = Recommendation(f"p{new_order_id(now, secrets.randbits(20))[1:]}", now, basis, drawn.cost, content)
            proposals.write_recommendation(conn, made)
            self._stored = made
            self._totals["stored"] += 1

    def _content(self, seen: _Seen, drawn: DrawnUp, now: datetime, basis: str) -> Json:
        newest = max((u.position_time for u in seen.units if u.position_time is not None), default=None)
        return {
            "basis": basis, "cost": round(drawn.cost, 1), "cost_unturned": round(drawn.cost_unturned, 1),
            "binds_s": self._practice.binds_s, "answer_wait_s": self._practice.answer_wait_s,
            "inputs": {
                "incidents": len(seen.incidents), "units": len(seen.units), "closures": len(seen.closures),
                "loops": self._slowness.n_loops, "speeds_at": _ms(self._speeds_at), "newest_position": _ms(newest),
            },
            "incidents": drawn.incidents, "moves": self._moves,
        }  # fmt: skip

    def _calls(self, seen: _Seen) -> list[OpenCall]:
        served: dict[str, list[frozenset[str]]] = {}
        status = {u.unit_id: u for u in seen.units}
        for bound in seen.engaged:
            unit = status.get(bound.unit_id)
            is_there = unit is not None and unit.order_id == bound.order_id and unit.status in ATTENDING
            if is_there or not bound.is_open:
                served.setdefault(bound.incident_id, []).append(frozenset(bound.capabilities))
        calls = []
        for incident in seen.incidents:
            card = card_for(self._practice.run_cards, incident.hazard_class, incident.grade)
            if incident.state in ASKING and card is not None:
                calls.append(OpenCall(incident, card, tuple(served.get(incident.incident_id, ()))))
        return calls

    def _crews(self, seen: _Seen, now: datetime) -> list[Crew]:
        held = {bound.unit_id: bound for bound in seen.engaged if bound.is_open}
        return [self._crew(u, held.get(u.unit_id), now) for u in seen.units if u.status is not UnitStatus.OUT_OF_SERVICE]

    def _crew(self, unit: Unit, bound: proposals.Engaged | None, now: datetime) -> Crew:
        is_on_it = bound is not None and unit.order_id == bound.order_id
        is_driving = is_on_it and unit.status in (UnitStatus.DISPATCHED, UnitStatus.ENROUTE)
        is_there = is_on_it and unit.status in ATTENDING
        heard = unit.position_time
        district = self._terrain.district_of(unit.lon, unit.lat) if self._terrain else None
        return Crew(
            unit.unit_id, unit.kind, frozenset(unit.capabilities), self._departments.get(unit.unit_id), district,
            is_free=bound is None and unit.status in SENDABLE and unit.lon is not None,
            under_way_to=bound.incident_id if bound and is_driving else None,
            at=bound.incident_id if bound and is_there else None,
            order_id=bound.order_id if bound else unit.order_id,
            unheard_s=float("inf") if heard is None else max(0.0, (now - heard).total_seconds()),
            on_order_h=self._on_order_h.get(unit.unit_id, 0.0), did_not_answer=unit.unit_id in self._mute,
        )  # fmt: skip

    def _times(self, seen: _Seen, calls: Sequence[OpenCall], crews: Sequence[Crew]) -> tuple[Floats, Floats]:
        """Seconds and metres (crews × calls)."""
        at = {u.unit_id: (u.lon, u.lat) for u in seen.units}
        shape = len(crews), len(calls)
        times_s, distances_m = np.full(shape, np.inf), np.full(shape, np.inf)
        placed = [k for k, crew in enumerate(crews) if None not in at[crew.unit_id]]
        places = [at[crews[k].unit_id] for k in placed]
        floods = frozenset(c.closure_id for c in seen.closures if c.source is ClosureSource.SENSOR)
        wades = np.array([crews[k].kind in self._practice.wading_kinds for k in placed], bool)
        for n, call in enumerate(calls):
            lon, lat = call.incident.lon, call.incident.lat
            distances_m[placed, n] = [great_circle_m(x or 0.0, y or 0.0, lon, lat) for x, y in places]
            if self._roads is None:
                times_s[placed, n] = distances_m[placed, n] * self._practice.detour / (self._practice.speed_kmh / 3.6)
                continue
            own = frozenset(c.closure_id for c in seen.closures if c.object_id == call.incident.incident_id)
            here: list[tuple[float, float]] = [(x or 0.0, y or 0.0) for x, y in places]
            times_s[placed, n] = self._roads.live.times_between(here, (lon, lat), own)
            if floods and wades.any():
                through = self._roads.live.times_between(here, (lon, lat), own | floods)
                times_s[np.array(placed)[wades], n] = through[wades]
        return times_s, distances_m

    def _cover(self, kind: str, crews: Sequence[Crew], places: Mapping[str, tuple[float, float]]) -> Cover | None:
        """The free units of a kind and the squares that each reaches in time."""
        target_s = self._practice.coverage_target_s.get(kind)
        if target_s is None or self._terrain is None:
            return None
        free = [c.unit_id for c in crews if c.kind == kind and c.is_free and c.unit_id in places]
        return Cover(target_s, tuple(free), tuple(self._mask(places[unit_id], target_s) for unit_id in free))

    def _mask(self, place: tuple[float, float], target_s: float) -> Bools:
        """The squares that are reached from a place in time."""
        assert self._terrain is not None
        if self._roads is None:
            reach_m = target_s * self._practice.speed_kmh / 3.6 / self._practice.detour
            return self._terrain.within(place, reach_m)
        node, _ = self._roads.live.at(place)
        if (node, target_s) not in self._masks:
            if len(self._masks) >= STATION_MASKS_KEPT:
                self._masks.clear()
            self._masks[node, target_s] = self._terrain.reached(self._roads.live.times_from(place, target_s), target_s)
        return self._masks[node, target_s]

    def _advise(self, seen: _Seen, crews: Sequence[Crew], drawn: DrawnUp) -> list[Json]:
        """Where free units should stand by, so that more people are expected to be reached in time."""
        if self._terrain is None or self._city is None or self._roads is None:
            return []
        asked = {p["unit"] for i in drawn.incidents for p in i["proposals"]} | seen.moving
        units = {u.unit_id: u for u in seen.units}
        moves: list[Json] = []
        for kind, (place_kind, attribute) in BASES.items():
            target_s, bases = self._practice.coverage_target_s.get(kind), self._city.places_of(place_kind)
            free = [units[c.unit_id] for c in crews if c.kind == kind and c.is_free and c.unit_id not in asked]
            if target_s is not None and bases and free:
                moves += self._moves_of(kind, bases, attribute, free, target_s)
        return moves

    def _moves_of(self, kind: str, bases: Sequence[Place], attribute: str, free: Sequence[Unit], target_s: float) -> list[Json]:
        assert self._terrain is not None
        assert self._roads is not None
        live, people, busy = self._roads.live, self._terrain.people, self._practice.busy_share
        standing = [_base_of(unit, bases) if unit.status is UnitStatus.AVAILABLE else None for unit in free]
        movable = [(unit, base) for unit, base in zip(free, standing, strict=True) if base is not None]
        # Who is on the road covers what they cover, and is not asked to move.
        fixed = [self._mask((u.lon or 0, u.lat or 0), target_s) for u, base in zip(free, standing, strict=True) if base is None]
        left = people.residents * np.power(busy, np.sum(fixed, axis=0) if fixed else 0.0)
        unit_bases = np.array([base for _, base in movable], np.intp)
        room = np.array([int(place.attributes.get(attribute, 1)) for place in bases], np.intp)
        capacities = np.maximum(room, np.bincount(unit_bases, minlength=len(bases)))
        spots = [(place.lon, place.lat) for place in bases]
        covers = np.array([self._mask(spot, target_s) for spot in spots])
        base_times = np.array([live.times_between(spots, spot) for spot in spots]).T
        everybody = max(float(people.residents.sum()), 1.0)
        found = best_moves(
            unit_bases,
            capacities,
            base_times,
            covers,
            left,
            busy,
            least_gain=self._practice.least_gain * everybody,
            most=MOST_MOVES,
        )
        already = everybody - float(left.sum())
        return [
            {
                "unit": movable[m.unit][0].unit_id, "kind": kind,
                "from": _spot(bases[m.from_base]), "to": _spot(bases[m.to_base]),
                "travel_s": round(m.travel_s), "coverage_before": round((already + m.coverage_before) / everybody, 4),
                "coverage_after": round((already + m.coverage_after) / everybody, 4), "target_s": round(target_s),
                "district": bases[m.to_base].district_code,
            }
            for m in found
        ]  # fmt: skip


class _Terrain:
    """The squares of the population grid: how many live there, and which node is theirs."""

    def __init__(self, city: City, people: People, lon: Floats, lat: Floats, roads: CityRoads | None, access_m_s: float) -> None:
        self._city, self.people, self._lon, self._lat = city, people, lon, lat
        self._districts: dict[tuple[int, int], str | None] = {}
        if roads is not None:
            self._nodes, metres = roads.live.nodes.nearest(lon, lat)
            self._access_s = np.where(metres <= OFF_ROAD_M, metres / access_m_s, np.inf)

    @classmethod
    def of(cls, city: City | None, roads: CityRoads | None) -> _Terrain | None:
        """None for a city without a population grid: then nobody knows what sending somebody takes away."""
        layer = city.layer("population") if city is not None else None
        if city is None or layer is None:
            return None
        middles = shapely.centroid(np.asarray(layer.shapes, dtype=object))
        codes = tuple(district.code for district in city.districts)
        number = {code: k for k, code in enumerate(codes)}
        inside = np.array([row.get("district") in number for row in layer.properties], bool)
        rows = [row for row, is_inside in zip(layer.properties, inside.tolist(), strict=True) if is_inside]
        residents = np.array([float(row["population"]) for row in rows])
        people = People(residents, np.array([number[row["district"]] for row in rows], np.intp), codes)
        return cls(city, people, shapely.get_x(middles)[inside], shapely.get_y(middles)[inside], roads, 40.0 / 3.6)

    def reached(self, node_s: Floats, target_s: float) -> Bools:
        return np.asarray(node_s[self._nodes] + self._access_s <= target_s)

    def within(self, place: tuple[float, float], metres: float) -> Bools:
        away = [great_circle_m(*place, x, y) for x, y in zip(self._lon.tolist(), self._lat.tolist(), strict=True)]
        return np.asarray(np.array(away) <= metres)

    def district_of(self, lon: float | None, lat: float | None) -> str | None:
        if lon is None or lat is None:
            return None
        coarse = int(lon / COARSE_DEG * 10), int(lat / COARSE_DEG * 10)
        if coarse not in self._districts:
            if len(self._districts) >= STATION_MASKS_KEPT:
                self._districts.clear()
            found = self._city.district_of(lon, lat)
            self._districts[coarse] = found.code if found else None
        return self._districts[coarse]


def _roads_of(city: City | None, practice: Practice) -> CityRoads | None:
    if city is None:
        return None
    return CityRoads.of(city, emergency_factor=practice.emergency_factor, access_kmh=practice.speed_kmh)


def _underpasses(city: City | None) -> list[Underpass]:
    return [Underpass(p.id, p.name_zh, p.name_en, p.lon, p.lat) for p in (city.places_of("underpass") if city else ())]


def _closed_roads(found: Sequence[Closure]) -> list[ClosedRoad]:
    return [ClosedRoad(c.closure_id, c.geometry, c.object_id) for c in found]


def _base_of(unit: Unit, bases: Sequence[Place]) -> int | None:
    """The base where a unit stands."""
    assert unit.lon is not None
    assert unit.lat is not None
    away = [great_circle_m(unit.lon, unit.lat, base.lon, base.lat) for base in bases]
    nearest = int(np.argmin(away))
    return nearest if away[nearest] <= AT_BASE_M else None


def _spot(place: Place) -> Json:
    return {"place": place.id, "zh": place.name_zh, "en": place.name_en, "lon": round(place.lon, 6), "lat": round(place.lat, 6)}


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
