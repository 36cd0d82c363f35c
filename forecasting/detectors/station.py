"""Station: sensors of one station explain one another; a value that its companions do not lead to is at odds with them.

The departure of each sensor is foreseen from those of up to seven companions by a linear filter that learns with every reading:

    e[t] = z[t] − w·z'[t];   w ← w + μ e z' / (1 + |z'|²)
Normalised least mean squares: S. Haykin, Adaptive Filter Theory, chapter on the NLMS algorithm. Series without companions are
not judged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, blank, bounded, keep

COMPANIONS = 7
RATE = 0.02
BOUND = 5.0
ROWS = 500
FRESH = 1.5
"""A companion counts while its last reading is not older than this many intervals."""


def start(n: int) -> State:
    return {
        "companion": np.full((COMPANIONS, n), -1, np.int32), "weight": np.zeros((COMPANIONS, n), np.float32), "z": blank(n),
        "at_s": np.zeros(n), "width": blank(n), "rows": blank(n),
    }  # fmt: skip


def join(state: State, stations: Sequence[Sequence[int]]) -> None:
    """Says which series (by number) stand at one station; of more than eight the next seven after each, in a ring."""
    for members in stations:
        for k, i in enumerate(members):
            ring = [*members[k + 1 :], *members[:k]][:COMPANIONS]
            state["companion"][:, i] = [*ring, *[-1] * (COMPANIONS - len(ring))]


def update(state: State, m: Moment) -> Verdict:
    s = state
    n = len(m.z)
    members = np.flatnonzero(s["companion"][0] >= 0)
    strength, center, width = np.zeros(n), m.usual, m.width
    if not len(members):
        return Verdict(strength, center, width)
    where = m.where
    keep(s, "z", bounded(m.z, BOUND), where)
    keep(s, "at_s", m.times_s, where)
    companion = s["companion"][:, members]
    is_fresh = (companion >= 0) & (m.times_s[members] - s["at_s"][companion] <= FRESH * m.interval_s[members])
    others = np.where(is_fresh, s["z"][companion], 0.0)
    weight = s["weight"][:, members]
    led_to = (weight * others).sum(axis=0)
    error = m.z[members] - led_to
    known = s["width"][members]
    is_here = m.is_here[members] & is_fresh.any(axis=0)
    strength[members] = np.where(is_here, np.abs(error) / (known + 0.05), 0.0)
    center = center.copy()
    center[members] += led_to * m.width[members]
    width = width.copy()
    width[members] *= known
    pulled = bounded(error, BOUND)
    weight = weight + RATE * pulled * others / (1.0 + np.square(others).sum(axis=0))
    rows = s["rows"][members] + 1
    gain = np.maximum(1.0 / rows, 1.0 / ROWS)
    learns = members[is_here]
    s["weight"][:, learns] = weight[:, is_here]
    s["width"][learns] = (known + (1.25 * np.abs(pulled) - known) * gain)[is_here]
    s["rows"][learns] = rows[is_here]
    return Verdict(strength, center, width)
