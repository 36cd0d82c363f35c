"""Scores: what a stored forecast was worth once its target has been measured. Pure.

Absolute error of the median beside that of the reference (the same slot of the day before), and whether the value lay within the
80 and the 90 % interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from domain.scores import ScoreKey, Tally

Floats = npt.NDArray[np.float64]

LEADS_H = (1, 6, 24)


def score(
    series_ids: Sequence[int], models: Sequence[str], quantiles: Floats, came: Floats, reference: Floats, *, day: date,
    lead_h: int, is_rival: bool = False,
) -> dict[ScoreKey, Tally]:  # fmt: skip
    """Tallies of one target. `quantiles` (n × 5: 5, 10, 50, 90, 95 %), what came and what the reference said (n), NaN where not
    known; a target that was not measured counts for nothing."""
    found: dict[ScoreKey, Tally] = {}
    error = np.abs(came - quantiles[:, 2])
    reference_error = np.abs(came - reference)
    for k in np.flatnonzero(np.isfinite(error)).tolist():
        q05, q10, _, q90, q95 = quantiles[k]
        is_compared, has_80, has_90 = np.isfinite(reference_error[k]), np.isfinite(q10 + q90), np.isfinite(q05 + q95)
        one = Tally(
            1, float(error[k]), int(is_compared), float(error[k]) if is_compared else 0.0,
            float(reference_error[k]) if is_compared else 0.0, int(has_80), int(has_80 and q10 <= came[k] <= q90), int(has_90),
            int(has_90 and q05 <= came[k] <= q95),
        )  # fmt: skip
        key = ScoreKey(int(series_ids[k]), day, lead_h, models[k], is_rival)
        found[key] = plus(found[key], one) if key in found else one
    return found


def plus(a: Tally, b: Tally) -> Tally:
    """Two tallies added up."""
    return Tally._make(x + y for x, y in zip(a, b, strict=True))
