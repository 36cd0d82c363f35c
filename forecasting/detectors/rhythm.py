"""The rhythm of a series: how often it speaks, and what is usual at this time of this kind of day; learnt as the values come.

For every quarter of an hour a level is kept for workdays, for weekends and for all days, and the usual departure from it; where a
time of day has not been seen often enough, the recent mean stands in. Steps are judged after the part that the departure before
explains (an autoregression of first order, its coefficient learnt as well). What is learnt from one value is bounded (Huber), so
that an outlier moves the usual by no more than a large ordinary value does. Days and hours are local.

Sources: P. J. Huber, Robust estimation of a location parameter (1964), for the bounded updates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.detectors.shape import TINY, Bools, Floats, Moment, State, blank, bounded, keep

SLOT_S = 900
SLOTS = 86_400 // SLOT_S
Indices = npt.NDArray[np.intp]

WORKDAY, WEEKEND, ANY, NO_RHYTHM = range(4)
HOURS = 24
PRESENCE_GAIN = 0.3
LONGEST_H = 2_000
"""Of a silence longer than this only the last hours are looked at."""

PROFILE_GAIN, WIDTH_GAIN = 0.07, 0.04
"""Least weights of a new day in the usual level and the usual departure: what holds for two weeks becomes usual."""
RECENT_ROWS = 200
NEIGHBOURS = (-2, -1, 1, 2)
"""Quarters of an hour around this one whose usual is not strange now: a rush does not keep to the minute."""
SEEN_DAYS = 1.5
"""Days on which a time of day must have been seen before its own level is trusted."""
SLOW_ROWS = 1_000
TRIAL_ROWS = 24.0
RESTING_SHARE = 0.6
"""Share of zeros from which a series is an intermittent one, such as rain: its mean is no level."""
RELUCTANCE = 0.1
"""By what share the better of rhythm and recent mean must be better before one is left for the other."""
BOUND = 5.0
MEAN_TO_DEVIATION = 1.25
"""Of a normal variable the mean departure is 0.8 standard deviations."""
PLAIN_SHARE = 0.1
"""Least width as a share of the mean departure without any bound: a series that rests and bursts is not all rest."""
SLOT_PRIOR = 6.0
"""Readings that the general width counts for beside those of the time of day."""
LARGEST = 1e17
"""Beyond this, squares would leave what a number of 32 bits can hold."""
RESOLUTION = 1e-6
"""Share of a value below which differences are taken for rounding."""


def start(n: int) -> State:
    return {
        "rows": blank(n), "changes": blank(n), "anchor": np.zeros(n), "first_s": np.zeros(n), "last_s": np.zeros(n),
        "last_local_s": np.zeros(n), "last": blank(n), "hour": np.full(n, -1, np.int8), "interval_s": blank(n),
        "zeros": blank(n), "presence": blank(n, 2, HOURS) - 1.0,
        "level": blank(n), "around_level": blank(n), "plain": blank(n, 2), "resid_level": blank(n),
        "center": blank(n, 3, SLOTS), "count": blank(n, 3, SLOTS), "slot_width": blank(n, SLOTS), "slot_seen": blank(n, SLOTS),
        "around_slot": blank(n), "slot_rows": blank(n), "resid_slot": blank(n), "basis": np.full(n, NO_RHYTHM, np.int8),
        "variance": blank(n, 2), "covariance": blank(n, 2), "step_width": blank(n, 4), "step_rows": blank(n, 4),
    }  # fmt: skip


def look(state: State, times_s: Floats, offset_s: Floats | float, values: Floats, low: Floats, high: Floats) -> Moment:
    """Lays the values beside what is usual, and learns from them. A time not after the one before is passed over."""
    s = state
    is_first = s["rows"] == 0
    here = np.isfinite(values) & (is_first | (times_s > s["last_s"]))
    where: Bools | bool = True if here.all() else here
    if is_first.any():
        keep(s, "anchor", values, here & is_first)
        keep(s, "first_s", times_s, here & is_first)
    x = bounded(values - s["anchor"], LARGEST).astype(np.float32)
    if where is not True:
        x, times_s = np.where(here, x, s["last"]), np.where(here, times_s, s["last_s"])
    rows = s["rows"] + 1.0
    waited_s = np.where(is_first, 0.0, times_s - s["last_s"]).astype(np.float32)
    local_s = times_s + offset_s
    day = np.floor(local_s / 86_400.0)
    slot = ((local_s - day * 86_400.0) / SLOT_S).astype(np.intp)
    hour = slot >> 2
    week = (day + 3.0) / 7.0  # 1970-01-01 was a Thursday
    kind = (week - np.floor(week) > 4.5 / 7.0).astype(np.intp)
    interval_s = np.where(s["interval_s"] > 0, s["interval_s"], waited_s)
    missed = _missed(s, waited_s, interval_s, local_s, kind, hour, where)

    of_kind, of_any, of_width = _keys(kind, slot)
    usual_kind, n_kind = s["center"][of_kind].copy(), s["count"][of_kind].copy()
    usual_any, n_any = s["center"][of_any].copy(), s["count"][of_any].copy()
    w, n_w = s["slot_width"][of_width].copy(), s["slot_seen"][of_width].copy()
    a_day = np.maximum(1.0, SLOT_S / np.maximum(interval_s, 1.0))
    days_kind = n_kind / a_day
    knows_kind, knows_slot = days_kind >= SEEN_DAYS, n_any >= SEEN_DAYS * a_day
    level, around_level, around_slot = s["level"], s["around_level"], s["around_slot"]
    of_slot = np.where(knows_kind, usual_kind, usual_any)
    # a rhythm is used where it explains more than the recent mean does
    better = np.where(s["basis"] < NO_RHYTHM, 1.0 + RELUCTANCE, 1.0 - RELUCTANCE) * around_level
    follows = knows_slot & (s["slot_rows"] >= TRIAL_ROWS) & (around_slot < better)
    basis = np.where(follows, np.where(knows_kind, kind, ANY), NO_RHYTHM)
    usual = np.where(follows, of_slot, level)
    grain = (RESOLUTION * np.abs(s["anchor"]) + TINY).astype(np.float32)
    plain = np.where(follows, s["plain"][1], s["plain"][0])
    floor = grain + PLAIN_SHARE * plain
    of_slots = (n_w * w + SLOT_PRIOR * around_slot) / (n_w + SLOT_PRIOR)
    # a weekend judged by workdays only is known less well, and so is a level known from few days
    unsure = np.sqrt(np.where(knows_kind, 1.0 + 1.0 / np.maximum(days_kind, 1.0), 2.0))
    width = np.where(follows, of_slots * unsure, around_level) + floor
    resid = x - usual
    below, above = _neighbours(s, np.where(knows_kind, kind, ANY), slot, of_slot)
    near = np.where(follows, np.minimum(np.maximum(x, below), above), level)

    variance, covariance = (np.where(follows, s[name][1], s[name][0]) for name in ("variance", "covariance"))
    resid_before = np.where(follows, s["resid_slot"], s["resid_level"])
    # steps have a width of their own above the usual: of much there is more to lose, of pollution as of traffic
    is_high = resid_before > 0
    old_width, step_rows = _chosen(s["step_width"], follows, is_high), _chosen(s["step_rows"], follows, is_high)
    other_width = np.maximum(_chosen(s["step_width"], follows, ~is_high), _chosen(s["step_width"], ~follows, is_high))
    phi = np.minimum(np.maximum(covariance / (variance + TINY), 0.0), 1.0)
    late = np.flatnonzero(waited_s > 1.5 * interval_s)
    if len(late):
        phi[late] **= np.minimum(waited_s[late] / np.maximum(interval_s[late], 1.0), 50.0)
    step = np.where(is_first | (basis != s["basis"]), 0.0, resid - phi * resid_before)
    busy = np.where(follows, np.minimum(np.maximum(of_slots / (around_slot + floor), 0.5), 3.0), 1.0)
    step_width = np.where(step_rows < 4 * TRIAL_ROWS, np.maximum(old_width, other_width), old_width)
    usual_step = step_width * busy + floor
    zeros = s["zeros"] + ((values == 0) - s["zeros"]) * np.maximum(1.0 / rows, 1.0 / SLOW_ROWS)
    moment = Moment(
        times_s=times_s, raw=values, values=x, is_here=here, where=where, anchor=s["anchor"], grain=grain, waited_s=waited_s,
        interval_s=interval_s, hour=hour, rows=rows, changes=s["changes"] + (x != s["last"]), usual=usual, width=width,
        z=(x - near) / width, follows=follows, rests=zeros > RESTING_SHARE, step=step, step_width=usual_step,
        before=s["last"].copy(), before_s=s["last_s"].copy(), first_s=s["first_s"], missed=missed,
        low=(low - s["anchor"]).astype(np.float32), high=(high - s["anchor"]).astype(np.float32),
    )  # fmt: skip

    # what is learnt below was not known above
    young = rows < 20
    slow = np.maximum(1.0 / rows, 1.0 / SLOW_ROWS)
    bound = np.where(young, np.inf, BOUND * width)
    least_gain = PROFILE_GAIN / a_day
    for key, cells, n_cells, known in ((of_kind, usual_kind, n_kind, knows_kind), (of_any, usual_any, n_any, knows_slot)):
        error = x - cells
        error = np.where(known, bounded(error, bound), error)
        gain = np.maximum(1.0 / (n_cells + 1.0), least_gain)
        _write(s["center"], key, cells + error * gain, here, where)
        _write(s["count"], key, n_cells + 1.0, here, where)
    off = x - level
    far = np.where(young, np.inf, BOUND * (around_level + floor))
    off_bounded = bounded(off, far)
    keep(s, "level", level + off_bounded * np.maximum(1.0 / rows, 1.0 / RECENT_ROWS), where)
    keep(s, "around_level", around_level + (MEAN_TO_DEVIATION * np.abs(off_bounded) - around_level) * slow, where)
    slot_rows = s["slot_rows"] + knows_slot
    beside = MEAN_TO_DEVIATION * np.minimum(np.abs(x - of_slot), np.where(slot_rows < 20, np.inf, BOUND * (of_slots + floor)))
    gain = np.where(knows_slot, np.maximum(1.0 / np.maximum(slot_rows, 1.0), 1.0 / SLOW_ROWS), 0.0)
    keep(s, "around_slot", around_slot + (beside - around_slot) * gain, where)
    keep(s, "slot_rows", slot_rows, where)
    gain = np.where(knows_slot, np.maximum(1.0 / (n_w + 1.0), WIDTH_GAIN / a_day), 0.0)
    _write(s["slot_width"], of_width, w + (beside - w) * gain, here, where)
    _write(s["slot_seen"], of_width, n_w + knows_slot, here, where)
    pulled = bounded(resid, bound)
    step_rows = step_rows + 1.0
    slow = np.maximum(1.0 / step_rows, 1.0 / SLOW_ROWS)
    size = MEAN_TO_DEVIATION * np.minimum(np.abs(step), np.where(step_rows < 20, np.inf, BOUND * usual_step)) / busy
    for name, new in (
        ("covariance", covariance + (pulled * bounded(resid_before, bound) - covariance) * slow),
        ("variance", variance + (pulled * pulled - variance) * slow),
        ("plain", plain + (MEAN_TO_DEVIATION * np.abs(resid) - plain) * slow),
    ):
        np.copyto(s[name][1], new, where=follows & here)
        np.copyto(s[name][0], new, where=~follows & here)
    for k, where_k in enumerate((~follows & ~is_high, ~follows & is_high, follows & ~is_high, follows & is_high)):
        np.copyto(s["step_width"][k], old_width + (size - old_width) * slow, where=where_k & here)
        np.copyto(s["step_rows"][k], step_rows, where=where_k & here)
    for name, new in (
        ("resid_level", off), ("resid_slot", x - of_slot), ("changes", moment.changes), ("last", x), ("last_s", times_s),
        ("interval_s", _interval(interval_s, waited_s, rows)), ("last_local_s", local_s), ("basis", basis), ("zeros", zeros),
        ("hour", hour), ("rows", rows),
    ):  # fmt: skip
        keep(s, name, new, where)
    return moment


def _chosen(table: Floats, follows: Bools, is_high: Bools) -> Floats:
    """The row of a table of four that holds for each series."""
    chosen: Floats = np.where(follows, np.where(is_high, table[3], table[2]), np.where(is_high, table[1], table[0]))
    return chosen


Key = tuple[Any, ...]


def _keys(kind: Indices, slot: Indices) -> tuple[Key, Key, Key]:
    """Where the cells of (kind, slot), (any kind, slot) and (slot) lie; one row of the tables where all series agree, as those
    of one tick mostly do."""
    if (slot == slot[0]).all() and (kind == kind[0]).all():
        return (kind[0], slot[0]), (ANY, slot[0]), (slot[0],)
    column = np.arange(len(slot))
    return (kind, slot, column), (ANY, slot, column), (slot, column)


def _write(table: Floats, key: Key, new: Floats, here: Bools, where: Bools | bool) -> None:
    if np.ndim(key[-1]) == 0:
        np.copyto(table[key], new, where=where, casting="same_kind")
    elif where is True:
        table[key] = new
    else:
        table[tuple(part if np.ndim(part) == 0 else part[here] for part in key)] = new[here]


def _neighbours(s: State, basis: Indices, slot: Indices, at_slot: Floats) -> tuple[Floats, Floats]:
    """Least and largest of the usual values around a time of day, its own included; those never seen do not count."""
    below = above = at_slot
    for away in NEIGHBOURS:
        key, *_ = _keys(basis, (slot + away) % SLOTS)
        beside = np.where(s["count"][key] > 0, s["center"][key], at_slot)
        below, above = np.minimum(below, beside), np.maximum(above, beside)
    return below, above


def _interval(known_s: Floats, waited_s: Floats, rows: Floats) -> Floats:
    """The running median of the waits, moved by a share of itself that shrinks as more is known."""
    step = 1.0 + np.maximum(0.01, 1.0 / rows)
    moved = np.where(waited_s > known_s, np.minimum(known_s * step, waited_s), np.maximum(known_s / step, waited_s))
    return np.where(waited_s > 0, moved, known_s)


def _missed(
    s: State, waited_s: Floats, interval_s: Floats, local_s: Floats, kind: Indices, hour: Indices, where: Bools | bool
) -> Floats:
    """How many readings are missing between the one before and this; hours in which the series is usually silent do not count.
    Learns which hours those are."""
    missed = np.maximum(waited_s / np.maximum(interval_s, 1.0) - 1.0, 0.0)
    for i in np.flatnonzero((waited_s > 3_600.0) & (missed > 1.0) & where):
        hours = np.arange(s["last_local_s"][i] // 3_600 + 1, local_s[i] // 3_600, dtype=np.intp)[-LONGEST_H:]
        if len(hours):
            an_hour = 3_600.0 / interval_s[i]
            due = _due_share(s["presence"][:, :, i], hours)
            missed[i] = max(missed[i] - len(hours) * an_hour, 0.0) + due * an_hour
    entered = np.flatnonzero((hour != s["hour"]) & where)
    if len(entered):
        at = (kind[entered], hour[entered], entered)
        s["presence"][at] = _learnt(s["presence"][at], 1.0)
    return missed


def _due_share(presence: Floats, hours: Indices) -> float:
    """How many of these silent hours (since 1970, local) readings were due in; `presence` (kind × hour, −1: never met) learns
    that they were silent. Of a kind of day never met, readings are due as on the other, unless the series has closing hours."""
    kinds, hour = ((hours // HOURS + 3) % 7 >= 5).astype(np.intp), hours % HOURS
    share, other = presence[kinds, hour], presence[1 - kinds, hour]
    closes = bool(((presence >= 0) & (presence < 0.5)).any())
    due = np.where(share >= 0, share, 0.0 if closes else np.abs(other))
    presence[kinds, hour] = _learnt(share, 0.0)
    return float(due.sum())


def _learnt(share: Floats, seen: float) -> Floats:
    return np.where(share < 0, seen, share + PRESENCE_GAIN * (seen - share))
