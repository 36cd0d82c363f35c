"""The cap: a device may have so many series and no more, so that one that makes up names fills neither memory nor disk. Pure.

What would be one series too many is turned away as rejections that can be given in again; series that are known go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from domain.batches import Batch
from domain.observations import DeviceBirth, Reading, Rejection
from domain.rejections import Reason, reject
from iot import payloads
from iot.topics import topic_of

MOST_SERIES = 2_000
"""Of one device, our choice: a hall that reports 10 properties of each of 200 services has as many."""

SeriesKey = tuple[str, str, str]
"""device_id, property, item."""


def find_new(batch: Batch, known: Collection[SeriesKey]) -> list[SeriesKey]:
    """Series that a batch would begin, in the order in which they are named; nearly always none."""
    new = [key for r in batch.readings if (key := (r.device_id, r.property, r.item)) not in known]
    new += [key for b in batch.births for spec in b.properties if (key := (b.device_id, spec.name, "")) not in known]
    return list(dict.fromkeys(new))


def beyond(new: Iterable[SeriesKey], n_series: Mapping[str, int], most: int) -> set[SeriesKey]:
    """Those of the `new` series for which their device has no room: it has `n_series` of at the `most`."""
    taken = Counter(n_series)
    turned: set[SeriesKey] = set()
    for key in new:
        if taken[key[0]] < most:
            taken[key[0]] += 1
        else:
            turned.add(key)
    return turned


def turn_away(batch: Batch, turned: Collection[SeriesKey], most: int) -> Batch:
    """The batch with what it says of `turned` series among its rejections."""
    if not turned:
        return batch
    readings = [r for r in batch.readings if (r.device_id, r.property, r.item) not in turned]
    away = [_reading(r, most) for r in batch.readings if (r.device_id, r.property, r.item) in turned]
    births: list[DeviceBirth] = []
    for birth in batch.births:
        out = [spec.name for spec in birth.properties if (birth.device_id, spec.name, "") in turned]
        kept = tuple(spec for spec in birth.properties if spec.name not in out)
        births.append(replace(birth, properties=kept) if out else birth)
        away += [_birth(birth, out, most)] if out else []
    return replace(batch, readings=readings, births=births, rejections=[*batch.rejections, *away])


def _reading(r: Reading, most: int) -> Rejection:
    said = payloads.Telemetry(
        id="", ts=r.phenomenon_time, values={r.property: r.value}, seq=r.seq, unit={r.property: r.unit} if r.unit else {},
        q=r.quality.value, corr=r.is_correction, item=r.item,
    )  # fmt: skip
    return _refused(r.device_id, "telemetry", payloads.encode(said), r, [r.property], most)


def _birth(b: DeviceBirth, names: Sequence[str], most: int) -> Rejection:
    specs = {s.name: payloads.BirthProperty(s.unit, s.low, s.high) for s in b.properties if s.name in names}
    said = payloads.Birth(id="", ts=b.phenomenon_time, type=b.type_name, interval_s=b.interval_s, mode=b.mode, properties=specs)
    return _refused(b.device_id, "birth", payloads.encode(said), b, names, most)


def _refused(
    device_id: str, kind: str, payload: bytes, said: Reading | DeviceBirth, names: Sequence[str], most: int
) -> Rejection:  # fmt: skip
    fillings = {"value": msgspec.json.encode(names[0]).decode()[:60], "expected": str(most)}
    return reject(Reason.TOO_MANY_SERIES, topic_of(device_id, kind), payload, said.received_time, device_id, fillings)
