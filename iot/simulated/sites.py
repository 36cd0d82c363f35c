"""Sites: the devices of one kind as columns, which is what the physics asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iot.plane import Floats


class Sites(NamedTuple):
    """Columns (n × 1): positions in degrees, a key for chance of each device's own, and traits by name."""

    lon: Floats
    lat: Floats
    keys: NDArray[np.uint64]
    traits: Mapping[str, Floats]

    def picked(self, which: NDArray[np.intp]) -> Sites:
        """Some of them, by row."""
        traits = {name: column[which] for name, column in self.traits.items()}
        return Sites(self.lon[which], self.lat[which], self.keys[which], traits)
