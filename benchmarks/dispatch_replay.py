"""The dispatch replay: a week of the San Francisco Fire Department planned by the live planner's deciders, beside what was sent.

At the moment at which an engine was first dispatched to an incident, every incident that waits for its first engine is planned at
once (`dispatch.proposals.draw_up`), with the engines that were not on a call then. Engines are taken to be in their house, whose
number they bear; the file does not say where else. The city has no road graph here: arrivals are estimated by distance, and so
labelled. The natural baselines are the own area (the house whose area the incident lies in) and the house nearest in a straight
line.

Source: DataSF, Fire Department and Emergency Medical Services Dispatched Calls for Service, 13 to 19 January
2018 (../shared/data/sf).
"""

from __future__ import annotations

import platform
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np

from dispatch.arrivals import Arrivals
from dispatch.policies.nearest import great_circle_m
from dispatch.practice import Practice, RunCard
from dispatch.proposals import Crew, Ground, OpenCall, draw_up
from domain.incidents import Grade, Incident, IncidentState, ResponseLevel

SHARED = Path(__file__).parents[2] / "shared" / "data" / "sf"
ENGINE = RunCard("fire", Grade.IV, {"engine": 1})
PRACTICE = Practice((ENGINE,), {Grade.I: 8.0, Grade.II: 4.0, Grade.III: 2.0, Grade.IV: 1.0}, speed_kmh=40.0, detour=1.3)
LEARNT_DAYS = 3
"""Of the week, from which turnout and the interval of arrivals are learnt; the rest is what they are held against."""


def measure() -> dict[str, Any]:
    """Runs for some ten seconds; says what is missing where the data are absent."""
    if not (SHARED / "units.parquet").is_file():
        return {"name": "dispatch_replay", "replay": "absent: sf is not in ../shared/data", "machine": platform.platform()}
    return {"name": "dispatch_replay", **_replayed(SHARED), "machine": platform.platform()}


def _replayed(folder: Path) -> dict[str, Any]:
    import pandas as pd

    rows = pd.read_parquet(folder / "units.parquet")
    houses = pd.read_csv(folder / "stations.csv").set_index("station")
    rows = rows[(rows["unit_type"] == "ENGINE") & rows["unit_id"].str.fullmatch(r"E\d+") & rows["dispatch_timestamp"].notna()]
    rows = rows.assign(house=rows["unit_id"].str[1:].astype(int))
    rows = rows[rows["house"].isin(houses.index)].sort_values("dispatch_timestamp")
    fleet = _Fleet(rows, houses)
    firsts = rows.dropna(subset=["on_scene_timestamp"]).sort_values("on_scene_timestamp").groupby("incident_number").first()
    asked = rows.groupby("incident_number").agg(
        at=("dispatch_timestamp", "min"), known=("entry_timestamp", "min"), lon=("longitude", "first"), lat=("latitude", "first"),
        area=("station_area", "first"), priority=("final_priority", "first"),
    ).sort_values("at")  # fmt: skip
    learnt_until = rows["dispatch_timestamp"].min() + pd.Timedelta(days=LEARNT_DAYS)
    early = firsts[firsts["dispatch_timestamp"] < learnt_until]
    arrivals = _arrivals(early, houses)
    told = [_planned(number, asked, fleet, arrivals) for number in asked.index]
    found = asked.assign(
        proposed=[t["house"] for t in told], said_s=[t["said_s"] for t in told], away_m=[t["away_m"] for t in told],
        calls=[t["calls"] for t in told],
    )  # fmt: skip
    return _compared(found, firsts, houses, arrivals, learnt_until)


class _Fleet:
    """The engines: where each is at home, and when it is on a call."""

    def __init__(self, rows: Any, houses: Any) -> None:
        self.houses = sorted(set(rows["house"]))
        self.places = [(float(houses.loc[h, "lon"]), float(houses.loc[h, "lat"])) for h in self.houses]
        self._spans = {
            h: (same["dispatch_timestamp"].to_numpy(), same["available_timestamp"].to_numpy(), same["incident_number"].to_numpy())
            for h, same in rows.groupby("house")
        }

    def is_free(self, house: int, at: Any, incident: int) -> bool:
        """Whether an engine is not on another incident at that time."""
        began, ended, number = self._spans[house]
        return not bool(((began <= at) & (ended > at) & (number != incident)).any())


def _planned(number: int, asked: Any, fleet: _Fleet, arrivals: Arrivals) -> dict[str, Any]:
    """Whom the planner proposes for an incident at the moment of its first dispatch, with whatever else waits then."""
    here = asked.loc[number]
    waits = asked[(asked["known"] <= here["at"]) & (asked["at"] >= here["at"])]
    calls = [OpenCall(_incident(int(n), row), ENGINE) for n, row in waits.iterrows()]
    at = here["at"].to_datetime64()
    crews = [Crew(f"E{h:02d}", "engine", frozenset({"engine"}), is_free=fleet.is_free(h, at, number)) for h in fleet.houses]
    metres = np.array([[great_circle_m(*place, c.incident.lon, c.incident.lat) for c in calls] for place in fleet.places])
    seconds = metres * PRACTICE.detour / (PRACTICE.speed_kmh / 3.6)
    drawn = draw_up(calls, crews, seconds, metres, Ground("distance", arrivals), PRACTICE)
    entry = next(i for i in drawn.incidents if i["incident"] == str(number))
    if not entry["proposals"]:
        return {"house": -1, "said_s": np.nan, "away_m": np.nan, "calls": len(calls)}
    first = entry["proposals"][0]
    return {"house": int(first["unit"][1:]), "said_s": first["eta"]["s"], "away_m": first["distance_m"], "calls": len(calls)}


def _incident(number: int, row: Any) -> Incident:
    grade = Grade.III if row["priority"] == 3 else Grade.IV
    reported = row["known"].to_pydatetime().replace(tzinfo=UTC)
    return Incident(
        str(number), "fire", grade, ResponseLevel.NONE, IncidentState.REPORTED, row["lon"], row["lat"], "911", reported
    )


def _travel_s(rows: Any, houses: Any) -> Any:
    """By distance, from the house of each engine."""
    metres = [
        great_circle_m(houses.loc[h, "lon"], houses.loc[h, "lat"], lon, lat)
        for h, lon, lat in zip(rows["house"], rows["longitude"], rows["latitude"], strict=True)
    ]
    return np.array(metres) * PRACTICE.detour / (PRACTICE.speed_kmh / 3.6)


def _arrivals(rows: Any, houses: Any) -> Arrivals:
    """Turnout, and what became of what would have been said, of the emergencies (code 3) among some rows."""
    urgent = rows[(rows["final_priority"] == 3) & rows["response_timestamp"].notna()]
    turnout_s = (urgent["response_timestamp"] - urgent["dispatch_timestamp"]).dt.total_seconds()
    usual_s = float(turnout_s.median())
    taken_s = (urgent["on_scene_timestamp"] - urgent["dispatch_timestamp"]).dt.total_seconds().to_numpy()
    said_s = _travel_s(urgent, houses) + usual_s
    return Arrivals.of(
        {"engine": turnout_s.tolist()}, [(s, t, "distance") for s, t in zip(said_s, taken_s, strict=True) if t > 0]
    )


def _compared(found: Any, firsts: Any, houses: Any, arrivals: Arrivals, learnt_until: Any) -> dict[str, Any]:
    both = found.join(
        firsts[["house", "final_priority", "dispatch_timestamp", "on_scene_timestamp", "longitude", "latitude"]], how="inner"
    )
    nearest = np.array([
        int(houses.index[np.argmin([great_circle_m(x, y, lon, lat) for x, y in zip(houses["lon"], houses["lat"], strict=True)])])
        for lon, lat in zip(both["lon"], both["lat"], strict=True)
    ])  # fmt: skip
    sent, proposed, area = both["house"].to_numpy(), both["proposed"].to_numpy(), both["area"].to_numpy()
    differs = (sent != proposed) & (proposed >= 0)
    sent_m = np.array([
        great_circle_m(houses.loc[h, "lon"], houses.loc[h, "lat"], lon, lat)
        for h, lon, lat in zip(sent, both["lon"], both["lat"], strict=True)
    ])  # fmt: skip
    held = both[
        (both["final_priority"] == 3) & (both["dispatch_timestamp"] >= learnt_until) & (both["at"] == both["dispatch_timestamp"])
    ]
    taken_s = (held["on_scene_timestamp"] - held["dispatch_timestamp"]).dt.total_seconds().to_numpy()
    said = [arrivals.estimate("engine", travel_s, "distance") for travel_s in _travel_s(held, houses)]
    said_s = np.array([s.seconds for s in said])
    inside = np.array([s.low_s <= t <= s.high_s for s, t in zip(said, taken_s, strict=True)])  # type: ignore[operator]
    median = {name: round(float(np.median(each))) for name, each in (("said_s", said_s), ("taken_s", taken_s))}
    return {
        "incidents": len(both), "planned_together_with_others": int((both["calls"] > 1).sum()),
        "nobody_free": int((proposed < 0).sum()),
        "sent_from_own_area": _share(sent == area), "sent_from_nearest_house": _share(sent == nearest),
        "proposed_from_own_area": _share(proposed == area), "proposed_from_nearest_house": _share(proposed == nearest),
        "proposed_is_sent": _share(proposed == sent),
        "where_they_differ": {
            "n": int(differs.sum()), "proposed_nearer_m": round(float(np.median((sent_m - both["away_m"])[differs]))),
            "proposed_is_nearer": _share(((sent_m - both["away_m"])[differs] > 0).to_numpy()),
        },
        "arrivals_by_distance": {
            "n": len(held), **median, "median_error_s": round(float(np.median(np.abs(said_s - taken_s)))),
            "inside_80": _share(inside), "interval": "past", "turnout_s": arrivals.turnouts_s["engine"],
            "taken_over_said_10_90": [round(x, 2) for x in arrivals.taken["distance"][:2]],
        },
    }  # fmt: skip


def _share(is_so: Any) -> float:
    return round(float(np.mean(is_so)), 3) if len(is_so) else float("nan")
