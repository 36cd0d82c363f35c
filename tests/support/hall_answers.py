"""What the server answers about one hall's future, its people and its ratings, as the page of halls asks for it: small and complete,
so that the page can be looked at by itself. Times are milliseconds; `t` is now on the server's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]
MINUTE, HOUR = 60_000, 3_600_000
SLOT = 15 * MINUTE
ITEMS = ("tax", "social_security", "real_estate", "id_card", "medical_insurance")
ZONE = ZoneInfo("Asia/Shanghai")


def pair(zh: str, en: str) -> Json:
    return {"zh": zh, "en": en}


def ahead(t: int) -> Json:
    """Waits that rise to above the target within the hour and fall again."""
    leads = list(range(0, 14_401, 900))
    shape = [1 + 1.2 * max(0.0, 1 - abs(k - 4) / 4) for k in range(len(leads))]

    def item(name: str, base: float) -> Json:
        p50 = [base * s for s in shape]
        return {
            "item": name, "leads_s": leads, "p10_s": [0.5 * s for s in p50], "p50_s": p50, "p90_s": [1.7 * s for s in p50],
            "leave_share": [0.02 * s for s in shape],
        }  # fmt: skip

    return {
        "hall": "hall-1", "t": t, "issued": t - 60_000, "known_until": t - 61_000, "basis": "simulation", "reason": None,
        "target_s": 900, "profile": {"learned": t - 8 * HOUR, "days": 28},
        "items": [item("", 380), *(item(name, 420 - 60 * k) for k, name in enumerate(ITEMS))],
        "scores": [
            {"lead_s": 1800, "n": 412, "coverage": 0.82, "mae_s": 214, "persist_mae_s": 398},
            {"lead_s": 3600, "n": 398, "coverage": 0.79, "mae_s": 262, "persist_mae_s": 497},
        ],
        "breach": {"item": "tax", "at": t + HOUR, "p90_s": 1_460},
    }  # fmt: skip


def figures(t: int, worst_s: float, left: float) -> Json:
    slots = [t - t % SLOT + k * SLOT for k in range(16)]
    shape = [0.6 + 0.4 * max(0.0, 1 - abs(k - 5) / 5) for k in range(16)]
    p90 = [worst_s * s for s in shape]
    return {
        "slots": slots, "p50_s": [0.4 * s for s in p90], "p90_s": p90, "p90_low_s": [0.7 * s for s in p90],
        "p90_high_s": [1.3 * s for s in p90], "mean_s": [0.45 * s for s in p90], "windows": [12] * 16, "left": left,
        "overtime_s": 1_260, "worst": {"at": slots[5], "item": "tax", "p90_s": worst_s, "low_s": 0.7 * worst_s, "high_s": 1.3 * worst_s},
        "items": [{"item": "tax", "worst_p90_s": worst_s}],
    }  # fmt: skip


def step(t: int, window: int, minutes: int, from_items: tuple[str, ...], to_items: tuple[str, ...], **more: Any) -> Json:
    return {
        "at": t - t % SLOT + minutes * MINUTE, "window": window, "from_state": "open", "from_items": list(from_items),
        "to_state": "open", "to_items": list(to_items), "until": None, "clerk": None,
        "why": pair("税务等候最长，该柜员具备技能", "tax waits longest, the clerk can do it"), **more,
    }  # fmt: skip


def proposal(t: int, state: str = "open", **more: Any) -> Json:
    return {
        "id": "wp-1", "state": state, "issued": t - 40_000, "valid_until": t + 14 * MINUTE, "decided": None, "by": None,
        "reason": None,
        "said": pair(
            "09:15 将 7 号窗转办税务、09:30 打开 5 号窗，预计最长等候 24 → 11 分钟（80% 区间 8–15）",
            "09:15 window 7 to tax, 09:30 open window 5: worst wait 24 → 11 min (80 % interval 8–15)",
        ),
        "rests_on": {"profile_days": 28, "demand_basis": "forecast", "futures": 200, "n_waiting": 37},
        "steps": [
            step(t, 7, 15, ("real_estate",), ("tax",), clerk="c07"),
            step(t, 5, 30, (), ("tax", "social_security"), from_state="paused", until=t - t % SLOT + 120 * MINUTE),
        ],
        "before": figures(t, 1_440, 9.4), "after": figures(t, 660, 2.8),
        "gain": {"worst_p90_s": 780, "low_s": 540, "high_s": 960, "mean_s": 210, "left": 6.6, "window_h": 1.5, "moves": 2},
        "price": pair("不动产登记等候 4 → 6 分钟，仍在目标内", "real estate waits 4 → 6 min, within the target"),
        "outcome": None, **more,
    }  # fmt: skip


def windows(t: int, *, is_running: bool = False) -> Json:
    judged = proposal(t - 5 * HOUR, "done", id="wp-0", outcome={
        "followed": 2, "n_steps": 2, "promised_p90_s": [480, 660, 900], "measured_p90_s": 702, "without_p90_s": 1_380, "n_waits": 148,
        **pair("2 步全部执行，P90 为 11.7 分钟，在承诺区间内", "both steps were done; P90 11.7 min, within what was promised"),
    })  # fmt: skip
    steps = [
        {"id": "s-1", "proposal": "wp-1" if is_running else None, "window": 3, "wanted": "open", "items": ["tax"], "due": t - 20 * MINUTE,
         "state": "accepted", "sent": t - 20 * MINUTE, "answered": t - 20 * MINUTE + 2000, "answer": "accepted", "by": "dai"},
        {"id": "s-2", "proposal": "wp-1" if is_running else None, "window": 9, "wanted": "open", "items": ["id_card"], "due": t - 4 * MINUTE,
         "state": "refused", "sent": t - 4 * MINUTE, "answered": t - 4 * MINUTE + 2000, "answer": "no_clerk", "by": "dai"},
    ]  # fmt: skip
    running = [proposal(t, "accepted", decided=t - 20 * MINUTE, by="dai")] if is_running else []
    return {
        "hall": "hall-1", "t": t, "proposal": None if is_running else proposal(t), "none": None, "running": running, "past": [judged],
        "steps": steps, "present": {"clerks": 14, "in_reserve": 2},
    }  # fmt: skip


def what_if(t: int) -> Json:
    return {
        "before": figures(t, 1_440, 9.4), "after": figures(t, 720, 3.6), "n": 200, "took_ms": 312,
        "said": pair("最长等候 24 → 12 分钟", "worst wait 24 → 12 min"), "refused": None,
    }  # fmt: skip


def clerks(t: int) -> Json:
    def clerk(k: int) -> Json:
        today = f"window {k}" if k < 12 else "reserve" if k < 14 else "absent"
        return {
            "clerk": f"c{k:03}", "skills": list(ITEMS[k % 4 : k % 4 + 2]), "week_h": 40, "wishes": {"off_weekdays": [5]} if k == 3 else {},
            "origin": "seen" if k % 3 else "registered", "since": t - 20 * 24 * HOUR, "today": today,
        }  # fmt: skip

    absence = {
        "id": "a-1",
        "clerk": "c014",
        "from": "2026-03-02",
        "to": "2026-03-04",
        "kind": "leave",
        "noted": t - HOUR,
        "by": "dai",
    }
    return {"clerks": [clerk(k) for k in range(1, 15)], "absences": [absence]}


def roster(t: int) -> Json:
    first = datetime.fromtimestamp(t / 1000, ZONE).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def day(n: int) -> Json:
        start = first + timedelta(days=n)
        at = lambda h: int((start + timedelta(hours=h)).astimezone(UTC).timestamp() * 1000)  # noqa: E731
        slots = [at(8.75 + k / 4) for k in range(34)]
        shifts = [
            {"clerk": f"c{k:03}", "shift": "day", "start": at(8.75), "end": at(17.25), "lunch": [at(11.5 + (k % 3) * 0.75), at(12.25 + (k % 3) * 0.75)],
             "group": ITEMS[k % 2]}
            for k in range(1, 13) if (k + n) % 5
        ]  # fmt: skip
        heads = [
            sum(s["start"] <= slot < s["end"] and not s["lunch"][0] <= slot < s["lunch"][1] for s in shifts) for slot in slots
        ]
        return {
            "date": start.date().isoformat(), "kind": "workday", "slots": slots, "shifts": shifts, "planned": heads,
            "needed": [{"item_group": "tax", "heads": [5 if 8 < k < 14 else 4 for k in range(34)]},
                       {"item_group": "social_security", "heads": [5 if 20 < k < 26 else 4 for k in range(34)]}],
            "short": [{"at": slots[12], "until": slots[14], "group": "tax", "heads": 1}],
        }  # fmt: skip

    last = (first + timedelta(days=4)).date().isoformat()
    row = {"id": "ro-1", "first": first.date().isoformat(), "last": last, "state": "draft", "asked": t - HOUR, "by": "dai",
           "solved": t - HOUR + 14_000, "took_s": 13.8}  # fmt: skip
    shown = row | {
        "days": [day(n) for n in range(5)],
        "unmet": [pair("周二 11:45–12:15 税务缺 1 人", "Tue 11:45–12:15 one head short for tax")],
        "relaxations": [pair("c005 周二午休推后 30 分钟", "lunch of c005 on Tuesday half an hour later") | {"key": "lunch:c005", "gain": 0.5}],
        "compare": {"in_force": {"short_h": 6.5, "paid_h": 412.0, "served_share": 0.91}, "this": {"short_h": 0.5, "paid_h": 408.0, "served_share": 0.97}},
        "fairness": {"early": 1, "late": 2, "saturday": 0, "hours": 3.5},
    }  # fmt: skip
    return {"rosters": [row, row | {"id": "ro-0", "state": "in_force", "asked": t - 90 * HOUR}], "roster": shown}


def ratings(t: int) -> Json:
    def follow(k: int, state: str, days_left: int) -> Json:
        return {
            "id": f"f-{k}", "ticket": f"B03{k}", "rated": t - (20 - k) * 24 * HOUR, "grade": 4 + k % 2, "item": ITEMS[k], "window": 3 + k,
            "clerk": f"c{k:03}", "wait_s": 1_500 + 60 * k, "due": t + days_left * 24 * HOUR, "days_left": days_left, "state": state,
            "since": t - HOUR, "by": "dai" if state != "open" else None,
            "steps": [{"at": t - HOUR, "state": state, "by": "dai", "words": "已电话回访，材料清单当场补发"}] if state != "open" else [],
        }  # fmt: skip

    by = [
        {
            "window": k,
            "clerk": f"c{k:03}",
            "n": 40 - k,
            "good_share": 0.99 - 0.02 * k,
            "low": 0.95 - 0.03 * k,
            "high": min(1.0, 1.0 - 0.01 * k),
        }
        for k in range(1, 12)
    ]
    return {
        "t": t, "counts": [352, 19, 8, 5, 2], "good_share": 0.982, "by_window": by,
        "by_item": [{"item": name, "n": 80 - k, "good_share": 0.99 - 0.02 * k, "low": 0.96 - 0.03 * k, "high": 1.0 - 0.01 * k} for k, name in enumerate(ITEMS)],
        "recent": [{"at": t - k * 3 * MINUTE, "grade": 4 if k == 3 else 1 + k % 2, "item": ITEMS[k % 5], "window": 1 + k % 9, "wait_s": 240 + 90 * k} for k in range(14)],
        "effect": {"bins": [
            {"wait_s": [0, 300], "n": 180, "bad_share": 0.005, "low": 0.001, "high": 0.03}, {"wait_s": [300, 900], "n": 120, "bad_share": 0.016, "low": 0.005, "high": 0.06},
            {"wait_s": [900, 1800], "n": 60, "bad_share": 0.05, "low": 0.02, "high": 0.14}, {"wait_s": [1800, None], "n": 26, "bad_share": 0.12, "low": 0.04, "high": 0.29}],
            **pair("等候超过 15 分钟者差评率为其余的 6.3 倍（95% 区间 1.6–24）", "those who waited over 15 min rate badly 6.3 times as often (95 % interval 1.6–24)")},
        "follow_ups": [follow(0, "open", 2), follow(1, "contacted", 6), follow(2, "open", -1), follow(3, "closed", 9)],
        "counts_follow_ups": {"open": 3, "overdue": 1, "closed_in_time_share": 0.94},
    }  # fmt: skip


def city(t: int, halls: tuple[str, ...] = ("hall-1", "hall-2")) -> Json:
    rows = [
        {"id": h, "load": 0.9 - 0.3 * k, "wait_now_s": 900 - 300 * k, "wait_ahead": {"at": t + HOUR, "p50_s": 600, "p90_s": 1_300 - 400 * k},
         "left_share_today": 0.04, "good_share": 0.98, "rank": k + 1}
        for k, h in enumerate(halls)
    ]  # fmt: skip
    return {
        "t": t, "halls": rows,
        "instead": [{"from_district": "440106", "item": "tax", "halls": [
            {"id": h, "travel_s": 600 + 400 * k, "travel_basis": "roads", "wait_s": [300, 900 - 500 * k, 1_500 - 600 * k], "total_s": 1_500 - 100 * k} for k, h in enumerate(halls)]}],
        "asking": [halls[0]],
        "surges": [{"item": "tax", "hall": halls[0], "since": t - 20 * MINUTE, "ended": None, "observed": 31, "expected": 14.2, "ratio": 2.18,
                    **pair("近 30 分钟 31 人取号，约为预计的 2.2 倍", "31 came within 30 min, about 2.2 times as many as expected")}],
        "cross": [{"what": "rain", **pair("降雨 10 毫米以上的半天，现场取号少约一成", "half-days with over 10 mm of rain have about a tenth fewer walk-ins"), "n_days": 11, "effect": 0.89, "low": 0.83, "high": 0.96}],
        "best": [{"hall": h, "item": "tax", "weekday": d, "slot_s": 32_400 + 1_800 * s, "p50_s": 200 + 90 * ((d + s) % 7), "n": 4} for h in halls for d in range(1, 6) for s in range(16)],
    }  # fmt: skip


ANSWERS = {
    "/api/hall/ahead": ahead, "/api/hall/windows": windows, "/api/hall/what_if": what_if, "/api/hall/clerks": clerks,
    "/api/hall/roster": roster, "/api/hall/ratings": ratings, "/api/halls/city": city,
}  # fmt: skip
