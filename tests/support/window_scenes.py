"""Scenes of windows: a hall with a counter of three windows, somebody who may move them, and a proposal that waits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from domain.halls import HallEventKind
from domain.rights import Actor, Role, Scope
from domain.staffing import ProposalState
from domain.units import CommandAck
from staffing.profiles import OPEN_SLOT_S, WORKDAY, ItemProfile, Profile, WindowProfile
from storage import profiles, window_plans
from storage.connection import Connection
from storage.profiles import StoredProfile
from storage.window_plans import WindowProposal
from tests.support.halls import at, said
from tests.support.scenes import COUNTER, NOW, a_device, a_state, stored

K = HallEventKind
MANAGER = Actor("wang", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-1"})))
OTHER = Actor("zhao", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-1"})))
STRANGER = Actor("qian", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-2"})))


def a_hall(conn: Connection) -> None:
    """Hall 1 does tax and enquiries; window 1 is open for both, 2 for tax, 3 is closed."""
    attributes = (("name_zh", "东厅"), ("name_en", "East Hall"), ("capabilities", "tax;enquiry"))
    stored(
        conn,
        a_device(COUNTER, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, attributes=attributes),
        a_state("online", device_id=COUNTER, minutes_ago=60),
        said(K.WINDOW_OPEN, -2, window=1, items=("tax", "enquiry"), clerk="c01"),
        said(K.WINDOW_OPEN, -2, window=2, items=("tax",), clerk="c02"),
        said(K.WINDOW_CLOSE, -2, window=3),
    )  # fmt: skip


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def figures(worst_min: float) -> dict[str, Any]:
    """The figures of a schedule, quarter by quarter the same."""
    slots = [ms(NOW + timedelta(minutes=15 * k)) for k in range(16)]
    row = [round(60 * worst_min)] * 16
    return {
        "slots": slots, "p50_s": row, "p90_s": row, "p90_low_s": row, "p90_high_s": row, "mean_s": row, "windows": [2.0] * 16,
        "left": 1.0, "overtime_s": None,
        "worst": {
            "at": slots[2], "item": "tax", "p90_s": row[0], "low_s": round(row[0] * 0.7), "high_s": round(row[0] * 1.3),
        },
        "items": [{"item": "tax", "worst_p90_s": row[0]}],
    }  # fmt: skip


def a_content(*, first_min: float = 0, until_min: float = 60, window: int = 3) -> dict[str, Any]:
    """Open window 3 for tax in a while, until later."""
    begins, ends = at(first_min), at(until_min)
    words = {"zh": "开 3 号窗办税务", "en": "open window 3 for tax"}
    return {
        "said": words, "rests_on": {"profile_days": 20, "demand_basis": "forecast", "futures": 120, "n_waiting": 4},
        "steps": [
            {
                "at": ms(begins), "window": window, "from_state": "closed", "from_items": [], "to_state": "open", "to_items": ["tax"],
                "until": ms(ends), "clerk": None, "then_state": "closed", "then_items": [], "why": words,
            }
        ],
        "commands": [
            {"window": window, "at": ms(begins), "state": "open", "items": ["tax"]},
            {"window": window, "at": ms(ends), "state": "closed", "items": []},
        ],
        "before": figures(24), "after": figures(11),
        "gain": {"worst_p90_s": 780, "low_s": 400, "high_s": 900, "mean_s": 200, "left": 2.0, "window_h": 1.0, "moves": 1},
        "target_s": 900, "day_kind": "workday",
    }  # fmt: skip


def proposed(
    conn: Connection, proposal_id: str = "wp-1", *, minute: float = -5, valid_min: float = 15, **content: Any
) -> WindowProposal:
    """A proposal that waits for a decision."""
    made = WindowProposal(proposal_id, "hall-1", at(minute), at(minute + valid_min), ProposalState.OPEN, a_content(**content))
    window_plans.write_proposal(conn, made, now=at(minute))
    return made


def answered(conn: Connection, step_id: str, result: str = "accepted", *, minute: float) -> None:
    """What the hall said to a command."""
    stored(conn, CommandAck(COUNTER, at(minute), at(minute), step_id, result))


def left(conn: Connection, minute: float) -> list[dict[str, Any]]:
    """The broker takes what waits in the outbox; returns what that is."""
    rows = conn.execute(
        "UPDATE outbox SET sent_at = %s WHERE sent_at IS NULL AND created_at <= %s RETURNING outbox_id, payload",
        (at(minute), at(minute)),
    ).fetchall()
    return [payload for _, payload in sorted(rows, key=lambda row: row[0])]


def open_between(*spans: tuple[float, float]) -> tuple[float, ...]:
    """Shares by five minutes of the day; spans in hours."""
    hours = [(k + 0.5) * OPEN_SLOT_S / 3600 for k in range(86_400 // OPEN_SLOT_S)]
    return tuple(float(any(a <= hour < b for a, b in spans)) for hour in hours)


def a_profile(*, a_quarter: float = 8.0, patience_s: float = 3_600.0) -> Profile:
    """Hall 1 from nine to five: tax takes 600 s and comes `a_quarter` times a quarter of an hour, enquiries are rare; windows 1 and
    2 are open all day, 3 and 4 from two to five."""
    usual = tuple(a_quarter if 36 <= slot < 68 else 0.0 for slot in range(96))
    few = tuple(0.2 if 36 <= slot < 68 else 0.0 for slot in range(96))
    items = {
        "tax": ItemProfile(
            "tax", tuple(300 + 600 * k / 32 for k in range(33)), 500, 560, 0.3, patience_s, 0.95, {}, 0.0, {WORKDAY: usual}
        ),
        "enquiry": ItemProfile("enquiry", (120.0,) * 33, 100, 100, 0.2, patience_s, 0.05, {}, 0.0, {WORKDAY: few}),
    }
    hours = {1: (9.0, 17.0), 2: (9.0, 17.0), 3: (14.0, 17.0), 4: (14.0, 17.0)}
    windows = {
        number: WindowProfile(
            number, ("tax", "enquiry") if number == 1 else ("tax",), f"c{number:02}", {WORKDAY: open_between(span)}
        )
        for number, span in hours.items()
    }
    return Profile(
        "hall-1", NOW, NOW - timedelta(days=28), 20, 20_000, items, windows, {WORKDAY: (8.75 * 3600, 17.0 * 3600)}, 0.05
    )


def store_profile(conn: Connection, profile: Profile) -> None:
    stored_profile = StoredProfile("hall-1", NOW - timedelta(hours=5), profile.since, profile.n_events, profile.as_json())
    profiles.write_profile(conn, stored_profile, kept=3)


def a_queue(conn: Connection, n: int = 8) -> None:
    """So many wait for tax since nine."""
    stored(conn, *(said(K.ARRIVE, 0.2 * k, f"A{k:03}", channel="walk_in") for k in range(n)))
