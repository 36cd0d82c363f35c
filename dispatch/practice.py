"""Practice: what the city's policy says of sending units: who is asked for, what a second weighs, what closes a road, when a crew
should rest, and how soon the people of a district are to be reached. Values of `config/city.toml`, as the planner takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.incidents import Grade

Needs = Mapping[str, int]
"""Capability → how many units."""


@dataclass(frozen=True, slots=True)
class RunCard:
    """What one hazard of one grade asks for. `is_whole`: half of it is of no use; all or nothing is sent. `is_shared`: a unit may
    meet several different needs of it at once."""

    hazard_class: str
    grade: Grade
    needs: Needs
    is_whole: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What planning weighs: seconds that a head not met counts as; weighted seconds that turning a unit round has to gain; how
    many are named who could come later."""

    penalty_s: float = 7_200.0
    turning_s: float = 600.0
    n_later: int = 3


@dataclass(frozen=True, slots=True)
class Practice:
    """`closes_road_m`: hazard class → the radius within which an incident closes the roads around it. `wading_kinds`: kinds of
    unit that drive through water that stops cars. `coverage_target_s`: kind of unit → seconds in which people are to be reached.
    `crew_rests_out`: whether a crew that should rest is left out, or comes after the others."""

    run_cards: tuple[RunCard, ...]
    grade_weights: Mapping[Grade, float]
    rules: Rules = field(default_factory=Rules)
    speed_kmh: float = 40.0
    detour: float = 1.3
    emergency_factor: float = 1.0
    wading_depth_m: float = 0.27
    wading_kinds: frozenset[str] = frozenset()
    closes_road_m: Mapping[str, float] = field(default_factory=dict)
    stale_position_s: float = 120.0
    stale_speed_s: float = 900.0
    crew_rest_after_h: float = 12.0
    crew_rests_out: bool = False
    behind_s: float = 600.0
    """By how much a crew that should rest, or a unit that did not answer, comes after the others."""
    coverage_target_s: Mapping[str, float] = field(default_factory=dict)
    busy_share: float = 0.3
    least_gain: float = 0.01
    """Share of the people by which a move of a free unit has to raise the expected coverage."""
    binds_s: float = 60.0
    """How long a recommendation asks for a reason from who sends somebody else, after the planner last said that it holds."""
    answer_wait_s: float = 30.0
