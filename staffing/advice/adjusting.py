"""Adjusting: a proposal whose steps somebody changes by hand is checked, simulated anew and priced beside what was proposed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.halls import WindowState
from domain.refusals import Refused
from staffing.advice.ground import Ground
from staffing.advice.proposals import Json, commands_json, figures_json, judged, moves_of, ms, said_of_steps, state_at
from staffing.advice.verification import figures
from staffing.advice.words import Sentence, price_words
from staffing.futures import fates

MOST_STEPS = 20
BEHIND = timedelta(minutes=5)
WANTED = (WindowState.OPEN.value, WindowState.PAUSED.value, WindowState.CLOSED.value)


def read_steps(text: str, *, windows: Collection[int], offered: Collection[str], now: datetime, horizon_s: float) -> list[Json]:
    """The steps as somebody changed them: window, state, items, from when until when. Raises Refused for what cannot be."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, list) or not 1 <= len(said) <= MOST_STEPS or not all(isinstance(step, dict) for step in said):
        raise Refused(
            "steps_unreadable", f"调整后的步骤无法读取：应为 1 至 {MOST_STEPS} 步的列表",
            f"the steps cannot be read: expected a list of 1 to {MOST_STEPS} steps",
        )  # fmt: skip
    return [_read(step, windows, offered, now, horizon_s) for step in said]


def _read(step: Mapping[str, Any], windows: Collection[int], offered: Collection[str], now: datetime, horizon_s: float) -> Json:
    window, state, at, until = step.get("window"), step.get("to_state"), step.get("at"), step.get("until")
    items = step.get("to_items") or []
    if window not in windows or isinstance(window, bool):
        raise _wrong(f"没有 {str(window)[:20]} 号窗口", f"there is no window {str(window)[:20]}")
    if state not in WANTED:
        raise _wrong(f"{window} 号窗口的状态无效：应为开放、暂停或关闭", f"window {window}: expected open, paused or closed")
    if not isinstance(items, list) or (strange := [i for i in items if not isinstance(i, str) or (offered and i not in offered)]):
        name = str(strange[0])[:40] if isinstance(items, list) and items else ""
        raise _wrong(f"{window} 号窗口：本厅不办理 {name}", f"window {window}: the hall does not offer {name}")
    if state == WindowState.OPEN and not items:
        raise _wrong(f"{window} 号窗口未写明办理事项", f"window {window}: no items are named")
    first, last = ms(now - BEHIND), ms(now) + round(1000 * horizon_s)
    for name, value in (("at", at), ("until", until)):
        if name == "until" and value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or not first <= value <= last:
            raise _wrong(
                f"{window} 号窗口的时间不在未来四小时内", f"window {window}: the time is not within the hours of the plan"
            )
    if until is not None and at is not None and until <= at:
        raise _wrong(f"{window} 号窗口的结束时间早于开始时间", f"window {window} ends before it begins")
    clerk = step.get("clerk")
    return {
        "at": max(round(at or 0), ms(now)), "window": window, "to_state": state,
        "to_items": list(dict.fromkeys(items)) if state == WindowState.OPEN else [],
        "until": None if until is None else round(until), "clerk": clerk[:60] if isinstance(clerk, str) else None,
        "why": _why(step.get("why")),
    }  # fmt: skip


def _why(said: object) -> dict[str, str]:
    """What the proposal said of a step that was kept; nothing else is taken over."""
    if isinstance(said, dict) and all(isinstance(said.get(lang), str) and len(said[lang]) <= 300 for lang in ("zh", "en")):
        return {"zh": said["zh"], "en": said["en"]}
    return {"zh": "人工调整", "en": "changed by hand"}


def _wrong(zh: str, en: str) -> Refused:
    return Refused("step_wrong", zh, en)


def adjusted(content: Mapping[str, Any], steps: Sequence[Json], ground: Ground, zone: ZoneInfo) -> Json:
    """The content of a proposal with other steps: what they do, and what that costs beside the plan as proposed, both on the same
    futures."""
    moves = moves_of(steps, ground)
    before = figures(ground.futures, fates(ground.futures, ground.posts), ground.posts, ground.edges, ground.closes_s)
    changed, proposed = judged(ground, before, moves), judged(ground, before, moves_of(content["steps"], ground))
    full = [_completed(step, ground) for step in steps]
    said = said_of_steps(full, len(ground.items), changed, zone)
    price = _price(changed.gain, proposed.gain, changed.after, proposed.after)
    assert changed.after is not None
    return {
        **content, "steps": full, "commands": commands_json(moves, ground), "before": figures_json(before, ground),
        "after": figures_json(changed.after, ground), "gain": changed.gain.as_json() if changed.gain else content["gain"],
        "said": said.as_json() if said is not None else content["said"],
        "price": price.as_json() if price is not None else None, "adjusted": True,
    }  # fmt: skip


def _completed(step: Json, ground: Ground) -> Json:
    at_s = (step["at"] - ms(ground.now)) / 1000
    until_s = (step["until"] - ms(ground.now)) / 1000 if step["until"] is not None else ground.horizon_s
    (now_state, now_items), (then_state, then_items) = (state_at(ground, step["window"], s) for s in (at_s, until_s))
    return {
        **step, "from_state": now_state.value, "from_items": list(now_items), "then_state": then_state.value,
        "then_items": list(then_items),
    }  # fmt: skip


def _price(changed: Any, proposed: Any, after: Any, was: Any) -> Sentence | None:
    worst = after.worst_range if after is not None else None
    before = was.worst_range if was is not None else None
    if worst is None or before is None or changed is None or proposed is None:
        return None
    return price_words(before.mid, worst.mid, changed.window_h - proposed.window_h)
