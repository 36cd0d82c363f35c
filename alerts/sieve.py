"""The sieve: of all that rules look at, what has to be looked at closely.

A reading of which no level of a rule asks to be raised or cleared changes nothing. Which those are is told for all objects of a
rule at once; only the others, and those of which something waits, are judged one by one (`alerts.rules.advance`). With 20,000
series and 2,000 rules that is a handful.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alerts.rules import gravity
from domain.warnings import ThresholdRule

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Gravities = npt.NDArray[np.int8]


def asks(rule: ThresholdRule, values: Floats, standing: Gravities) -> Bools:
    """Of which objects some level asks to change (objects). `values`: NaN where nothing is told, which asks for nothing;
    `standing`: gravity of the level that stands there (0: none)."""
    asking = np.zeros(len(values), bool)
    levels = {gravity(threshold.level) for threshold in rule.thresholds}
    is_above = rule.direction != "below"
    for threshold in rule.thresholds:
        is_standing = standing >= gravity(threshold.level)
        limit = np.where(is_standing, threshold.clear_at, threshold.raise_at)
        passes = values >= limit if is_above else values <= limit
        asking |= passes != is_standing
    for level in np.unique(standing):
        if level and int(level) not in levels:  # the rule was changed: nothing asks for this level any more
            asking |= standing == level
    return asking & ~np.isnan(values)
