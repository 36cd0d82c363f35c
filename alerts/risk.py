"""Risk: how much is at stake in a district now, from 0 to 100, and what that is made of.

Each part is a figure of the district with a scale (points where its score bends, straight lines between). The risk is the mean
of the scores by the weights of the parts; a part of which nothing is known is left out and its weight is shared among the
others. Weights and scales are the policy's (`[risk]` in config/city.toml); the delivered ones are ours and order districts,
they do not foretell losses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.indices import Part, Scale
from domain.warnings import Warning, WarningLevel, WarningSource

NAMES: Mapping[str, tuple[str, str]] = {
    "warnings": ("现时预警", "warnings of what is measured"),
    "foreseen": ("预计超限", "warnings of what is expected"),
    "incidents": ("在处事件", "open incidents"),
    "anomalies": ("监测异常", "series out of the ordinary"),
    "units": ("力量占用", "units that are taken"),
}


def _delivered_parts() -> dict[str, Part]:
    return {
        "warnings": Part(35, Scale(((0, 0), (1, 15), (4, 45), (10, 75), (25, 100)))),
        "foreseen": Part(25, Scale(((0, 0), (1, 20), (4, 55), (10, 100)))),
        "incidents": Part(20, Scale(((0, 0), (1, 15), (3, 35), (10, 70), (30, 100)))),
        "anomalies": Part(10, Scale(((0, 0), (5, 20), (20, 60), (50, 100)))),
        "units": Part(10, Scale(((0, 0), (0.5, 30), (0.8, 70), (1, 100)))),
    }


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """The parts by name, how many points a warning of a level counts, and an incident of a grade."""

    parts: Mapping[str, Part] = field(default_factory=_delivered_parts)
    level_points: Mapping[WarningLevel, float] = field(
        default_factory=lambda: {
            WarningLevel.RED: 10.0, WarningLevel.ORANGE: 5.0, WarningLevel.YELLOW: 2.0, WarningLevel.BLUE: 1.0,
        }
    )  # fmt: skip
    grade_points: Mapping[str, float] = field(default_factory=lambda: {"I": 30.0, "II": 10.0, "III": 3.0, "IV": 1.0})


@dataclass(frozen=True, slots=True)
class Scored:
    """A part: its figure and score, None where nothing is known."""

    name: str
    weight: float
    value: float | None
    score: float | None


@dataclass(frozen=True, slots=True)
class Risk:
    """The risk of a district; None without any part."""

    value: float | None
    parts: tuple[Scored, ...]


def risk(figures: Mapping[str, float | None], policy: RiskPolicy) -> Risk:
    """The risk of a district by its figures. A weight of 0 takes a part out."""
    parts = []
    for name, part in policy.parts.items():
        value = figures.get(name)
        if part.weight > 0:
            parts.append(Scored(name, part.weight, value, None if value is None else part.scale.at(value)))
    told = [(part.weight, part.score) for part in parts if part.score is not None]
    total = sum(weight for weight, _ in told)
    return Risk(sum(weight * score for weight, score in told) / total if total else None, tuple(parts))


def warning_points(warning: Warning, policy: RiskPolicy) -> tuple[str, float]:
    """The part to which a warning counts, and its points: what is expected counts by how probable it is."""
    points = policy.level_points.get(warning.level, 0.0)
    if warning.source is WarningSource.FORECAST:
        return "foreseen", points * (1.0 if warning.probability is None else warning.probability)
    return "warnings", points
