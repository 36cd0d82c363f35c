"""Panels: many series at once through the detectors, row by row, and what was said."""

from __future__ import annotations

from datetime import UTC, tzinfo

import numpy as np
import numpy.typing as npt

from domain.anomalies import Anomaly
from forecasting.anomalies import Detectors

Floats = npt.NDArray[np.float64]


def watched(
    times_s: Floats, values: Floats, zone: tzinfo = UTC, detectors: Detectors | None = None
) -> list[list[tuple[int, Anomaly]]]:
    """Per series (columns of `values`) the alarms as (row, anomaly); `times_s` is one column of times or one for each series."""
    rows, n = values.shape
    detectors = detectors or Detectors(n, zone)
    said: list[list[tuple[int, Anomaly]]] = [[] for _ in range(n)]
    for row in range(rows):
        at = np.broadcast_to(np.asarray(times_s[row], float), (n,)).copy()
        for anomaly in detectors.tick(at, values[row]):
            said[anomaly.datastream_id].append((row, anomaly))
    return said
