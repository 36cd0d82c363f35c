"""The registry: every detector, one line each, in the order in which they name a cause when several are about as sure."""

from __future__ import annotations

from domain.anomalies import Oddity
from forecasting.detectors import (
    breach,
    ceaseless,
    drift,
    flatline,
    jump,
    limits,
    new_extreme,
    robust_z,
    shift,
    silence,
    slot_profile,
    station,
    unrest,
)
from forecasting.detectors.shape import Detector

LIMITS = Detector("limits", "1", Oddity.LIMIT, limits.start, limits.update, least_days=0.0, limit=1.0)
SILENCE = Detector("silence", "1", Oddity.SILENT, silence.start, silence.update, least_days=0.5, limit=1.0)
FLATLINE = Detector("flatline", "1", Oddity.STUCK, flatline.start, flatline.update, least_days=1.0, limit=1.0)
CEASELESS = Detector("ceaseless", "1", Oddity.CEASELESS, ceaseless.start, ceaseless.update, least_days=3.0, limit=1.0)
JUMP = Detector("jump", "1", Oddity.JUMP, jump.start, jump.update, looks_at="step")
SLOT_PROFILE = Detector(
    "slot_profile", "1", Oddity.UNUSUAL_HOUR, slot_profile.start, slot_profile.update, least_days=2.0, looks_at="value",
    needs_level=True, needs_rhythm=True,
)  # fmt: skip
ROBUST_Z = Detector("robust_z", "1", Oddity.UNUSUAL_LEVEL, robust_z.start, robust_z.update, looks_at="value", needs_level=True)
NEW_EXTREME = Detector(
    "new_extreme", "1", Oddity.NEW_EXTREME, new_extreme.start, new_extreme.update, looks_at="value", floor=0.2
)  # fmt: skip
SHIFT = Detector("shift", "1", Oddity.SHIFT, shift.start, shift.update, least_days=2.0, looks_at="level", needs_level=True)
DRIFT = Detector("drift", "1", Oddity.DRIFT, drift.start, drift.update, least_days=4.0, looks_at="level", needs_level=True)
UNREST = Detector("unrest", "1", Oddity.RESTLESS, unrest.start, unrest.update, looks_at="unrest", needs_level=True)
BREACH = Detector("breach", "1", Oddity.BREACH, breach.start, breach.update, looks_at="forecast", floor=0.2)
STATION = Detector("station", "1", Oddity.STATION, station.start, station.update, least_days=2.0, looks_at="station")

DETECTORS: tuple[Detector, ...] = (
    LIMITS, SILENCE, FLATLINE, CEASELESS, JUMP, DRIFT, SHIFT, SLOT_PROFILE, ROBUST_Z, NEW_EXTREME, UNREST, BREACH, STATION,
)  # fmt: skip
