"""Practice: what the policy says of warnings beside the rules: whom it reminds and when, what may be shelved and for how long,
what belongs together, what the risk of a district is made of. Defaults are the delivered policy (`[warning]`, `[situation]`,
`[risk]` in config/city.toml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerts.reminders import Clocks
from alerts.risk import RiskPolicy


@dataclass(frozen=True, slots=True)
class ShelvingPolicy:
    """For how long a shelf may hold, and for how long what was dismissed as untrue is not heard of, in hours."""

    most_h: float = 8.0
    dismissed_rest_h: float = 1.0


@dataclass(frozen=True, slots=True)
class Bonds:
    """What makes warnings belong together. `causes`: hazard → the hazard that causes it. `reaches`: hazard → how far apart its
    warnings are at most, in metres, where that is not `reach_m`: one storm wets gauges that lie kilometres from one another."""

    causes: Mapping[str, str] = field(default_factory=dict)
    apart_s: float = 3_600.0
    reach_m: float = 2_000.0
    causal_reach_m: float = 5_000.0
    least: int = 3
    reaches: Mapping[str, float] = field(default_factory=lambda: {"rainstorm": 10_000.0})

    def reach_of(self, hazard: str) -> float:
        return self.reaches.get(hazard, self.reach_m)

    def depth(self, hazard: str) -> int:
        """How many steps the hazard is from the beginning of its causes."""
        return len(self._ancestry(hazard)) - 1

    def is_caused(self, hazard: str, by: str) -> bool:
        return hazard != by and by in self._ancestry(hazard)

    def _ancestry(self, hazard: str) -> list[str]:
        found = [hazard]
        while (cause := self.causes.get(found[-1])) is not None and cause not in found:
            found.append(cause)
        return found


@dataclass(frozen=True, slots=True)
class WarningPractice:
    """`evidence_reach_m`: how far around a warning its evidence is looked for, in metres."""

    clocks: Clocks = field(default_factory=Clocks)
    shelving: ShelvingPolicy = field(default_factory=ShelvingPolicy)
    bonds: Bonds = field(default_factory=Bonds)
    risk: RiskPolicy = field(default_factory=RiskPolicy)
    evidence_reach_m: float = 1_000.0
