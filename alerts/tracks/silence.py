"""Silence: how many of its intervals ago a device was last heard.

While nothing at all was received the ingester was away, or the city's network: then nothing is told of anybody."""

from __future__ import annotations

import numpy as np

from alerts.tracks.track import Bools, Floats

LISTENING_S = 120.0
"""The ingester listened at a time if anything came within so long before it."""


def silent_intervals(begins_s: Floats, ends_s: Floats, interval_s: float, at_s: Floats) -> Floats:
    """Intervals since the last word at each of the times (times): 0 while it talks, NaN before its first word. A device talks
    from each of `begins_s` to the end beside it; both ascending, seconds since 1970."""
    k = np.searchsorted(begins_s, at_s, side="right") - 1
    since = at_s - ends_s[np.maximum(k, 0)] if len(ends_s) else np.full(len(at_s), np.nan)
    return np.where(k >= 0, np.maximum(since, 0.0) / interval_s, np.nan)


def listened(minutes_s: Floats, at_s: Floats) -> Bools:
    """At which of the times the ingester had been listening. `minutes_s`: starts of minutes in which anything came, ascending."""
    k = np.searchsorted(minutes_s, at_s, side="left") - 1
    return (k >= 0) & (at_s - minutes_s[np.maximum(k, 0)] <= LISTENING_S) if len(minutes_s) else np.zeros(len(at_s), bool)
