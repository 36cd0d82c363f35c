"""Incidents and requests: how many happened within the window that ends with each moment, (t − window, t]."""

from __future__ import annotations

from alerts.tracks.track import Floats, counted


def happened(at_events_s: Floats, known_s: Floats, window_s: float, at_s: Floats) -> Floats:
    """Counts (times). An event counts from when it happened or, if that was later, from when it was known (`known_s`)."""
    begins = at_events_s if not len(known_s) else known_s.clip(min=at_events_s)
    ends = (at_events_s + window_s).clip(min=begins)
    return counted(begins, ends, at_s)
