"""Anomalies: the highest score of those that are open at each moment, 0 where none is."""

from __future__ import annotations

import numpy as np

from alerts.tracks.track import Floats


def gravest(detected_s: Floats, ended_s: Floats, scores: Floats, at_s: Floats) -> Floats:
    """Scores (times). An anomaly is open from its detection until it ended (infinity: it has not)."""
    found = np.zeros(len(at_s))
    for detected, ended, score in zip(detected_s.tolist(), ended_s.tolist(), scores.tolist(), strict=True):
        is_open = slice(int(np.searchsorted(at_s, detected)), int(np.searchsorted(at_s, ended)))
        found[is_open] = np.maximum(found[is_open], score)
    return found
