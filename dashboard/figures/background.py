"""The background: what hourly records say of the city before anything is looked at now. Worked out once for each reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.figures import traffic
from dashboard.figures.districts import days_known, usual_incidents
from dashboard.figures.present import Hours
from dashboard.figures.requests import usual_requests
from domain.indices import IndexPolicy
from storage.overview import IncidentDays, OverviewSnapshot, RequestDays, Rollups


@dataclass(frozen=True, slots=True)
class Background:
    """Hourly means, free-flow speeds by district (km/h), and what is usual in 24 hours: points of incidents by district, requests
    by class and district (None: too few days), from how many earlier days each."""

    of: tuple[Rollups, IncidentDays, RequestDays]
    hours: Hours
    people: Hours
    free: Mapping[str, float]
    incident_days: int
    request_days: int
    usual_incidents: Mapping[str, float] | None
    usual_requests: Mapping[tuple[str, str], float] | None

    def is_of(self, snapshot: OverviewSnapshot) -> bool:
        """Whether it was made of the parts that this snapshot has."""
        parts = (snapshot.rollups, snapshot.incident_days, snapshot.request_days)
        return all(mine is its for mine, its in zip(self.of, parts, strict=True))


def background(snapshot: OverviewSnapshot, policy: IndexPolicy) -> Background:
    rollups, incidents, requests = snapshot.rollups, snapshot.incident_days, snapshot.request_days
    incident_days, request_days = (
        0 if earlier.before is None else days_known(earlier.oldest, earlier.taken_at, policy.history_days)
        for earlier in (incidents, requests)
    )
    return Background(
        of=(rollups, incidents, requests),
        hours=Hours(rollups.hours, rollups.until),
        people=Hours(rollups.people, rollups.until),
        free=traffic.free_flow_speeds(rollups.speeds, policy.free_flow_share),
        incident_days=incident_days,
        request_days=request_days,
        usual_incidents=usual_incidents(incidents.before or (), incident_days, policy.grade_points),
        usual_requests=usual_requests(requests.before or (), request_days),
    )
