"""The staff of a hall of the full city: sixty clerks, a roster of two weeks in force, bad ratings that are followed up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.staffing import BAD_GRADE, AbsenceKind, FollowUpState, RosterState
from storage import ratings, rosters
from storage.connection import Connection
from storage.ratings import FollowUp
from storage.rosters import REGISTERED, StoredAbsence, StoredClerk, StoredRoster

ROSTER = "bench-roster"
CLERKS, DAYS, SLOTS, FOLLOW_UPS = 60, 14, 34, 40
QUARTER_MS = 900_000
BY = "bench"


def staff(conn: Connection, hall_id: str, items: Sequence[str], now: datetime) -> None:
    """Writes all of it."""
    names = [f"c{n:02d}" for n in range(CLERKS)]
    for n, name in enumerate(names):
        skills = tuple(items) if n % 3 == 0 else (items[n % len(items)],)
        rosters.set_clerk(conn, StoredClerk(hall_id, name, skills, 40.0, {}, REGISTERED, now, now, BY))
    today = now.date()
    rosters.add_absence(conn, StoredAbsence("bench-absence", hall_id, names[0], today, today, AbsenceKind.LEAVE, BY, now))
    last = today + timedelta(days=DAYS - 1)
    rosters.create_roster(
        conn, StoredRoster(ROSTER, hall_id, today, last, RosterState.ASKED, now, BY, {"quantile": 0.7, "relax": []})
    )
    rosters.finish_roster(conn, ROSTER, RosterState.DRAFT, _content(names, items, now), took_s=1.0, now=now)
    rosters.set_roster_state(conn, ROSTER, RosterState.IN_FORCE, actor=BY, now=now)
    for n in range(FOLLOW_UPS):
        at = now - timedelta(hours=n)
        found = FollowUp(
            f"bench-{n}", hall_id, f"R{n:03d}", at, at, BAD_GRADE, items[n % len(items)], 1, names[n], 1200.0, at,
            at + timedelta(days=21), FollowUpState.OPEN, at, None,
        )  # fmt: skip
        ratings.open_follow_up(conn, found, day_start=at, day_end=at + timedelta(microseconds=1))


def _content(names: Sequence[str], items: Sequence[str], now: datetime) -> dict[str, Any]:
    """As `staffing.rosters.making` writes it: everybody works nine hours on every day."""
    days = []
    for k in range(DAYS):
        start = round((now + timedelta(days=k)).timestamp() * 1000)
        slots = [start + QUARTER_MS * n for n in range(SLOTS)]
        shifts = [
            {
                "clerk": name, "shift": "day", "start": start, "end": slots[-1], "lunch": [slots[12], slots[15]],
                "group": items[n % len(items)], "all": False,
            }
            for n, name in enumerate(names)
        ]  # fmt: skip
        days.append(
            {
                "date": (now + timedelta(days=k)).date().isoformat(), "kind": "workday", "basis": "usual", "slots": slots,
                "needed": [{"item_group": item, "heads": [5.0] * SLOTS} for item in items], "planned": [CLERKS] * SLOTS,
                "shifts": shifts, "short": [],
            }
        )  # fmt: skip
    rows = [{"clerk": name, "hours": 108.5, "duties": DAYS, "early": 0, "late": 0, "saturday": 2} for name in names]
    compared = {"short_h": 0.0, "paid_h": 6510.0, "served_share": 0.98}
    return {
        "quantile": 0.7, "profile_days": 28, "clerks": CLERKS, "relaxed": [], "is_best": True, "gap": 0.0, "cost": 1,
        "days": days, "unmet": [], "relaxations": [], "compare": {"basis": "windows", "in_force": compared, "this": compared},
        "fairness": {"clerks": rows, "spread": {"hours": 0.0, "early": 0, "late": 0, "saturday": 0}}, "short_h": 0.0,
    }  # fmt: skip
