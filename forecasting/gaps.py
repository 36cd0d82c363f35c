"""Gaps: slots without a usable value, how long they are, and which of them may be bridged."""

from __future__ import annotations

import numpy as np

from forecasting.panel import Floats

BRIDGED_S = 7_200
"""Gaps up to this long are drawn straight from one side to the other; longer ones break a history in two."""


def find_gaps(history: Floats) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every run of missing slots."""
    edges = np.diff(np.concatenate([[0], np.isnan(history).astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def trailing_gap(history: Floats) -> int:
    """How many slots at the end are missing."""
    measured = np.flatnonzero(~np.isnan(history))
    return len(history) - (int(measured[-1]) + 1 if measured.size else 0)


def bridge_short_gaps(history: Floats, step_s: int) -> Floats:
    """`history` with gaps of at most BRIDGED_S between two measured slots filled by a straight line; longer ones stay."""
    bridged = history.copy()
    for start, end in find_gaps(history):
        if start > 0 and end < len(history) and (end - start) * step_s <= BRIDGED_S:
            bridged[start:end] = np.interp(np.arange(start, end), [start - 1, end], [history[start - 1], history[end]])
    return bridged


def last_long_gap(history: Floats, step_s: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of the newest gap inside the history that is too long to be bridged."""
    inside = [(start, end) for start, end in find_gaps(history) if end < len(history) and (end - start) * step_s > BRIDGED_S]
    return inside[-1] if inside else None
