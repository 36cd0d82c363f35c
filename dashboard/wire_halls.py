"""The wire of halls: every hall in figures for a frame, one in full for its page. Pure; times are milliseconds since 1970, UTC,
spans seconds, shares from 0 to 1; null is a figure that is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dashboard.wire import ms
from domain.observations import SHORTEST_INTERVAL_S, Freshness, freshness
from domain.sensors import DeviceMode
from staffing.books import Hall, HallsNow
from staffing.figures import SLOT, HallNow, ItemNow, WindowNow
from storage.halls import HallPlace, QueueValue

Json = dict[str, Any]

EVENTS, SNAPSHOTS = "events", "snapshots"


def halls(now: HallsNow, target_s: float) -> Json:
    """All halls, as the frame of their channel."""
    return {"t": ms(now.moment.at), "target_s": target_s, "halls": [hall(h, now.moment.at, target_s) for h in now.halls]}


def hall(h: Hall, at: datetime, target_s: float) -> Json:
    """One hall in figures. `source` says what they are derived from: its events, or the snapshots that it reports."""
    head = {
        "id": h.hall_id, **_place(h.place), "freshness": _freshness(h, at), "opens": ms(h.opens), "target_s": target_s,
    }  # fmt: skip
    if h.place is not None and not h.place.tells_events and h.now is None:
        return head | _from_snapshots(h.queues, target_s)
    return head | _from_events(h.now, target_s)


def whole(h: Hall, now: HallsNow, target_s: float, *, usual: Sequence[float] | None, usual_days: int) -> Json:
    """One hall with its windows, its day and its ratings. `usual` are the mean arrivals by slot of `usual_days` earlier days."""
    n = h.now
    return {
        "t": ms(now.moment.at),
        "hall": hall(h, now.moment.at, target_s),
        "windows": [window(w) for w in n.windows] if n else [],
        "arrivals": {
            "start": ms(now.day.start), "step_s": SLOT.total_seconds(), "today": list(n.arrivals) if n else None,
            "usual": list(usual) if usual is not None else None, "usual_days": usual_days,
            "weekday": now.day.date.isoweekday(), "by_channel": dict(n.by_channel) if n else {},
        },
        "ratings": {"counts": list(n.ratings), "good_share": n.good_share} if n else None,
        "by_item": [asdict(row) for row in h.table.items] if h.table else [],
        "by_window": [asdict(row) for row in h.table.cells] if h.table else [],
    }  # fmt: skip


def window(w: WindowNow) -> Json:
    return {
        "number": w.number, "state": w.state, "since": ms(w.since), "items": list(w.items), "clerk": w.clerk,
        "presumed": w.is_presumed, "ticket": w.ticket, "item": w.item, "stage": w.stage.value if w.stage else None,
        "ticket_since": ms(w.ticket_since), "served": w.n_served,
    }  # fmt: skip


def _place(place: HallPlace | None) -> Json:
    if place is None:
        return dict.fromkeys(("name", "name_zh", "name_en", "district", "device", "state", "heard", "lon", "lat"))
    return {
        "name": place.name_zh or place.hall_id, "name_zh": place.name_zh, "name_en": place.name_en,
        "district": place.district_code, "device": place.device_id, "state": place.state, "heard": ms(place.heard_at),
        "lon": place.lon, "lat": place.lat,
    }  # fmt: skip


def _freshness(h: Hall, at: datetime) -> Freshness:
    """How current what is known of a hall is: by its heartbeat and events, or by its snapshots; a queue that tells events is on
    change."""
    if h.place is None:
        return freshness(None, SHORTEST_INTERVAL_S)
    heard = [h.place.heard_at, h.now.newest if h.now else None, *(value.phenomenon_time for value in h.queues)]
    newest = max((time for time in heard if time is not None and time <= at), default=None)
    age_s = None if newest is None else (at - newest).total_seconds()
    if h.place.tells_events:
        return freshness(age_s, h.place.interval_s, DeviceMode.ON_CHANGE, h.place.state)
    return freshness(age_s, h.place.interval_s)


def _from_events(n: HallNow | None, target_s: float) -> Json:
    if n is None or n.newest is None:
        return _figures(EVENTS, is_open=False)
    return _figures(
        EVENTS, is_open=n.is_open, waiting=n.waiting, serving=n.serving, aside=n.aside, windows_open=n.windows_open,
        windows_total=len(n.windows), wait_now_s=_whole(n.wait_s), wait_p50_s=_whole(n.p50_s), wait_p90_s=_whole(n.p90_s),
        n_waits=n.n_waits, arrived_today=n.arrived, served_today=n.served, left_today=n.left, no_shows_today=n.no_shows,
        load=None if n.load is None else round(n.load, 3),
        good_share=None if n.good_share is None else round(n.good_share, 4), n_ratings=sum(n.ratings),
        items=[_item(i, target_s) for i in n.items], measured=ms(n.newest), impossible=n.impossible,
        unannounced=n.unannounced,
    )  # fmt: skip


def _from_snapshots(queues: Sequence[QueueValue], target_s: float) -> Json:
    """What a hall says of its queues: people of all items together, the longest of their waits, and nothing else."""
    items: dict[str, dict[str, float]] = {}
    for value in queues:
        items.setdefault(value.item, {})[value.property] = value.value
    waiting = [row["waiting"] for row in items.values() if "waiting" in row]
    waits = [row["wait_s"] for row in items.values() if "wait_s" in row]
    rows = [
        {"item": item, "waiting": row.get("waiting"), "wait_s": row.get("wait_s"), "p90_s": None, "n_waits": 0,
         "target_s": target_s, "windows": None}
        for item, row in items.items()
    ]  # fmt: skip
    return _figures(
        SNAPSHOTS, is_open=None, waiting=round(sum(waiting)) if waiting else None, wait_now_s=max(waits, default=None),
        items=rows, measured=ms(max((value.phenomenon_time for value in queues), default=None)),
    )  # fmt: skip


_UNKNOWN: Mapping[str, Any] = dict.fromkeys(
    ("waiting", "serving", "aside", "windows_open", "windows_total", "wait_now_s", "wait_p50_s", "wait_p90_s", "n_waits",
     "arrived_today", "served_today", "left_today", "no_shows_today", "load", "good_share", "n_ratings", "measured",
     "impossible", "unannounced")
)  # fmt: skip


def _figures(source: str, *, is_open: bool | None, **known: Any) -> Json:
    return {"source": source, "open": is_open, "items": [], **_UNKNOWN, **known}


def _item(i: ItemNow, target_s: float) -> Json:
    return {
        "item": i.item, "waiting": i.waiting, "wait_s": _whole(i.wait_s), "p90_s": _whole(i.p90_s), "n_waits": i.n_waits,
        "target_s": target_s, "windows": i.windows,
    }  # fmt: skip


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
