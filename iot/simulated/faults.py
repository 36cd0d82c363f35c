"""Faults: which devices are broken, since when and how, so that whoever finds them can be told whether it was right.

Time is cut into epochs of four weeks. In each, one device in six goes wrong once, at a moment drawn with the rest from its
key:

| kind | share | lasts | what it says |
|---|---|---|---|
| stuck | 11 % | 4 hours – 3 days | again and again what it said when it began |
| drifting | 9 % | 10 – 28 days | ever farther off, by 1–3 % a day, until someone adjusts it |
| lying | 6 % | 3 – 14 days | plausible and wrong: 30–50 % too much or too little |
| spiking | 5 % | 1 – 7 days | one reading in sixty several times too high |
| silent | 69 % | 2 hours – 5 days | nothing |

A quantity with no natural zero is off by an amount instead: shares of `UNIT_OFF`. One device in seventy or so says something
wrong at any moment, one in a hundred nothing. What drifts or lies stays within what the device can say; a spike may leave it. A
fault concerns one property of a device, a stuck logger all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iot.plane import Floats
from iot.simulated.chance import key, uniform

DAY_S = 86_400.0
EPOCH_S = 28 * DAY_S
FAULTY_SHARE = 0.16
SPIKE_SHARE = 1 / 60


class FaultKind(Enum):
    """How a device is broken."""

    STUCK = "stuck"
    DRIFTING = "drifting"
    LYING = "lying"
    SPIKING = "spiking"
    SILENT = "silent"


class _Course(NamedTuple):
    """Upper end of its part of the draw, shortest and longest time, smallest and largest error."""

    until: float
    shortest_s: float
    longest_s: float
    least: float
    most: float


KINDS = tuple(FaultKind)
COURSES = (
    _Course(0.11, 4 * 3_600.0, 3 * DAY_S, 0.0, 0.0),
    _Course(0.20, 10 * DAY_S, 28 * DAY_S, 0.01, 0.03),
    _Course(0.26, 3 * DAY_S, 14 * DAY_S, 0.30, 0.50),
    _Course(0.31, 1 * DAY_S, 7 * DAY_S, 3.00, 8.00),
    _Course(1.00, 2 * 3_600.0, 5 * DAY_S, 0.0, 0.0),
)

UNIT_OFF: Mapping[str, float] = {
    "temperature": 10.0, "pressure": 20.0, "noiseLevel": 15.0, "waterLevel": 1.0, "waterDepth": 0.5, "fillingLevel": 0.6,
    "voltage": 2.0, "waterPressure": 150.0, "nh3": 5.0, "availableSpotNumber": 100.0, "precipitation": 8.0,
}  # fmt: skip
"""What counts as 100 % off for these; of any other property it is the value itself."""


class Fault(NamedTuple):
    """A device's fault: kind, first and last moment (seconds since 1970 UTC), size (a share; per day when drifting), and which of
    its properties: the place among them as a share of their number, not used where all are stuck."""

    kind: FaultKind
    since_s: float
    until_s: float
    size: float
    place: float


class _Episodes(NamedTuple):
    """Faults of n devices in one epoch; `kind` is −1 without."""

    kind: NDArray[np.int64]
    since_s: Floats
    until_s: Floats
    size: Floats
    place: Floats

    def fault(self, k: int) -> Fault:
        return Fault(KINDS[int(self.kind[k])], *(float(column[k]) for column in self[1:]))


Said = Callable[[int, float], Mapping[str, float]]


class Faults:
    """The faults of devices, whose keys (n × 1) are all that they depend on."""

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        self._keys = keys[:, 0]
        self._episodes: dict[int, _Episodes] = {}

    def find(self, k: int, at_s: float) -> Fault | None:
        """What is wrong with device number k at a moment."""
        for fault, since_s in self._of(k, at_s, at_s):
            if since_s <= at_s < fault.until_s:
                return fault
        return None

    def distorted(
        self, true: Mapping[str, Floats], time_s: Floats, which: NDArray[np.intp], limits: Mapping[str, tuple[Floats, Floats]],
        said_at: Said,
    ) -> dict[str, Floats]:  # fmt: skip
        """What the devices of numbers `which` (m) say of true values by property (m × t) at moments (t or m × t).

        `limits` are the lowest and highest plausible values (m), `said_at` what a device said at the moment when it got stuck.
        """
        said = dict(true)
        names = tuple(true)
        for row, fault, during in self._within(time_s, which):
            if fault.kind is FaultKind.SILENT:
                continue
            if fault.kind is FaultKind.STUCK:
                for name, value in said_at(int(which[row]), fault.since_s).items():
                    said[name] = _with_row(said[name], row, during, value)
                continue
            times = time_s[row] if time_s.ndim == 2 else time_s
            name = names[int(fault.place * len(names))]
            wrong = _wrong(name, fault, true[name][row][during], times[during], self._keys[which[row]])
            if fault.kind is not FaultKind.SPIKING:
                low, high = limits[name]
                wrong = wrong.clip(low[row], high[row])
            said[name] = _with_row(said[name], row, during, wrong)
        return said

    def silent(self, time_s: Floats, which: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the devices of numbers `which` (m) say nothing at moments (t or m × t): m × t."""
        is_silent = np.zeros((len(which), time_s.shape[-1]), dtype=bool)
        for row, fault, during in self._within(time_s, which):
            if fault.kind is FaultKind.SILENT:
                is_silent[row] |= during
        return is_silent

    def _within(self, time_s: Floats, which: NDArray[np.intp]) -> Iterator[tuple[int, Fault, NDArray[np.bool_]]]:
        """Faults of the devices of numbers `which` (m) during moments (t or m × t): row, fault, at which moments it shows (t)."""
        if not time_s.size:
            return
        first_s, last_s = float(time_s.min()), float(time_s.max())
        faulty = np.zeros(len(which), dtype=bool)
        for epoch in _epochs(first_s, last_s):
            e = self._of_epoch(epoch)
            faulty |= ((e.kind >= 0) & (e.since_s <= last_s) & (first_s < e.until_s))[which]
        for row in np.flatnonzero(faulty).tolist():
            times = time_s[row] if time_s.ndim == 2 else time_s
            for fault, since_s in self._of(int(which[row]), first_s, last_s):
                during = (times >= since_s) & (times < fault.until_s)
                if during.any():
                    yield row, fault, during

    def _of(self, k: int, from_s: float, to_s: float) -> Iterator[tuple[Fault, float]]:
        """Faults of a device in the order of their beginnings, and since when each shows: not before the last one is mended."""
        mended_s = -np.inf
        for epoch in _epochs(from_s, to_s):
            e = self._of_epoch(epoch)
            if e.kind[k] >= 0:
                fault = e.fault(k)
                yield fault, max(fault.since_s, mended_s)
                mended_s = max(mended_s, fault.until_s)

    def _of_epoch(self, epoch: int) -> _Episodes:
        """Drawn from keys and epoch alone."""
        if epoch not in self._episodes:
            draw = [uniform(self._keys + np.uint64(204 + k), epoch) for k in range(6)]
            kind = np.digitize(draw[1], [course.until for course in COURSES[:-1]])
            shortest_s, longest_s, least, most = np.array([course[1:] for course in COURSES]).T[:, kind]
            since_s = np.floor((epoch + draw[2]) * EPOCH_S)
            sign = np.where(draw[5] < 0.5, -1.0, 1.0)
            size = sign * (least + (most - least) * (2 * draw[5] % 1.0))
            until_s = since_s + np.floor(shortest_s + (longest_s - shortest_s) * draw[3])
            self._episodes[epoch] = _Episodes(np.where(draw[0] < FAULTY_SHARE, kind, -1), since_s, until_s, size, draw[4])
        return self._episodes[epoch]


def find_fault(seed: int, device_id: str, at_s: float) -> Fault | None:
    """What is wrong with a device of the city of that seed at a moment."""
    return Faults(np.array([[key(seed, device_id)]], dtype=np.uint64)).find(0, at_s)


def _wrong(name: str, fault: Fault, true: Floats, times: Floats, own: np.uint64) -> Floats:
    whole = UNIT_OFF.get(name)
    by = true if whole is None else np.full(true.shape, whole)
    match fault.kind:
        case FaultKind.DRIFTING:
            return np.asarray(true + by * fault.size * (times - fault.since_s) / DAY_S)
        case FaultKind.LYING:
            return np.asarray(true + by * fault.size)
        case _:
            is_spike = uniform(own + np.uint64(203), times) < SPIKE_SHARE
            return np.asarray(true + np.where(is_spike, by * abs(fault.size), 0.0))


def _with_row(values: Floats, row: int, during: NDArray[np.bool_], new: Floats | float) -> Floats:
    values = values.copy()
    values[row, during] = new
    return values


def _epochs(from_s: float, to_s: float) -> range:
    """Those in which a fault of that time can have begun, none being longer than an epoch, and one before, whose fault may hide
    it."""
    return range(int(from_s // EPOCH_S) - 2, int(to_s // EPOCH_S) + 1)
