"""Quality: what a reading's own datastream says of its plausibility. Pure. A doubtful value is flagged and kept.

Rules, rollups and forecasts know a property in its one unit (`PROPERTIES`): 120 cm must not count as 120 m.
"""

from __future__ import annotations

from domain.datastreams import Datastream
from domain.observations import Quality, Reading
from domain.sensors import PROPERTIES


def judge(reading: Reading, stream: Datastream) -> Reading:
    """The reading with the quality it deserves: bad outside the plausible range, uncertain in a unit other than the one announced
    or the one of its property.

    A device's own doubt is never overruled.
    """
    if reading.quality in (Quality.BAD, Quality.UNCERTAIN):
        return reading
    if (stream.low is not None and reading.value < stream.low) or (stream.high is not None and reading.value > stream.high):
        return reading._replace(quality=Quality.BAD)
    unit, known = reading.unit or stream.unit, PROPERTIES.get(reading.property)
    if unit is not None and (unit != (stream.unit or unit) or (known is not None and unit != known.unit)):
        return reading._replace(quality=Quality.UNCERTAIN)
    return reading
