"""Flatline: a value that repeats itself more often than its series does at these hours.

Every repetition adds −ln p, p the share of repetitions after such a value at this hour (after a repetition or not): what stands
still every night adds next to nothing, what never repeated itself some 3 a time; zero may always last. The sum is the negative
logarithm of the run's probability; it is held against `LIMIT` and against the longest run of the last weeks.
"""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, blank, keep

LIMIT = 16.0
"""−ln of one in nine million: a run so improbable comes once in 85 years of readings every five minutes."""
PRIOR = 16.0
FORGET = 1.0 / 4_000
LEAST_RUN = 5
LEAST_CHANGES = 30
HOURS = 24


def start(n: int) -> State:
    return {
        "seen": blank(n, 2, HOURS), "same": blank(n, 2, HOURS), "all_seen": blank(n, 2), "all_same": blank(n, 2),
        "repeated": np.zeros(n, bool), "run": blank(n), "sum": blank(n), "longest": blank(n), "since_s": np.zeros(n),
    }  # fmt: skip


def update(state: State, m: Moment) -> Verdict:
    s = state
    n = len(m.values)
    where = m.where
    column = np.arange(n)
    same = (m.values == m.before) & (m.rows > 1) & (m.raw != 0.0)
    case = s["repeated"].astype(np.intp)
    at, at_all = (case * HOURS + m.hour) * n + column, case * n + column
    seen, equal = s["seen"].reshape(-1), s["same"].reshape(-1)
    all_seen, all_same = s["all_seen"].reshape(-1), s["all_same"].reshape(-1)
    first = (s["all_same"][0] + 0.5) / (s["all_seen"][0] + 5.0)
    overall = (all_same[at_all] + PRIOR * np.minimum(first + 0.1, 0.9)) / (all_seen[at_all] + PRIOR)
    overall = np.where(s["repeated"], overall, first)
    p = (equal[at] + PRIOR * overall) / (seen[at] + PRIOR)
    total = np.where(same, s["sum"] - np.log(np.minimum(np.maximum(p, 0.02), 0.9999)), 0.0)
    run = np.where(same, s["run"] + 1, 0.0)
    since_s = np.where(same, np.where(run == 1, m.before_s, s["since_s"]), m.times_s)
    strength = np.where(
        (run >= LEAST_RUN) & (m.changes >= LEAST_CHANGES), total / np.maximum(LIMIT, 1.5 * s["longest"] + 4.0), 0.0
    )
    # a run is learnt from when it ends, and a long one no more than one of twice the longest
    is_over = ~same & (s["sum"] > 0)
    longest = s["longest"] * (1.0 - FORGET)
    longest = np.where(is_over, np.maximum(longest, np.minimum(s["sum"], 2 * longest + LIMIT)), longest)
    counted = np.maximum(1.0 - total / LIMIT, 0.0) * (m.rows > 1)  # a run under suspicion is no example
    chosen = slice(None) if m.where is True else m.is_here
    for table, places, add in (
        (seen, at, counted), (equal, at, counted * same), (all_seen, at_all, counted), (all_same, at_all, counted * same),
    ):  # fmt: skip
        table[places[chosen]] += add[chosen]
    keep(s, "repeated", same, where)
    keep(s, "run", run, where)
    keep(s, "sum", total, where)
    keep(s, "longest", longest, where)
    keep(s, "since_s", since_s, where)
    return Verdict(strength, m.values, np.zeros(n), since_s)
