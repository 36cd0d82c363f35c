"""Readiness: units by kind and what they are doing, and where the ready ones belong.

`ready` stands by; `out` is under way (dispatched, en route, returning); `working` is at an incident; `off` is out of service. The
four make the total. A unit belongs to the district of its own device, where its base is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.units import ATTENDING, UnitStatus
from storage.overview import UnitNow

SOURCE = "unit, unit_status · storage.overview.list_unit_statuses"


@dataclass(frozen=True, slots=True)
class KindReady:
    """Units of a kind by what they are doing."""

    kind: str
    ready: int
    out: int
    working: int
    off: int

    @property
    def total(self) -> int:
        return self.ready + self.out + self.working + self.off


@dataclass(frozen=True, slots=True)
class Readiness:
    """Kinds, most units first; ready units by district, most first; when a unit last changed its status."""

    kinds: tuple[KindReady, ...]
    ready_by_district: tuple[tuple[str, int], ...]
    measured: datetime | None

    @property
    def ready(self) -> int:
        return sum(kind.ready for kind in self.kinds)


def role(status: UnitStatus) -> str:
    """Which of the four a status counts for."""
    if status is UnitStatus.AVAILABLE:
        return "ready"
    if status in ATTENDING:
        return "working"
    return "off" if status is UnitStatus.OUT_OF_SERVICE else "out"


def readiness(units: Iterable[UnitNow]) -> Readiness:
    units = list(units)
    counts = Counter((unit.kind, role(unit.status)) for unit in units)
    kinds = [
        KindReady(kind, *(counts[kind, what] for what in ("ready", "out", "working", "off"))) for kind in {u.kind for u in units}
    ]
    by_district = Counter(unit.district_code for unit in units)
    ready = Counter(unit.district_code for unit in units if role(unit.status) == "ready")
    return Readiness(
        tuple(sorted(kinds, key=lambda kind: (-kind.total, kind.kind))),
        tuple(sorted(((code, ready[code]) for code in by_district), key=lambda row: (-row[1], row[0]))),
        max((unit.since for unit in units if unit.since is not None), default=None),
    )
