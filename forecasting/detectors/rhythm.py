"""The rhythm of a series: how often it speaks, and what is usual at this time of this kind of day; learnt as the values come.

For every quarter of an hour a level is kept for workdays, for weekends and for all days, and the usual departure from it; where a
time of day has not been seen often enough, the recent mean stands in. Steps are judged after the part that the departure before
explains (an autoregression of first order, its coefficient learnt as well). What is learnt from one value is bounded (Huber), so
that an outlier moves the usual by no more than a large ordinary value does. Days and hours are local.

Where steps grow with the level, as those of what is multiplied by chance do, they are judged beside the steps of that level
(`tilt`: the share by which they are larger for each mean above the mean, learnt as well).

Sources: P. J. Huber, Robust estimation of a location parameter (1964), for the bounded updates; R. J. Carroll and D. Ruppert,
Transformation and Weighting in Regression (1988), chapter 2, for a scatter that depends on the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.detectors.shape import TINY, Bools, Floats, Moment, State, blank, bounded, keep

SLOT_S = 900
SLOTS = 86_400 // SLOT_S
Indices = npt.NDArray[np.intp]
Key = tuple[Any, ...]
"""Where cells of a table lie."""

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
MOST_TILT, LEAST_AT_LEVEL, FARTHEST = 1.5, 0.3, 3.0
"""Steps grow with the level by a power of this at most (of what is multiplied by chance, such as pollution, by 1); they are
never thought smaller than this share, and levels that are further from the recent mean, in means, no further."""
TILT_ROWS = 100.0
"""Readings after which half of what was learnt about that is believed."""
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
        "tilt": blank(n, 2),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Usual:
    """What was known of this time of day before the reading. `of_kind`, `of_any`, `of_width`: where its cells lie; `level_kind`,
    `level_any`: the level on such days and on all, after `n_kind` and `n_any` readings; `departure` from it after `n_departure`.
    From the one that stands for the time of day (`of_slot`) departures are usually `of_slots`. `follows`: whether it is used;
    then `level` is it, otherwise the recent mean; `width` the usual departure from that, at least `floor`."""

    slot: Indices
    day_kind: Indices
    of_kind: Key
    of_any: Key
    of_width: Key
    a_day: Floats
    level_kind: Floats
    n_kind: Floats
    knows_kind: Bools
    level_any: Floats
    n_any: Floats
    knows_slot: Bools
    departure: Floats
    n_departure: Floats
    of_slot: Floats
    of_slots: Floats
    follows: Bools
    basis: Indices
    level: Floats
    width: Floats
    floor: Floats


@dataclass(frozen=True, slots=True)
class _Step:
    """The step to the reading: `size` is what the departure before (`resid_before`, with its `variance` and `covariance`) does
    not explain, `usual` its usual size here, `busy` times that of other hours and `at_level` times that at other levels, `above`
    how far the reading before lay above the recent mean, in means; `known_width` and `rows` are of steps from this side of the
    usual (`is_high`: above)."""

    size: Floats
    usual: Floats
    busy: Floats
    at_level: Floats
    above: Floats
    known_width: Floats
    rows: Floats
    is_high: Bools
    resid_before: Floats
    variance: Floats
    covariance: Floats


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
    day_kind, slot = _time_of(local_s)
    hour = slot >> 2
    interval_s = np.where(s["interval_s"] > 0, s["interval_s"], waited_s)
    missed = _missed(s, waited_s, interval_s, local_s, day_kind, hour, where)
    grain = (RESOLUTION * np.abs(s["anchor"]) + TINY).astype(np.float32)
    usual = _usual(s, day_kind, slot, interval_s, grain)
    step = _step(s, usual, x, is_first, waited_s, interval_s)
    below, above = _neighbours(s, np.where(usual.knows_kind, day_kind, ANY), slot, usual.of_slot)
    near = np.where(usual.follows, np.minimum(np.maximum(x, below), above), s["level"])
    zeros = s["zeros"] + ((values == 0) - s["zeros"]) * np.maximum(1.0 / rows, 1.0 / SLOW_ROWS)
    moment = Moment(
        times_s=times_s, raw=values, values=x, is_here=here, where=where, anchor=s["anchor"], grain=grain, waited_s=waited_s,
        interval_s=interval_s, hour=hour, rows=rows, changes=s["changes"] + (x != s["last"]), usual=usual.level,
        width=usual.width, z=(x - near) / usual.width, follows=usual.follows, rests=zeros > RESTING_SHARE, step=step.size,
        step_width=step.usual, before=s["last"].copy(), before_s=s["last_s"].copy(), first_s=s["first_s"], missed=missed,
        low=(low - s["anchor"]).astype(np.float32), high=(high - s["anchor"]).astype(np.float32),
    )  # fmt: skip
    # what is learnt below was not known above
    off = x - s["level"]
    _learn_levels(s, usual, moment, off)
    _learn_steps(s, usual, step, moment)
    for name, new in (
        ("resid_level", off), ("resid_slot", x - usual.of_slot), ("changes", moment.changes), ("last", x), ("last_s", times_s),
        ("interval_s", _interval(interval_s, waited_s, rows)), ("last_local_s", local_s), ("basis", usual.basis),
        ("zeros", zeros), ("hour", hour), ("rows", rows),
    ):  # fmt: skip
        keep(s, name, new, where)
    return moment


def _time_of(local_s: Floats) -> tuple[Indices, Indices]:
    """The kind of day and the quarter of an hour."""
    day = np.floor(local_s / 86_400.0)
    slot = ((local_s - day * 86_400.0) / SLOT_S).astype(np.intp)
    week = (day + 3.0) / 7.0  # 1970-01-01 was a Thursday
    return (week - np.floor(week) > 4.5 / 7.0).astype(np.intp), slot


def _usual(s: State, day_kind: Indices, slot: Indices, interval_s: Floats, grain: Floats) -> _Usual:
    of_kind, of_any, of_width = _keys(day_kind, slot)
    level_kind, n_kind = s["center"][of_kind].copy(), s["count"][of_kind].copy()
    level_any, n_any = s["center"][of_any].copy(), s["count"][of_any].copy()
    departure, n_departure = s["slot_width"][of_width].copy(), s["slot_seen"][of_width].copy()
    a_day = np.maximum(1.0, SLOT_S / np.maximum(interval_s, 1.0))
    days_kind = n_kind / a_day
    knows_kind, knows_slot = days_kind >= SEEN_DAYS, n_any >= SEEN_DAYS * a_day
    around_level, around_slot = s["around_level"], s["around_slot"]
    of_slot = np.where(knows_kind, level_kind, level_any)
    # a rhythm is used where it explains more than the recent mean does
    better = np.where(s["basis"] < NO_RHYTHM, 1.0 + RELUCTANCE, 1.0 - RELUCTANCE) * around_level
    follows = knows_slot & (s["slot_rows"] >= TRIAL_ROWS) & (around_slot < better)
    floor = grain + PLAIN_SHARE * np.where(follows, s["plain"][1], s["plain"][0])
    of_slots = (n_departure * departure + SLOT_PRIOR * around_slot) / (n_departure + SLOT_PRIOR)
    # a weekend judged by workdays only is known less well, and so is a level known from few days
    unsure = np.sqrt(np.where(knows_kind, 1.0 + 1.0 / np.maximum(days_kind, 1.0), 2.0))
    return _Usual(
        slot=slot, day_kind=day_kind, of_kind=of_kind, of_any=of_any, of_width=of_width, a_day=a_day, level_kind=level_kind,
        n_kind=n_kind, knows_kind=knows_kind, level_any=level_any, n_any=n_any, knows_slot=knows_slot, departure=departure,
        n_departure=n_departure, of_slot=of_slot, of_slots=of_slots, follows=follows,
        basis=np.where(follows, np.where(knows_kind, day_kind, ANY), NO_RHYTHM), level=np.where(follows, of_slot, s["level"]),
        width=np.where(follows, of_slots * unsure, around_level) + floor, floor=floor,
    )  # fmt: skip


def _step(s: State, usual: _Usual, x: Floats, is_first: Bools, waited_s: Floats, interval_s: Floats) -> _Step:
    follows = usual.follows
    variance, covariance = (np.where(follows, s[name][1], s[name][0]) for name in ("variance", "covariance"))
    resid_before = np.where(follows, s["resid_slot"], s["resid_level"])
    # steps have a width of their own above the usual: of much there is more to lose, of pollution as of traffic
    is_high = resid_before > 0
    known, rows = _chosen(s["step_width"], follows, is_high), _chosen(s["step_rows"], follows, is_high)
    other = np.maximum(_chosen(s["step_width"], follows, ~is_high), _chosen(s["step_width"], ~follows, is_high))
    phi = np.minimum(np.maximum(covariance / (variance + TINY), 0.0), 1.0)
    late = np.flatnonzero(waited_s > 1.5 * interval_s)
    if len(late):
        phi[late] **= np.minimum(waited_s[late] / np.maximum(interval_s[late], 1.0), 50.0)
    size = np.where(is_first | (usual.basis != s["basis"]), 0.0, x - usual.level - phi * resid_before)
    busy = np.where(follows, np.minimum(np.maximum(usual.of_slots / (s["around_slot"] + usual.floor), 0.5), 3.0), 1.0)
    width = np.where(rows < 4 * TRIAL_ROWS, np.maximum(known, other), known)
    mean = np.abs(s["anchor"] + s["level"]).astype(np.float32)
    above = bounded((s["last"] - s["level"]) / (mean + TINY), FARTHEST)
    tilt = s["tilt"][0] / (s["tilt"][1] + TINY) * (s["rows"] / (s["rows"] + TILT_ROWS))
    at_level = np.maximum(1.0 + np.minimum(np.maximum(tilt, 0.0), MOST_TILT) * above, LEAST_AT_LEVEL)
    busy_width = width * busy * at_level + usual.floor
    return _Step(size, busy_width, busy, at_level, above, known, rows, is_high, resid_before, variance, covariance)


def _learn_levels(s: State, usual: _Usual, m: Moment, off: Floats) -> None:
    """The levels of the time of day and the recent mean, and the departures from them. `off`: from the recent mean."""
    x, where = m.values, m.where
    young = m.rows < 20
    slow = np.maximum(1.0 / m.rows, 1.0 / SLOW_ROWS)
    bound = np.where(young, np.inf, BOUND * usual.width)
    for key, level, n, is_known in (
        (usual.of_kind, usual.level_kind, usual.n_kind, usual.knows_kind),
        (usual.of_any, usual.level_any, usual.n_any, usual.knows_slot),
    ):
        error = x - level
        error = np.where(is_known, bounded(error, bound), error)
        gain = np.maximum(1.0 / (n + 1.0), PROFILE_GAIN / usual.a_day)
        _write(s["center"], key, level + error * gain, m.is_here, where)
        _write(s["count"], key, n + 1.0, m.is_here, where)
    around_level = s["around_level"]
    pulled = bounded(off, np.where(young, np.inf, BOUND * (around_level + usual.floor)))
    keep(s, "level", s["level"] + pulled * np.maximum(1.0 / m.rows, 1.0 / RECENT_ROWS), where)
    keep(s, "around_level", around_level + (MEAN_TO_DEVIATION * np.abs(pulled) - around_level) * slow, where)
    slot_rows = s["slot_rows"] + usual.knows_slot
    bound = np.where(slot_rows < 20, np.inf, BOUND * (usual.of_slots + usual.floor))
    beside = MEAN_TO_DEVIATION * np.minimum(np.abs(x - usual.of_slot), bound)
    gain = np.where(usual.knows_slot, np.maximum(1.0 / np.maximum(slot_rows, 1.0), 1.0 / SLOW_ROWS), 0.0)
    keep(s, "around_slot", s["around_slot"] + (beside - s["around_slot"]) * gain, where)
    keep(s, "slot_rows", slot_rows, where)
    gain = np.where(usual.knows_slot, np.maximum(1.0 / (usual.n_departure + 1.0), WIDTH_GAIN / usual.a_day), 0.0)
    _write(s["slot_width"], usual.of_width, usual.departure + (beside - usual.departure) * gain, m.is_here, where)
    _write(s["slot_seen"], usual.of_width, usual.n_departure + usual.knows_slot, m.is_here, where)


def _learn_steps(s: State, usual: _Usual, step: _Step, m: Moment) -> None:
    """What the departure before explains, and how large the rest usually is."""
    follows, here = usual.follows, m.is_here
    resid = m.values - usual.level
    bound = np.where(m.rows < 20, np.inf, BOUND * usual.width)
    pulled = bounded(resid, bound)
    rows = step.rows + 1.0
    slow = np.maximum(1.0 / rows, 1.0 / SLOW_ROWS)
    size = np.minimum(np.abs(step.size), np.where(rows < 20, np.inf, BOUND * step.usual))
    plain = np.where(follows, s["plain"][1], s["plain"][0])
    for name, new in (
        ("covariance", step.covariance + (pulled * bounded(step.resid_before, bound) - step.covariance) * slow),
        ("variance", step.variance + (pulled * pulled - step.variance) * slow),
        ("plain", plain + (MEAN_TO_DEVIATION * np.abs(resid) - plain) * slow),
    ):
        np.copyto(s[name][1], new, where=follows & here)
        np.copyto(s[name][0], new, where=~follows & here)
    size = MEAN_TO_DEVIATION * size / step.busy
    larger = bounded(size / (step.known_width + TINY) - 1.0, BOUND)
    general = np.where(rows < 20, 0.0, np.maximum(1.0 / m.rows, 1.0 / SLOW_ROWS))
    for k, new in enumerate((larger * step.above, np.square(step.above))):
        np.copyto(s["tilt"][k], s["tilt"][k] + (new - s["tilt"][k]) * general, where=m.where, casting="same_kind")
    width = step.known_width + (size / step.at_level - step.known_width) * slow
    sides = (~follows & ~step.is_high, ~follows & step.is_high, follows & ~step.is_high, follows & step.is_high)
    for k, side in enumerate(sides):
        np.copyto(s["step_width"][k], width, where=side & here)
        np.copyto(s["step_rows"][k], rows, where=side & here)


def _chosen(table: Floats, follows: Bools, is_high: Bools) -> Floats:
    """The row of a table of four that holds for each series."""
    chosen: Floats = np.where(follows, np.where(is_high, table[3], table[2]), np.where(is_high, table[1], table[0]))
    return chosen


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
