"""Likeness: how like a real city the demonstration is, told by numbers that public records of real cities allow.

Twelve weeks from Monday, 2 March 2026 of the demonstration (its seed, its city, no scenes) and the real sets that are there go
through the same functions (benchmarks._statistics, each with its formula). Nothing of the simulator is fitted to any of these
files. The sets are looked for in the folder that CITYHELM_DATA names, else in ../shared/data beside the checkout, laid out as the
end of docs/real-data.md says; a set that is not there is reported as absent, and what needs it is left out. The figures go to
standard output as JSON, the table of docs/city.md to standard error.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import _statistics as statistics
from benchmarks._real_sets import read_sets
from benchmarks._records import WEEKEND, WORKDAY, Record
from benchmarks._simulated_city import SimulatedCity
from domain.sensors import SensorKind
from gis_data.city import ensure_demo_city
from iot.simulated.crowd import OUTDOORS, SHOPPING, STATION
from runtime.settings import load_settings
from runtime.workers import DEMONSTRATION_SEED

FIRST_DAY, WEEKS = date(2026, 3, 2), 12
BESIDE = Path(__file__).parents[2] / "shared" / "data"
FAR_OFF = 0.6
"""A correlation below this says that the shape is another."""

Records = Mapping[str, Record]


class Pair(NamedTuple):
    """What is compared, in words; the simulated record and the real one, by name."""

    what: str
    simulated: str
    real: str


CURVES = (
    Pair("speed, expressways", "speed: expressways", "la_speed"),
    Pair("speed, all roads", "speed", "la_speed"),
    Pair("places taken in car parks", "car parks", "dresden_parking"),
    Pair("people, stations", "people: stations", "melbourne: station"),
    Pair("people, shopping", "people: shopping", "melbourne: shopping"),
    Pair("people, squares", "people: squares", "melbourne: open space"),
    Pair("medical calls", "medical calls", "montgomery: medical"),
    Pair("medical calls", "medical calls", "nyc: medical"),
    Pair("medical calls", "medical calls", "sf: medical"),
    Pair("traffic accidents", "accidents", "montgomery: accidents"),
    Pair("fires", "fires", "montgomery: fires"),
    Pair("requests to 12345", "hotline", "houston"),
    Pair("arrivals at halls", "hall arrivals", "bank_calls"),
    Pair("people in line at halls", "hall queues", "mva"),
    Pair("PM2.5", "pm25", "beijing: pm25"),
    Pair("NO₂", "no2", "beijing: no2"),
    Pair("O₃", "o3", "beijing: o3"),
    Pair("air temperature", "temperature", "beijing: temperature"),
    Pair("water flow", "water flow", "gecco: flow"),
)
HALF_HOURS = {"hall arrivals", "hall queues"}
"""Compared by half hours, being open for eight hours only; the others by hours."""

SCATTERS = (
    Pair("arrivals at each hall, half hours", "hall arrivals", "bank_calls"),
    Pair("walk-ins at each hall, half hours", "walk-ins", "bank_calls"),
    Pair("arrivals at all halls, half hours", "hall arrivals: together", "bank_calls"),
    Pair("all incidents, hours", "calls", "montgomery: all"),
    Pair("medical calls, hours", "medical calls", "montgomery: medical"),
    Pair("medical calls, hours", "medical calls", "nyc: medical"),
    Pair("traffic accidents, hours", "accidents", "montgomery: accidents"),
)
