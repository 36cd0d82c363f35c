"""The duty desk of the demonstration: sends units to calls that nobody has acted on, as somebody did in the city's past.

Through the same act as a click, audited under a name of its own. Whoever watches has `AFTER` to act first. The gravest incident
first, a few at a time; each gets whom the planner proposes. Where it proposes nothing, as many units of the kinds that the past
took for its class and grade, the nearest free ones.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.orders import WAITING, issue
from dispatch.policies.nearest import rank_units
from domain.incidents import Grade, Incident
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Actor, Role
from domain.units import Unit, UnitKind
from iot.simulated.operations import NEEDS
from runtime.policy import Policy
from storage.connection import Connection
from storage.incidents import list_open_incidents
from storage.proposals import Recommendation, find_newest
from storage.units import list_units

log = logging.getLogger(__name__)

AFTER = timedelta(seconds=120)
LOOKS_EVERY = timedelta(seconds=5)
SETTLES_IN = timedelta(seconds=30)
"""The units of a city that is being switched on do not hear yet."""
AT_ONCE = 5
"""Incidents taken at one look."""
OWN_CHOICE = "值班台自动派出：最近的待命单位 / sent by the duty desk: the nearest free unit"
"""The reason that it gives where the planner proposes somebody else."""
DUTY_DESK = Actor("demo-duty-desk", Role.DISPATCHER)
GRAVITY = {Grade.I: 2, Grade.II: 2, Grade.III: 1, Grade.IV: 0}
"""Which of the crews a grade gets."""


class DutyDesk:
    """What the desk remembers: when it looked last, which incidents it saw answered, and since when some of them wait again."""

    def __init__(self, policy: Policy, zone: ZoneInfo) -> None:
        self._policy, self._zone = policy, zone
        self._began_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._answered: set[str] = set()
        self._again: dict[str, datetime] = {}
        self._n_sent = 0

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Sends whom it has to; returns how many it has sent so far."""
        if self._looked_at is None or abs(now - self._looked_at) >= LOOKS_EVERY:
            self._looked_at = now
            self._began_at = self._began_at or now
            moment = Moment.live(now)
            incidents = list_open_incidents(conn, moment)
            self._note_answers(incidents, now)
            if abs(now - self._began_at) < SETTLES_IN:
                return {"duty_orders_total": self._n_sent}
            made = find_newest(conn, moment)
            proposed = _proposed(made) if made is not None else {}
            chosen = choose(incidents, list_units(conn, moment), self._policy, now, again=self._again, proposed=proposed)
            for incident, unit in chosen:
                try:
                    issue(
                        conn, incident.incident_id, unit.unit_id, DUTY_DESK, now,
                        zone=self._zone, order_expiry_s=self._policy.order_expiry_s,
                        proposal=made.recommendation_id if made is not None else None, reason=self._why(proposed, incident, unit),
                    )  # fmt: skip
                except Refused as refused:  # somebody was quicker
                    log.info("the duty desk was refused: %s", refused.en)
                else:
                    self._n_sent += 1
        return {"duty_orders_total": self._n_sent}

    @staticmethod
    def _why(proposed: Mapping[str, Sequence[str]], incident: Incident, unit: Unit) -> str | None:
        return None if unit.unit_id in proposed.get(incident.incident_id, ()) else OWN_CHOICE

    def _note_answers(self, incidents: Sequence[Incident], now: datetime) -> None:
        """Whoever called a unit back has as long to send another as they had at first."""
        back = {i.incident_id for i in incidents if i.state in WAITING}
        self._again = {name: since for name, since in self._again.items() if name in back}
        self._again |= dict.fromkeys(self._answered & back, now)
        self._answered = {i.incident_id for i in incidents} - back


def choose(
    incidents: Sequence[Incident],
    units: Sequence[Unit],
    policy: Policy,
    now: datetime,
    *,
    again: Mapping[str, datetime] = MappingProxyType({}),
    proposed: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Iterator[tuple[Incident, Unit]]:
    """Who goes where now. `again`: since when incidents wait that had been answered before, by their ids; `proposed`: units that
    the planner proposes for them."""
    waiting = [i for i in incidents if i.state in WAITING and now - again.get(i.incident_id, i.reported_at) >= AFTER]
    waiting.sort(key=lambda i: (-GRAVITY[i.grade], i.reported_at, i.incident_id))
    free = {unit.unit_id: unit for unit in units}
    for incident in waiting[:AT_ONCE]:
        named = [name for name in proposed.get(incident.incident_id, ()) if name in free]
        yield from ((incident, free.pop(name)) for name in named)
        if named:
            continue
        crew = NEEDS.get(incident.hazard_class, NEEDS["other"])[GRAVITY[incident.grade]]
        for kind, n in crew:
            for unit in _nearest(free, kind, incident, policy, n):
                del free[unit.unit_id]
                yield incident, unit


def _proposed(made: Recommendation) -> dict[str, list[str]]:
    """Whom a recommendation sends where, without those who are on their way, to there or elsewhere."""
    return {
        i["incident"]: [p["unit"] for p in i["proposals"] if not p["is_under_way"] and p["turned_from"] is None]
        for i in made.content["incidents"]
    }


def _nearest(free: Mapping[str, Unit], kind: UnitKind, incident: Incident, policy: Policy, n: int) -> list[Unit]:
    of_kind = [unit for unit in free.values() if unit.kind == kind]
    ranked = rank_units(of_kind, incident.lon, incident.lat, speed_kmh=policy.unit_speed_kmh, detour=policy.road_detour, limit=n)
    return [candidate.unit for candidate in ranked]
