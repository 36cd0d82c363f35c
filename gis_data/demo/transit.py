"""Rail lines of the demonstration city as drawn: smooth curves through the stations of the plan, metres from the centre."""

from __future__ import annotations

import numpy as np
import shapely

from gis_data.demo import plan
from gis_data.demo.terrain import spline


def track(line: plan.Line) -> shapely.LineString:
    """The course of one line, true to 2 m."""
    stops = np.array([stop[2:] for stop in line.stops])
    return shapely.simplify(shapely.LineString(spline(stops, 0.08) * 1000), 2.0)
