"""The jury: has every model try itself on the series that matter, crowns who errs least, and lets it speak.

Every RIVALS_EVERY each model is asked, elsewhere (`forecasting.workshop`), about each contested series from the same origin;
what it says is stored and scored, and not shown. Who errs least on the same targets (`forecasting.champions`) then speaks once an
hour in its own name, for as long as it does; the combination speaks for all others. Who is champion is read anew with every
decision, because the writer of a past decides too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from domain.datastreams import Datastream
from domain.scores import Champion
from forecasting import champions, contest
from forecasting.models.registry import MODELS
from forecasting.question import RIVER, Question
from forecasting.records import rivals_of, spoken_of
from forecasting.scorer import DAY, RIVALS_EVERY
from forecasting.series import boundary
from forecasting.workshop import Job, Workshop
from storage.champions import crown, list_champions
from storage.connection import Connection
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from storage.scores import delete_rivals, list_scores, newest_rivals, write_rivals

DEFAULT = "combination"
"""Who speaks by itself (`forecasting.outlook`)."""
CONTEST_BEGINS = timedelta(hours=1)
"""After a first start: who has no past has nothing to contest with, and a past that is written at once has its own contests."""
SPOKEN_FOR = timedelta(minutes=100)
"""A champion that has not spoken for so long leaves its series to the refresh."""
DECIDED_EVERY = timedelta(minutes=10)
CONTEST_DAYS = 14
KEPT_FOR = (CONTEST_DAYS + 2) * DAY
"""What contestants said is kept for as long as it counts, so that every figure of a contest can be reckoned again."""
CONTESTED_TOGETHER = 16
AT_ONCE = 4
AskFor = Callable[[Connection, Sequence[Datastream], int, datetime], Question]


class _Asked(NamedTuple):
    """What one model is asked; `is_rival`: for the contest, not to be shown."""

    question: Question
    model: str
    asked_at: datetime
    is_rival: bool


class Jury:
    """The contests of all series that matter. `ask` gives the question about series of one slot length."""

    def __init__(self, workshop: Workshop, levels: Sequence[float], ask: AskFor) -> None:
        self._workshop, self._levels, self._ask = workshop, levels, ask
        self._champions: dict[int, Champion] = {}
        self._decided: datetime | None = None
        self._contested: datetime | None = None
        self._spoken: dict[int, datetime] = {}
        self._asked: dict[int, datetime] = {}
        self._pending: list[tuple[Job, _Asked]] = []
        self._waiting: list[_Asked] = []

    def speaks(self, series_id: int, now: datetime) -> bool:
        """Whether a champion has spoken for a series lately, so that the refresh need not."""
        spoken = self._spoken.get(series_id)
        return spoken is not None and timedelta(0) <= now - spoken < SPOKEN_FOR

    def tick(
        self, conn: Connection, now: datetime, of_slot: Mapping[int, Sequence[Datastream]], partitions: DayPartitions, *,
        has_time: bool = True,
    ) -> dict[str, Any]:  # fmt: skip
        """Collects what is done, decides, and asks for what is due: nothing while something is under way, and everybody only when
        it `has_time`. `of_slot`: the series that are contested, by the length of their slots."""
        if self._contested is None:
            self._contested = newest_rivals(conn, since=now - DAY) or now - RIVALS_EVERY + CONTEST_BEGINS
        self._collect(conn, now, partitions)
        if self._decided is None or abs(now - self._decided) >= DECIDED_EVERY:
            self._champions = decide(conn, now)
            delete_rivals(conn, now - KEPT_FOR)
            self._decided = now
        if not self._pending and not self._waiting:
            self._ask_champions(conn, now, of_slot)
            if has_time and now - self._contested >= RIVALS_EVERY:
                self._ask_everybody(conn, now, of_slot)
                self._contested = now
        while self._waiting and len(self._pending) < AT_ONCE:
            asked = self._waiting.pop()
            work = (contest.spoken, asked.question, asked.model, self._levels)
            if asked.is_rival:
                work = (contest.medians, asked.question, [asked.model])  # type: ignore[assignment]
            self._pending.append((self._workshop.submit(*work), asked))
        crowned = Counter(champion.model for champion in self._champions.values())
        return {
            "contested": len(self._pending) + len(self._waiting),
            "workers_lost": self._workshop.n_lost,
            "champions": len(crowned),
        }

    def _ask_everybody(self, conn: Connection, now: datetime, of_slot: Mapping[int, Sequence[Datastream]]) -> None:
        for slot, streams in of_slot.items():
            for mine in alike(streams):
                for question in self._questions(conn, mine, slot, now):
                    self._waiting += [_Asked(question, model, now, True) for model in contestants(mine[0])]

    def _ask_champions(self, conn: Connection, now: datetime, of_slot: Mapping[int, Sequence[Datastream]]) -> None:
        """Those that speak in their own name, once an hour."""
        for slot, streams in of_slot.items():
            for mine in alike(streams):
                by_model: dict[str, list[Datastream]] = defaultdict(list)
                for stream in mine:
                    champion = self._champions.get(stream.datastream_id)
                    asked = self._asked.get(stream.datastream_id)
                    is_due = asked is None or boundary(now, 3600) > boundary(asked, 3600)
                    if champion is not None and champion.model != DEFAULT and champion.model in MODELS and is_due:
                        by_model[champion.model].append(stream)
                        self._asked[stream.datastream_id] = now
                for model, spoken_for in by_model.items():
                    questions = self._questions(conn, spoken_for, slot, now)
                    self._waiting += [_Asked(question, model, now, False) for question in questions]

    def _questions(self, conn: Connection, streams: Sequence[Datastream], slot: int, now: datetime) -> list[Question]:
        return [self._ask(conn, some, slot, now) for some in together(streams)]

    def _collect(self, conn: Connection, now: datetime, partitions: DayPartitions) -> None:
        for job, asked in [pending for pending in self._pending if pending[0].done()]:
            self._pending.remove((job, asked))
            found = self._workshop.collect(job)
            if found is None:
                continue
            if asked.is_rival:
                paths = found.get(asked.model, np.empty((0, 0)))
                write_rivals(conn, rivals_of(asked.question, asked.model, paths, asked.asked_at))
                continue
            told = spoken_of(asked.question, asked.model, found, now)
            write_forecasts(conn, partitions, told)
            self._spoken |= {forecast.datastream_id: forecast.issued_at for forecast in told}


def decide(conn: Connection, now: datetime) -> dict[int, Champion]:
    """Crowns who erred least lately, and returns all champions."""
    before = list_champions(conn)
    rows = list_scores(conn, since=(now - CONTEST_DAYS * DAY).date(), is_rival=True)
    decided = champions.decide(champions.ratios(rows), before, now)
    crown(conn, decided)
    return before | {champion.series_id: champion for champion in decided}


def contestants(stream: Datastream) -> list[str]:
    """Who is asked about a series. Tier C is for halls and the city's figures, and for rivers those that need the rain."""
    return [model.name for model in MODELS.values() if model.tier != "C" or stream.datastream_id < 0 or model.needs_covariates]


def is_of_a_hall(stream: Datastream) -> bool:
    return stream.datastream_id < 0 and stream.device_id.startswith("hall/")


def alike(streams: Sequence[Datastream]) -> list[list[Datastream]]:
    """Series that can be asked for together: measured, with rain, of the city, of halls (which close)."""
    kinds: dict[tuple[bool, bool, bool], list[Datastream]] = defaultdict(list)
    for stream in streams:
        kinds[stream.datastream_id < 0, is_of_a_hall(stream), stream.property == RIVER].append(stream)
    return list(kinds.values())


def together(streams: Sequence[Datastream]) -> list[Sequence[Datastream]]:
    """A few at a time."""
    return [streams[first : first + CONTESTED_TOGETHER] for first in range(0, len(streams), CONTESTED_TOGETHER)]
