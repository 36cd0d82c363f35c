"""The rehearsal: the contest of a past that was written afterwards, as it would have been held: every model asked at moments of
that past, from what was known then, stored as of then, and scored on what came.

So a city that has just been given its past has champions that earned it. Only what is shown most is contested here: the hourly
figures of the city, who comes to the halls, and to which service of the busiest. A moment that has been rehearsed is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import NamedTuple

import numpy as np

from domain.datastreams import Datastream
from domain.derived import HOUR_S, QUARTER_S
from domain.forecasts import Forecast, Rival
from domain.moments import Moment
from forecasting import contest
from forecasting.jury import alike, contestants, decide, together
from forecasting.models.registry import MODELS
from forecasting.panel import Floats
from forecasting.question import Question
from forecasting.records import record_outlook, rivals_of
from forecasting.scorer import DAY, Scorer
from forecasting.selection import Outlook, foresee
from forecasting.series import boundary
from forecasting.service import LEVELS, Forecaster, as_stream
from forecasting.workshop import Job, Workshop
from storage import backfills
from storage.connection import Connection
from storage.derived import DerivedSeries, list_derived, load_derived, load_derived_then, register_derived
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions, days_of
from storage.scores import add_scores_of_the_past, begin_scores, write_rivals

APART = timedelta(hours=50)
"""Between two moments: each has another time of the day, and a day of targets of its own."""
OFTEN, SELDOM = 6, 3
"""Moments for the city's figures, and for halls, whose quarter hours give four times as many targets and take longer to fit."""
BUSIEST = 3
"""Halls of which every service is contested as well."""
ISSUED_AFTER = timedelta(minutes=1)
"""After the boundary of a slot, as it is done live."""
SHORTEST = timedelta(days=21)
"""History before the first moment: less, and some models may not speak."""
TOO_SLOW = ("mstl_ets",)
"""Takes two seconds a series of quarter hours: a city that is being given its past does not wait for it there."""
LOOKS_EVERY_S = 0.05


class Held(NamedTuple):
    """A contest at a moment of the past, of series of one slot length."""

    slot_s: int
    moment: datetime
    rows: Sequence[DerivedSeries]

    @property
    def streams(self) -> list[Datastream]:
        return [as_stream(*row) for row in self.rows]


class Rehearsal:
    """Holds the contests of `days` days before `end`. `name`: under which it is noted how many have been held."""

    def __init__(self, forecaster: Forecaster, workshop: Workshop, name: str, stop: Event) -> None:
        self._forecaster, self._workshop, self._name, self._stop = forecaster, workshop, name, stop
        self._scorer = Scorer(forecaster.reader.load, lambda _: None)

    def plan(self, conn: Connection, end: datetime, days: int) -> list[Held]:
        """What is contested when; nothing where the past is too short. Gives halls their numbers, and lets nobody else score what
        lies before `end`."""
        register_derived(conn, end, since=end - 7 * DAY)
        rows = list_derived(conn)
        self._forecaster.know([as_stream(*row) for row in rows], {row.series_id: row.derived for row in rows})
        planned: list[Held] = []
        busiest = self._busiest(conn, rows, end)
        for slot, n in ((HOUR_S, OFTEN), (QUARTER_S, SELDOM)):
            begin_scores(conn, slot, boundary(end, slot))
            moments = [boundary(end - DAY - timedelta(hours=2) - k * APART, HOUR_S) + ISSUED_AFTER for k in range(n)]
            chosen = [
                row for row in rows if row.derived.step_s == slot and (not row.derived.item or row.derived.hall_id in busiest)
            ]
            planned += [Held(slot, moment, chosen) for moment in moments if chosen and moment - SHORTEST >= end - days * DAY]
        return planned

    def _busiest(self, conn: Connection, rows: Sequence[DerivedSeries], end: datetime) -> set[str]:
        """The halls to which most people came in the last week."""
        halls = [row.derived for row in rows if row.derived.hall_id and not row.derived.item]
        start = boundary(end - 7 * DAY, QUARTER_S)
        came = load_derived(conn, halls, start=start, end=end, moment=Moment.past(end))
        people = dict(zip((hall.hall_id for hall in halls), np.nansum(came, axis=1).tolist(), strict=True))
        return set(sorted(people, key=lambda hall_id: (-people[hall_id], hall_id))[:BUSIEST])

    def hold(self, conn: Connection, planned: Sequence[Held], done: int, now: datetime) -> Iterator[int]:
        """Holds those that have not been, and yields how many have; with the last one champions are crowned."""
        for slot in dict.fromkeys(held.slot_s for held in planned[done:]):
            mine = [held for held in planned[done:] if held.slot_s == slot]
            moments = sorted(held.moment for held in mine)
            start, end = boundary(moments[0] - self._forecaster.reader.history, slot), boundary(moments[-1], slot)
            derived = [row.derived for row in mine[0].rows]
            known = dict(zip(moments, load_derived_then(conn, derived, start=start, end=end, moments=moments), strict=True))
            for held in mine:
                last = int((boundary(held.moment, slot) - start).total_seconds()) // slot
                n_slots = int(self._forecaster.reader.history.total_seconds()) // slot
                asked = self._ask(held, known[held.moment][:, max(last - n_slots, 0) : last])
                while not all(job.done() for job, *_ in asked) and not self._stop.wait(LOOKS_EVERY_S):
                    pass
                if self._stop.is_set():
                    return
                done += 1
                self._keep(conn, held, *self._said(held, asked), now, done)
                yield done
        decide(conn, now)

    def _ask(self, held: Held, values: Floats) -> list[tuple[Job, Question, str]]:
        """Everybody, in their groups; who is slow is asked about a few series at a time, so that no processor waits."""
        asked = []
        streams = held.streams
        row_of = {stream.datastream_id: k for k, stream in enumerate(streams)}
        for group in alike(streams):
            for some in together(group):
                rows = [row_of[stream.datastream_id] for stream in some]
                question = self._forecaster.question(some, values[rows], boundary(held.moment, held.slot_s), held.slot_s)
                names = [name for name in contestants(some[0]) if held.slot_s == HOUR_S or name not in TOO_SLOW]
                for name in sorted(names, key=lambda name: MODELS[name].tier, reverse=True):
                    n = len(some) if MODELS[name].tier == "A" else 4
                    parts = [question.of(range(first, min(first + n, len(some)))) for first in range(0, len(some), n)]
                    asked += [(self._workshop.submit(contest.medians, part, [name]), part, name) for part in parts]
                asked.append((self._workshop.submit(foresee, question, LEVELS), question, ""))
        return asked

    def _said(self, held: Held, asked: Sequence[tuple[Job, Question, str]]) -> tuple[list[Forecast], list[Rival]]:
        """What they said, as of then: of the service itself with its intervals."""
        told: list[Forecast] = []
        rivals: list[Rival] = []
        for job, question, name in asked:
            found = self._workshop.collect(job)
            if found is None:
                continue
            if name:
                rivals += rivals_of(question, name, found[name], held.moment) if name in found else []
            else:
                each = [(k, outlook) for k, outlook in enumerate(found) if isinstance(outlook, Outlook)]
                told += [record_outlook(question, k, outlook, held.moment) for k, outlook in each]
        return told, rivals

    def _keep(
        self, conn: Connection, held: Held, told: Sequence[Forecast], rivals: Sequence[Rival], now: datetime, done: int
    ) -> None:
        """Stores what was said and what it was worth, and that this was done: all or nothing."""
        partitions = DayPartitions(conn)
        partitions.ensure(conn, "forecast", days_of({held.moment}))
        first = boundary(held.moment, held.slot_s)
        with conn.transaction():
            write_rivals(conn, rivals)
            write_forecasts(conn, partitions, told)
            tallies = self._scorer.of_the_past(conn, held.streams, held.slot_s, first, first + DAY, now)
            add_scores_of_the_past(conn, tallies)
            backfills.note_rows(conn, self._name, done)
