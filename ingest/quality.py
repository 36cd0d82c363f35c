"""Quality: what a reading's own datastream says of its plausibility. Pure. A doubtful value is flagged and kept."""

from __future__ import annotations

from domain.datastreams import Datastream
from domain.observations import Quality, Reading


def judge(reading: Reading, stream: Datastream) -> Reading:
    """The reading with the quality it deserves: bad outside the plausible range, uncertain in an unexpected unit.

    A device's own doubt is never overruled.
    """
    if reading.quality in (Quality.BAD, Quality.UNCERTAIN):
        return reading
    if (stream.low is not None and reading.value < stream.low) or (stream.high is not None and reading.value > stream.high):
        return reading._replace(quality=Quality.BAD)
    if reading.unit is not None and stream.unit is not None and reading.unit != stream.unit:
        return reading._replace(quality=Quality.UNCERTAIN)
    return reading
