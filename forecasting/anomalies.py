"""Anomalies: all detectors together, and the one rule by which something odd becomes an alarm.

Each detector's strength is made a share of what it takes to alarm: of `ALARM_SURPRISE` deviations (`detectors.surprise`), or of
the detector's own limit. Of the former, those that look at the same thing (a value, a level, a step) count once; what is odd in
several ways is more certain, so these shares are added as squares are. The cause is the first that explains it about as well as
any. One fixed threshold, 1, holds for every series; after an alarm the series rests from alarms of that kind, unless it becomes
much stranger.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import numpy as np
import numpy.typing as npt

from domain.anomalies import Anomaly, Oddity
from forecasting.detectors import rhythm, station, surprise
from forecasting.detectors.registry import DETECTORS, LIMITS, NEW_EXTREME, STATION
from forecasting.detectors.shape import Floats, Moment, State, Verdict

VERSION = 2
ALARM_SURPRISE = 4.8
"""Deviations above the mean of the largest of 24 strengths from which one is an alarm. Chosen as docs/anomalies.md says."""
WARM_ROWS = 120
WARM_CHANGES = 100
REST_ROWS = 100.0
HOLD_ROWS = 24.0
STRANGER = 1.6
ALARM_SCORE = 0.9
MOST_SHARE = 20.0
NAMING_SHARE = 0.6
"""The cause is that of the first detector, in the registry's order, with this part of the largest share: what a fault of the
sensor explains nearly as well is looked at by maintenance first."""
USUAL_DEVIATIONS = 2.0
"""The usual band reaches to this many deviations above the mean of the largest departures."""
SHIFT_BAND = 2.0
"""The usual band of a level is that of single values, not of means: two widths."""
SINCE_SHARE = 0.6
"""What is odd began when the share last rose above this."""

_FIXED = [k for k, d in enumerate(DETECTORS) if d.limit is not None]
_CALIBRATED = [k for k, d in enumerate(DETECTORS) if d.limit is None]
_LOOKING_AT = [
    [row for row, k in enumerate(_CALIBRATED) if DETECTORS[k].looks_at == thing]
    for thing in dict.fromkeys(DETECTORS[k].looks_at for k in _CALIBRATED)
]
_PRECEDENCE = np.array([*range(1, len(_FIXED) + 1), 0])
"""Rows of what can alarm: the detectors with a limit of their own first, each resting alone; row 0 is the others together."""
_MAY_GROW = np.arange(1 + len(_FIXED))[:, None] == 0
"""Longer stuck or silent is no news; stranger is."""
_FLOORS = np.array([[DETECTORS[k].floor] for k in _CALIBRATED], np.float32)
_ARE_LEVELS = np.array([[DETECTORS[k].looks_at == "level"] for k in _CALIBRATED])
_NEEDS_LEVEL = np.array([[DETECTORS[k].needs_level] for k in _CALIBRATED])
_NEEDS_RHYTHM = np.array([[DETECTORS[k].needs_rhythm] for k in _CALIBRATED])
_LEAST_S = np.array([[d.least_days * 86_400.0] for d in DETECTORS])


class Outdated(Exception):  # noqa: N818 - a property of what was saved, named after it
    """A memory that these detectors cannot go on from; the message is the sentence to show."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of one moment: per series the score (0–1, NaN where nothing came), whether it is an alarm, and the number of
    the detector that names the cause; and what the sentences need."""

    score: Floats
    is_alarm: npt.NDArray[np.bool_]
    which: npt.NDArray[np.intp]
    moment: Moment
    verdicts: tuple[Verdict, ...]
    since_s: Floats


class Detectors:
    """The detectors over `n` series, with everything they remember. Local days and hours are those of `zone`."""

    def __init__(
        self,
        n: int,
        zone: tzinfo,
        *,
        ids: Sequence[int] | None = None,
        limits: Mapping[int, tuple[float, float]] | None = None,
        stations: Sequence[Sequence[int]] = (),
    ) -> None:
        """`limits`: number of a series → its physical limits (infinite where there is none); `stations`: numbers of series that
        stand together."""
        self._zone = zone
        self._ids = list(ids) if ids is not None else list(range(n))
        self._states: dict[str, State] = {"rhythm": rhythm.start(n), "surprise": surprise.start(len(_CALIBRATED), n)}
        self._states |= {d.name: d.start(n) for d in DETECTORS}
        self._states["alarm"] = {
            "rests_until": np.zeros((1 + len(_FIXED), n)), "peak": np.zeros((1 + len(_FIXED), n)),
            "since_s": np.zeros((1 + len(_FIXED), n)),
        }  # fmt: skip
        for i, (low, high) in (limits or {}).items():
            self._states[LIMITS.name]["low"][i], self._states[LIMITS.name]["high"][i] = low, high
        station.join(self._states[STATION.name], stations)

    def __len__(self) -> int:
        return len(self._ids)

    def tick(self, times_s: Floats, values: Floats, low: Floats | None = None, high: Floats | None = None) -> list[Anomaly]:
        """What is odd about these values: one a series, NaN where none came; times in seconds since 1970, UTC. `low` and `high`
        bound what was forecast for them."""
        judged = self.judge(times_s, self._offsets_s(times_s), values, low, high)
        return [self.anomaly(judged, int(i)) for i in np.flatnonzero(judged.is_alarm)]

    def judge(
        self, times_s: Floats, offset_s: Floats | float, values: Floats, low: Floats | None = None, high: Floats | None = None
    ) -> Judged:
        """The same with the offsets of local time from UTC given, and everything that was found."""
        none = np.full(len(values), np.nan) if low is None or high is None else values
        with np.errstate(over="ignore", invalid="ignore"):
            m = rhythm.look(
                self._states["rhythm"], times_s, offset_s, values, none if low is None else low, none if high is None else high
            )
            verdicts = tuple(d.update(self._states[d.name], m) for d in DETECTORS)
            strengths = np.array([verdicts[k].strength for k in _CALIBRATED], np.float32)
            shares = surprise.judge(self._states["surprise"], strengths, _FLOORS, _ARE_LEVELS, m)
        lasted_s = m.times_s - m.first_s
        is_warm = m.is_here & (m.rows >= WARM_ROWS) & (m.changes >= WARM_CHANGES)
        shares /= ALARM_SURPRISE
        shares *= is_warm & (lasted_s >= _LEAST_S[_CALIBRATED]) & ~(_NEEDS_LEVEL & m.rests) & (m.follows | ~_NEEDS_RHYTHM)
        tops = np.empty((1 + len(_FIXED), len(values)), np.float32)
        evidence = np.array([shares[rows].max(axis=0) for rows in _LOOKING_AT])
        np.sqrt(np.einsum("ij,ij->j", evidence, evidence), out=tops[0])
        for row, k in enumerate(_FIXED, start=1):
            tops[row] = np.where(m.is_here & (lasted_s >= _LEAST_S[k]), verdicts[k].strength, 0.0)
        return self._decided(tops, shares, m, verdicts)

    def _decided(self, tops: Floats, shares: Floats, m: Moment, verdicts: tuple[Verdict, ...]) -> Judged:
        s = self._states["alarm"]
        n = tops.shape[1]
        which: npt.NDArray[np.intp] = np.zeros(n, np.intp)
        is_alarm: npt.NDArray[np.bool_] = np.zeros(n, bool)
        # few series are odd at a time, or have been: of the others nothing changes
        some = np.flatnonzero((tops >= SINCE_SHARE).any(axis=0) | s["since_s"].any(axis=0))
        if len(some):
            here, rows, times_s, tops_now = m.is_here[some], m.rows[some], m.times_s[some], tops[:, some]
            since_s, rests_until, peak = (s[name][:, some] for name in ("since_s", "rests_until", "peak"))
            is_on = tops_now >= SINCE_SHARE
            since_s = np.where(here, np.where(is_on, np.where(since_s > 0, since_s, times_s), 0.0), since_s)
            resting = rows < rests_until
            speaks = (tops_now >= 1.0) & here & (~resting | ((tops_now >= STRANGER * peak) & _MAY_GROW))
            rest = rows + np.where(speaks, REST_ROWS, HOLD_ROWS)
            goes_on = speaks | (resting & is_on & here)
            s["since_s"][:, some] = since_s
            s["peak"][:, some] = np.where(speaks, tops_now, peak)
            s["rests_until"][:, some] = np.where(goes_on, np.maximum(rests_until, rest), rests_until)
            is_alarm[some] = speaks.any(axis=0)
            for k in np.flatnonzero(is_alarm[some]):
                i = some[k]
                row = int(_PRECEDENCE[speaks[_PRECEDENCE, k].argmax()])
                names = shares[:, i] >= NAMING_SHARE * shares[:, i].max()
                which[i] = _FIXED[row - 1] if row else _CALIBRATED[int(names.argmax())]
        top = tops.max(axis=0)
        odd = np.flatnonzero(top > 0)
        score = np.where(m.is_here, 0.0, np.nan)
        score[odd] = 1.0 - (1.0 - ALARM_SCORE) ** np.minimum(top[odd], MOST_SHARE)
        return Judged(score, is_alarm, which, m, verdicts, s["since_s"].copy())

    def anomaly(self, judged: Judged, i: int) -> Anomaly:
        """What was said of series `i`, as an event with its words' values."""
        m, which = judged.moment, int(judged.which[i])
        detector, verdict = DETECTORS[which], judged.verdicts[which]
        row, reach = 0, 1.0
        if detector.limit is None:
            reach = surprise.usual_reach(self._states["surprise"], _CALIBRATED.index(which), i, USUAL_DEVIATIONS)
        else:
            row = 1 + _FIXED.index(which)
        anchor, value = float(m.anchor[i]), float(m.raw[i])
        center, width = float(verdict.center[i]) + anchor, float(verdict.width[i])
        since_s = float(judged.since_s[row, i] if verdict.since_s is None else verdict.since_s[i])
        extras: dict[str, float] = {}
        low, high = center - reach * width, center + reach * width
        match detector.cause:
            case Oddity.LIMIT:
                low, high = float(self._states[LIMITS.name]["low"][i]), float(self._states[LIMITS.name]["high"][i])
            case Oddity.NEW_EXTREME:
                low, high = center - width, center + width
            case Oddity.SHIFT | Oddity.BREACH:
                reach = SHIFT_BAND if detector.cause is Oddity.SHIFT else 1.0
                low, high = center - reach * width, center + reach * width
            case Oddity.DRIFT:
                extras = {"off": float(verdict.off[i]) * width if verdict.off is not None else 0.0, "reach": reach * width}
            case Oddity.RESTLESS:
                extras = {"ratio": float(verdict.off[i]) if verdict.off is not None else 1.0}
            case Oddity.JUMP:
                extras = {"before": float(m.before[i]) + anchor}
            case Oddity.SILENT:
                extras = {"waited_s": float(m.waited_s[i]), "interval_s": float(m.interval_s[i])}
            case _:
                pass
        if detector.cause is not Oddity.LIMIT and float(self._states[NEW_EXTREME.name]["least"][i]) + anchor >= 0 <= value:
            low = max(low, 0.0)  # what was never negative is not said to be so usually
        return Anomaly(
            self._ids[i], datetime.fromtimestamp(float(m.times_s[i]), UTC), datetime.fromtimestamp(since_s, UTC), detector.cause,
            value, low, high, float(judged.score[i]), tuple(extras.items()),
        )  # fmt: skip

    def head(self, n: int) -> None:
        """Goes on with the first `n` series only."""
        self._ids = self._ids[:n]
        for state in self._states.values():
            for name, array in state.items():
                state[name] = np.ascontiguousarray(array[..., :n])

    def to_bytes(self) -> bytes:
        """Everything that is remembered. `from_bytes` goes on as if nothing had happened."""
        arrays = {f"{part}/{name}": array for part, state in self._states.items() for name, array in state.items()}
        told = {"version": VERSION, "ids": self._ids, "detectors": [[d.name, d.version] for d in DETECTORS]}
        blob = io.BytesIO()
        np.savez(blob, allow_pickle=False, told=np.array(json.dumps(told)), **arrays)
        return blob.getvalue()

    @classmethod
    def from_bytes(cls, saved: bytes, zone: tzinfo) -> Detectors:
        """Detectors that go on where `to_bytes` left off. Raises Outdated when other versions saved it."""
        with np.load(io.BytesIO(saved), allow_pickle=False) as arrays:
            told = json.loads(str(arrays["told"]))
            if (told["version"], told["detectors"]) != (VERSION, [[d.name, d.version] for d in DETECTORS]):
                raise Outdated(
                    f"the detectors' memory is of version {told['version']}: expected {VERSION} with the same detectors; "
                    "delete it, the usual is then learnt anew"
                )
            restored = cls(len(told["ids"]), zone, ids=told["ids"])
            for key in arrays.files:
                if key != "told":
                    part, name = key.split("/")
                    restored._states[part][name] = arrays[key]
        return restored

    def _offsets_s(self, times_s: Floats) -> Floats:
        """Local time less UTC. Zones change on quarters of an hour only."""
        quarters, index = np.unique(np.floor(np.nan_to_num(times_s) / 900.0), return_inverse=True)
        offsets = [datetime.fromtimestamp(quarter * 900.0, self._zone).utcoffset() for quarter in quarters]
        return np.array([offset.total_seconds() if offset else 0.0 for offset in offsets])[index]
