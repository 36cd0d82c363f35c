"""Proposals: the plan for all open incidents as people read it: who should go where, how soon, at what price, and why not the
nearest.

Pure: what is known of incidents, units, roads and the past comes in, plain values that can be stored and sent go out. Words are
made where they are shown. Seconds unless said otherwise; shares of people are 0 to 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from dispatch.arrivals import Arrivals, Estimate
from dispatch.coverage import Bools, Ints, Loss, People, counted, loss
from dispatch.needs import still_needed
from dispatch.planning import Call, Mover, Proposal, Proposals, plan
from dispatch.policies.assignment import Floats
from dispatch.practice import Practice, RunCard
from domain.incidents import Incident

Json = dict[str, Any]
MOST_OTHERS = 6
"""Units named beside those that are proposed, for each capability asked for."""
DRIFT_S, DRIFT_SHARE = 20.0, 0.15
"""A plan that says the same is stored anew when an arrival has moved by more than both."""


@dataclass(frozen=True, slots=True)
class Crew:
    """A unit in service. `under_way_to` the incident it drives to, `at` the one where it is at work; `unheard_s` how old its
    place is."""

    unit_id: str
    kind: str
    capabilities: frozenset[str]
    department: str | None = None
    district: str | None = None
    is_free: bool = True
    under_way_to: str | None = None
    at: str | None = None
    order_id: str | None = None
    unheard_s: float = 0.0
    on_order_h: float = 0.0
    did_not_answer: bool = False


@dataclass(frozen=True, slots=True)
class OpenCall:
    """An open incident that somebody should go to: its run card, and what those can do who have arrived, or were there."""

    incident: Incident
    card: RunCard
    served: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cover:
    """The free units of a kind, and the squares that each of them reaches in `target_s`."""

    target_s: float
    units: tuple[str, ...]
    reach: tuple[Bools, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known beside incidents and units: `basis` of the times (roads or distance), arrivals of the past, the people, and
    for a kind of unit its cover (None where nobody says how soon it should be there)."""

    basis: str
    arrivals: Arrivals
    people: People | None = None
    cover_of: Callable[[str], Cover | None] = lambda kind: None


@dataclass(frozen=True, slots=True)
class DrawnUp:
    """The plan: one entry an incident, as stored; what it costs, and would cost if nobody were turned round (weighted
    seconds)."""

    incidents: list[Json]
    cost: float
    cost_unturned: float
    n_unmet: int


def draw_up(
    calls: Sequence[OpenCall], crews: Sequence[Crew], times_s: Floats, distances_m: Floats, ground: Ground, practice: Practice
) -> DrawnUp:
    """Plans all calls at once. `times_s`, `distances_m` (crews × calls): seconds by the roads of now, infinite where no way
    leads; metres in a straight line."""
    needs_rest = {c.unit_id: c.on_order_h > practice.crew_rest_after_h for c in crews}
    planned = {call.incident.incident_id for call in calls}
    movers = [_mover(crew, practice, planned, needs_rest=needs_rest[crew.unit_id]) for crew in crews]
    asked = [
        Call(
            call.incident.incident_id, practice.grade_weights[call.incident.grade],
            still_needed(call.card.needs, call.served, is_shared=call.card.is_shared), call.card.is_whole, call.card.is_shared,
        )
        for call in calls
    ]  # fmt: skip
    times_s = np.asarray(times_s, float).reshape(len(crews), len(calls))
    found = plan(movers, asked, times_s, practice.rules)
    sheet = _Sheet(crews, calls, times_s, distances_m, ground, practice, needs_rest, found)
    drawn = [sheet.incident(k) for k in range(len(calls))]
    return DrawnUp(drawn, found.cost, found.cost_unturned, sum(head.unit_id is None for head in found.heads))


def _mover(crew: Crew, practice: Practice, planned: set[str], *, needs_rest: bool) -> Mover:
    may_go = crew.is_free or crew.under_way_to in planned  # what is planned no more gives back nobody by itself
    is_out = needs_rest and practice.crew_rests_out and crew.under_way_to is None
    behind = (needs_rest and not practice.crew_rests_out) or crew.did_not_answer
    return Mover(
        crew.unit_id, crew.capabilities, crew.under_way_to or crew.at, may_go and not is_out, practice.behind_s if behind else 0.0
    )


def is_changed(before: Json | None, now: Json) -> bool:
    """Whether a plan says something else than the one stored last: other units, needs, gaps or moves, or clearly other
    arrivals."""
    if before is None or _skeleton(before) != _skeleton(now):
        return True
    then_s = _arrivals(before)
    moved = ((abs(s - then_s[key]), then_s[key]) for key, s in _arrivals(now).items() if key in then_s)
    return any(by > DRIFT_S and by > DRIFT_SHARE * then for by, then in moved)


def _skeleton(content: Json) -> Any:
    return (
        content["basis"],
        [
            (
                i["incident"], i["needs"], i["missing"], i["engaged"],
                [(p["unit"], p["capability"], p["is_under_way"], p["turned_from"]) for p in i["proposals"]],
                [(s["capability"], s["n"], s["why"]) for s in i["shortfalls"]],
            )
            for i in content["incidents"]
        ],
        [(m["unit"], m["to"]["place"]) for m in content["moves"]],
    )  # fmt: skip


def _arrivals(content: Json) -> dict[tuple[str, str], float]:
    return {(i["incident"], p["unit"]): p["eta"]["s"] for i in content["incidents"] for p in i["proposals"]}


class _Sheet:
    """Writes down what was planned."""

    def __init__(
        self, crews: Sequence[Crew], calls: Sequence[OpenCall], times_s: Floats, distances_m: Floats, ground: Ground,
        practice: Practice, needs_rest: Mapping[str, bool], found: Proposals,
    ) -> None:  # fmt: skip
        self._crews, self._calls, self._times, self._distances = crews, calls, times_s, distances_m
        self._ground, self._practice, self._needs_rest, self._found = ground, practice, needs_rest, found
        self._row = {crew.unit_id: k for k, crew in enumerate(crews)}
        self._goes_to = {head.unit_id: head.incident_id for head in found.heads if head.unit_id is not None}
        self._covers: dict[str, tuple[Cover, Ints] | None] = {}
        self._heads: dict[str, list[Proposal]] = {}
        for head in found.heads:
            self._heads.setdefault(head.incident_id, []).append(head)

    def incident(self, k: int) -> Json:
        call = self._calls[k]
        incident_id = call.incident.incident_id
        heads = self._heads.get(incident_id, [])
        by_unit: dict[str, list[Proposal]] = {}
        for head in heads:
            if head.unit_id is not None:
                by_unit.setdefault(head.unit_id, []).append(head)
        met = sorted(by_unit.values(), key=lambda same: (not same[0].is_under_way, same[0].travel_s, str(same[0].unit_id)))
        proposals = [{"rank": rank, **self._proposal(k, same)} for rank, same in enumerate(met, 1)]
        sent = [str(same[0].unit_id) for same in met if not same[0].is_under_way]
        unmet = Counter(head.capability for head in heads if head.unit_id is None or not head.is_under_way)
        return {
            "incident": incident_id, "needs": dict(call.card.needs), "missing": dict(sorted(unmet.items())),
            "is_whole": call.card.is_whole, "is_shared": call.card.is_shared, "engaged": self._engaged(incident_id),
            "proposals": proposals, "others": self._others(k, set(by_unit)), "shortfalls": self._shortfalls(k, heads),
            "coverage_all": self._lost_by_all(sent),
        }  # fmt: skip

    def _engaged(self, incident_id: str) -> list[Json]:
        return [
            {"unit": crew.unit_id, "order": crew.order_id, "is_there": crew.at == incident_id}
            for crew in self._crews if incident_id in (crew.under_way_to, crew.at)
        ]  # fmt: skip

    def _proposal(self, k: int, heads: Sequence[Proposal]) -> Json:
        head = heads[0]
        crew = self._crews[self._row[str(head.unit_id)]]
        asked = [h.capability for h in heads]
        gain_s = self._found.cost_unturned - self._found.cost
        return {
            **self._unit(k, crew), "capability": asked[0], "also": asked[1:], "is_under_way": head.is_under_way,
            "fit": {"asked": asked[0], "spare": sorted(crew.capabilities - set(asked))},
            "coverage": None if head.is_under_way else self._lost(crew.kind, [crew.unit_id]),
            "nearer": self._nearer(k, head), "turned_from": head.turned_from,
            "gain_s": round(gain_s) if head.turned_from is not None else None,
        }  # fmt: skip

    def _unit(self, k: int, crew: Crew) -> Json:
        """What is said of any unit, proposed or not."""
        is_stale = crew.unheard_s > self._practice.stale_position_s
        at = self._row[crew.unit_id], k
        estimate = self._estimate(crew, float(self._times[at]))
        return {
            "unit": crew.unit_id, "kind": crew.kind, "eta": self._eta(estimate), "distance_m": round(float(self._distances[at])),
            "position": {"age_s": _whole(crew.unheard_s), "is_stale": is_stale},
            "crew": {"on_order_h": round(crew.on_order_h, 1), "needs_rest": self._needs_rest[crew.unit_id]},
            "did_not_answer": crew.did_not_answer,
        }  # fmt: skip

    def _estimate(self, crew: Crew, travel_s: float) -> Estimate:
        unheard_s = crew.unheard_s if crew.unheard_s > self._practice.stale_position_s else 0.0
        return self._ground.arrivals.estimate(
            crew.kind, travel_s, self._ground.basis, is_rolling=crew.under_way_to is not None, unheard_s=unheard_s
        )

    def _eta(self, said: Estimate) -> Json:
        return {
            "s": _whole(said.seconds), "travel_s": _whole(said.travel_s), "turnout_s": _whole(said.turnout_s),
            "low_s": _whole(said.low_s), "high_s": _whole(said.high_s), "interval": said.interval, "n": said.n,
            "basis": self._ground.basis,
        }  # fmt: skip

    def _nearer(self, k: int, head: Proposal) -> Json | None:
        near = head.nearer
        if near is None:
            return None
        crew = self._crews[self._row[near.unit_id]]
        code, incident_id = self._why_not(crew)
        eta = self._estimate(crew, near.travel_s)
        return {
            "unit": near.unit_id, "eta_s": _whole(eta.seconds), "code": code or "other", "incident": incident_id,
            "price_s": round(near.price),
        }  # fmt: skip

    def _why_not(self, crew: Crew) -> tuple[str | None, str | None]:
        """Why a unit that could come is not proposed, and for which other incident."""
        if crew.unit_id in self._goes_to and self._goes_to[crew.unit_id] != crew.under_way_to:
            return "goes_to", self._goes_to[crew.unit_id]
        if crew.under_way_to is not None:
            return "stays", crew.under_way_to
        if self._needs_rest[crew.unit_id]:
            return "crew_rest", None
        return ("no_answer", None) if crew.did_not_answer else (None, None)

    def _others(self, k: int, proposed: set[str]) -> list[Json]:
        """Who else could be sent, soonest first, a few for each capability asked for."""
        rows: list[Json] = []
        is_asked = {head.capability for head in self._heads.get(self._calls[k].incident.incident_id, ())}
        for capability in self._calls[k].card.needs:
            able = [
                crew for crew in self._crews
                if crew.is_free and capability in crew.capabilities and crew.unit_id not in proposed
                and isfinite(self._times[self._row[crew.unit_id], k])
            ]  # fmt: skip
            able.sort(key=lambda crew: (self._times[self._row[crew.unit_id], k], crew.unit_id))
            for crew in able[:MOST_OTHERS]:
                code, incident_id = self._why_not(crew)
                code = code or ("slower" if capability in is_asked else "not_asked")
                fit = {"asked": capability, "spare": sorted(crew.capabilities - {capability})}
                coverage = self._lost(crew.kind, [crew.unit_id])
                rows.append(
                    {**self._unit(k, crew), "capability": capability, "fit": fit, "coverage": coverage, "why": code,
                     "incident": incident_id}
                )  # fmt: skip
        return rows

    def _shortfalls(self, k: int, heads: Sequence[Proposal]) -> list[Json]:
        """What nobody meets, why, and where help could come from."""
        missing: dict[tuple[str, str], list[Proposal]] = {}
        for head in heads:
            if head.unit_id is None and head.why is not None:
                missing.setdefault((head.capability, head.why.value), []).append(head)
        rows = []
        for (capability, why), same in missing.items():
            able = [crew for crew in self._crews if capability in crew.capabilities]
            districts = Counter(crew.district for crew in able if crew.district is not None)
            departments = Counter(crew.department for crew in able if crew.department is not None)
            rows.append({
                "capability": capability, "n": len(same), "why": why,
                "later": [self._later(each.unit_id, each.travel_s) for each in same[0].later],
                "neighbours": [{"department": name, "n": n} for name, n in departments.most_common(3)]
                + [{"district": code, "n": n} for code, n in districts.most_common(5)],
            })  # fmt: skip
        return rows

    def _later(self, unit_id: str, travel_s: float) -> Json:
        crew = self._crews[self._row[unit_id]]
        return {
            "unit": unit_id,
            "eta_s": _whole(travel_s),
            "incident": crew.under_way_to or crew.at or self._goes_to.get(unit_id),
        }

    def _lost_by_all(self, sent: Sequence[str]) -> list[Json]:
        kinds = dict.fromkeys(self._crews[self._row[unit_id]].kind for unit_id in sent)
        of_kind = {kind: [u for u in sent if self._crews[self._row[u]].kind == kind] for kind in kinds}
        return [lost for kind, units in of_kind.items() if (lost := self._lost(kind, units)) is not None]

    def _lost(self, kind: str, sent: Sequence[str]) -> Json | None:
        """What sending units of a kind takes away; None where nobody says how soon such a unit should be there."""
        people = self._ground.people
        if kind not in self._covers:
            cover = self._ground.cover_of(kind)
            self._covers[kind] = (cover, counted(people, cover.reach)) if cover is not None and people is not None else None
        found = self._covers[kind]
        if found is None or people is None:
            return None
        cover, counts = found
        going = [cover.units.index(unit_id) for unit_id in sent if unit_id in cover.units]
        home = self._crews[self._row[sent[0]]].district
        lost: Loss = loss(people, counts, [cover.reach[n] for n in going], home)
        stands = [self._crews[self._row[u]].district for n, u in enumerate(cover.units) if n not in going]
        district = lost.district or home
        return {
            "kind": kind, "target_s": round(cover.target_s), "district": district, "is_felt": lost.district is not None,
            "left": stands.count(district), "before": round(lost.before, 4), "after": round(lost.after, 4),
            "city_before": round(lost.city_before, 4), "city_after": round(lost.city_after, 4),
        }  # fmt: skip


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None or not isfinite(seconds) else round(seconds)
