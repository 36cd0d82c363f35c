"""Blocks: series that are learnt together, elsewhere, once a day, and refreshed together in milliseconds in between.

Only series that the first choice speaks for are learnt; those that need a fallback are tried anew each time, as it is for them
that the reason has to be found. Without a workshop nothing is learnt, and everything is tried anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from forecasting import contest
from forecasting.question import Question
from forecasting.refresh import Learnt
from forecasting.workshop import Job, Workshop

BLOCK = 100
"""Series of a block: enough to be quick, few enough that one whose past has changed does not cost much."""
OFFERED_FOR = timedelta(minutes=5)
"""A block of fewer is made when some of it have waited for so long."""
LEARNT_FOR = timedelta(days=1)
AT_ONCE = 2


@dataclass(slots=True)
class Block:
    """`learnt` stands for `ids` in this order."""

    ids: list[int]
    learnt: Learnt | None = None
    learnt_at: datetime | None = None
    job: Job | None = None
    is_doubted: bool = False

    def is_due(self, now: datetime) -> bool:
        return self.job is None and (self.learnt_at is None or self.is_doubted or now - self.learnt_at >= LEARNT_FOR)


class Blocks:
    """Which series have been learnt together."""

    def __init__(self, workshop: Workshop | None, levels: Sequence[float]) -> None:
        self._workshop, self._levels = workshop, levels
        self._offered: dict[int, datetime | None] = {}
        self._blocks: list[Block] = []
        self._block_of: dict[int, int] = {}

    @property
    def n_learnt(self) -> int:
        return sum(len(block.ids) for block in self._blocks if block.learnt is not None)

    def offer(self, series_id: int) -> None:
        """A series that may be learnt with others."""
        if self._workshop is not None and series_id not in self._block_of:
            self._offered.setdefault(series_id, None)

    def doubt(self, series_ids: Iterable[int]) -> None:
        """The past of these has changed: their blocks are learnt anew, and speak until then."""
        for series_id in series_ids:
            if series_id in self._block_of:
                self._blocks[self._block_of[series_id]].is_doubted = True

    def turn_of(self, series_id: int) -> int:
        """By which number a series takes its turn: one for the whole of a block."""
        return self._block_of.get(series_id, series_id)

    def has_learnt(self, series_id: int) -> bool:
        block = self._block_of.get(series_id)
        return block is not None and self._blocks[block].learnt is not None

    def holding(self, series_ids: Iterable[int]) -> list[list[int]]:
        """The series of every learnt block that holds one of these."""
        found = sorted({self._block_of[number] for number in series_ids if self.has_learnt(number)})
        return [self._blocks[k].ids for k in found]

    def find(self, ids: Sequence[int]) -> Learnt | None:
        """What was learnt of exactly these series together."""
        block = self._block_of.get(ids[0])
        return self._blocks[block].learnt if block is not None and self._blocks[block].ids == list(ids) else None

    def tick(self, now: datetime, kinds: Mapping[int, Hashable], ask: Callable[[Sequence[int]], Question]) -> None:
        """Collects what was learnt, makes blocks of what is offered, and has what is due learnt. `kinds`: what each series that
        there is can be learnt together with; `ask`: its histories."""
        if self._workshop is None:
            return
        self._make(now, kinds)
        for block in self._blocks:
            if block.job is not None and block.job.done():
                found = self._workshop.collect(block.job)
                block.job, block.learnt_at = None, now
                block.learnt = found if found is not None else block.learnt
        for block in self._blocks:
            if sum(1 for other in self._blocks if other.job is not None) >= AT_ONCE:
                break
            if block.is_due(now) and all(number in kinds for number in block.ids):
                block.job, block.is_doubted = self._workshop.submit(contest.teach, ask(block.ids), self._levels), False

    def _make(self, now: datetime, kinds: Mapping[int, Hashable]) -> None:
        alike: dict[Hashable, list[int]] = defaultdict(list)
        for series_id, since in self._offered.items():
            self._offered[series_id] = since or now
            if series_id in kinds:
                alike[kinds[series_id]].append(series_id)
        for ids in alike.values():
            has_waited = any(now - (self._offered[number] or now) >= OFFERED_FOR for number in ids)
            while len(ids) >= BLOCK or (has_waited and ids):
                some, ids = sorted(ids[:BLOCK]), ids[BLOCK:]
                self._block_of |= dict.fromkeys(some, len(self._blocks))
                self._blocks.append(Block(some))
                for number in some:
                    del self._offered[number]
