"""The scorer: holds what was measured against what stored forecasts said of it, each target once.

Targets are scored in their order, TRUTH_SETTLES after their slot has ended; the mark up to which that was done is in the
database. Targets of a past that was written afterwards lie before the mark and are scored by whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.datastreams import Datastream
from domain.moments import Moment
from domain.scores import ScoreKey, Tally
from forecasting.panel import Floats
from forecasting.scores import LEADS_H, plus, score
from forecasting.series import boundary
from storage.connection import Connection
from storage.scores import add_scores, list_told, oldest_target, scored_until

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRUTH_SETTLES = timedelta(minutes=10)
"""A slot is measured once it has been over for so long; what comes later changes no score."""
TARGETS_A_TICK = 4
ISSUED_WITHIN = timedelta(minutes=75)
"""A forecast speaks for a lead when it was issued at most so much earlier."""
SCORES_BEGIN = 8 * DAY
"""A first start scores the forecasts of so long."""
RIVALS_EVERY = timedelta(hours=6)
RIVAL_LEADS_H = (1, 7, 13, 19)
"""With an issue every six hours each target has one forecast of every contestant in each of these stretches."""

Load = Callable[[Connection, Sequence[Datastream], datetime, datetime, int, Moment], Floats]
"""Values of series of one slot length between two times, as known at a moment (`forecasting.reader`)."""
Adapt = Callable[[Mapping[ScoreKey, Tally]], None]


class Scorer:
    """Scores what has come since the mark; `adapt` is told of it."""

    def __init__(self, load: Load, adapt: Adapt) -> None:
        self._load, self._adapt = load, adapt

    def tick(self, conn: Connection, now: datetime, of_slot: Mapping[int, Sequence[Datastream]]) -> dict[str, Any]:
        """Scores up to TARGETS_A_TICK targets of every slot length. Returns figures for the system page."""
        n = sum(self._of_slot(conn, now, slot, streams) for slot, streams in sorted(of_slot.items()))
        return {"scored": n} if n else {}

    def of_the_past(
        self, conn: Connection, streams: Sequence[Datastream], slot_s: int, first: datetime, end: datetime, now: datetime
    ) -> dict[ScoreKey, Tally]:
        """The tallies of all targets in [first, end)."""
        step, moment = timedelta(seconds=slot_s), Moment.live(now)
        came = self._load(conn, streams, first, end, slot_s, moment)
        reference = self._load(conn, streams, first - DAY, end - DAY, slot_s, moment)
        row_of = {stream.datastream_id: k for k, stream in enumerate(streams)}
        tallies: dict[ScoreKey, Tally] = {}
        for k in range(came.shape[1]):
            target = first + k * step
            for is_rival in (False, True):
                for lead_h in RIVAL_LEADS_H if is_rival else LEADS_H:
                    within = RIVALS_EVERY if is_rival else ISSUED_WITHIN
                    told = list_told(conn, list(row_of), target, slot_s, lead_h * HOUR, within=within, is_rival=is_rival)
                    rows = [row_of[number] for number in told.series_ids.tolist()]
                    found = score(
                        told.series_ids.tolist(), told.models, told.quantiles, came[rows, k], reference[rows, k],
                        day=target.date(), lead_h=lead_h, is_rival=is_rival,
                    )  # fmt: skip
                    for key, tally in found.items():
                        tallies[key] = plus(tallies.get(key, Tally()), tally)
        return tallies

    def _of_slot(self, conn: Connection, now: datetime, slot_s: int, streams: Sequence[Datastream]) -> int:
        mark = scored_until(conn, slot_s)
        first = mark or oldest_target(conn, slot_s, since=now - SCORES_BEGIN)
        if first is None:
            return 0
        end = min(boundary(now - TRUTH_SETTLES, slot_s), first + TARGETS_A_TICK * timedelta(seconds=slot_s))
        if end <= first:
            return 0
        tallies = self.of_the_past(conn, streams, slot_s, boundary(first, slot_s), end, now)
        if not add_scores(conn, tallies, slot_s, since=mark, until=end):
            return 0
        self._adapt(tallies)
        return sum(tally.n for tally in tallies.values())
