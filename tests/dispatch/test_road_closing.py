"""Road closing: water that stops cars closes its underpass until it has clearly fallen; incidents close roads while they are
open."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely

from dispatch.road_closing import Due, Underpass, Water, due
from domain.closures import ClosureSource
from domain.incidents import Grade, Incident, IncidentState, ResponseLevel
from tests.support.scenes import NOW

DIP = Underpass("dip-1", "下穿", "Underpass", 113.25, 23.125)
CAUSE = (ClosureSource.SENSOR, "dip-1")
GAS = Incident("i-1", "gas_leak", Grade.III, ResponseLevel.NONE, IncidentState.REPORTED, 113.3, 23.1, "119", NOW)


def after(depth_m: float | None, known: set[tuple[ClosureSource, str]], *incidents: Incident, lon: float = 113.2501) -> Due:
    water = [] if depth_m is None else [Water(lon, 23.125, depth_m)]
    return due(known, [DIP], water, incidents, NOW, wading_depth_m=0.27, closes_road_m={"gas_leak": 150})


@pytest.mark.parametrize(
    ("depth_m", "is_known", "closes", "opens"),
    [
        (0.26, False, False, False),
        (0.27, False, True, False),
        (0.50, True, False, False),
        (0.21, True, False, False),  # still swinging around the limit
        (0.20, True, False, True),
        (None, True, False, False),  # nobody says that the water is gone
    ],
)
def test_an_underpass_closes_at_its_depth_and_opens_well_below(
    depth_m: float | None, is_known: bool, closes: bool, opens: bool
) -> None:
    found = after(depth_m, {CAUSE} if is_known else set())
    assert (bool(found.closures), bool(found.ended)) == (closes, opens)


def test_what_closed_the_road_is_said() -> None:
    (closure,) = after(0.4, set()).closures
    assert (closure.source, closure.object_id, closure.depth_m) == (*CAUSE, 0.4)
    assert closure.geometry == {"type": "Point", "coordinates": [113.25, 23.125]}


def test_a_gauge_somewhere_else_closes_nothing() -> None:
    assert after(0.9, set(), lon=113.26).closures == ()


def test_an_incident_closes_the_roads_around_it_while_it_is_open() -> None:
    (closure,) = after(None, set(), GAS).closures
    area = shapely.geometry.shape(closure.geometry)
    assert area.is_valid
    assert area.contains(shapely.Point(113.3, 23.1))
    assert pytest.approx(area.bounds[3] - area.bounds[1], rel=0.01) == 2 * 150 / 111_195
    cause = ClosureSource.INCIDENT, "i-1"
    assert after(None, {cause}, GAS) == Due((), ())
    assert after(None, {cause}).ended == (cause,)
    assert after(None, set(), replace(GAS, hazard_class="medical")).closures == ()
