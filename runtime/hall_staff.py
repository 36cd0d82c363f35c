"""The staff office of the demonstration: registers the clerks of the simulated halls whom nobody has seen at a window yet, as a
hall manager would, through the same act and audited under a name of its own.

Who works at windows becomes known by the events of the hall; who stands by does not, and could be put on no roster.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.refusals import Refused
from domain.rights import Actor, Role
from iot.simulated.halls import Hall
from staffing.practice import HallPractice
from staffing.rosters.acts import set_clerk
from storage.connection import Connection
from storage.halls import list_halls
from storage.rosters import list_clerks

log = logging.getLogger(__name__)

SETTLES_IN = timedelta(minutes=3)
"""Until then the halls say by themselves who works there."""
LOOKS_EVERY = timedelta(seconds=10)
STAFF_OFFICE = Actor("demo-staff-office", Role.HALL_MANAGER)
REASON = "演示：登记未在窗口出现过的人员 / demonstration: clerks who have not been seen at a window"


class StaffOffice:
    """What the office remembers: which halls it is done with. It takes one hall at a look."""

    def __init__(self, halls: Sequence[Hall], practice: HallPractice) -> None:
        self._left, self._practice = list(halls), practice
        self._began_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._n_registered = 0

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Registers whom it has to; returns how many it has registered so far."""
        self._began_at = self._began_at or now
        is_due = self._looked_at is None or abs(now - self._looked_at) >= LOOKS_EVERY
        if self._left and is_due and abs(now - self._began_at) >= SETTLES_IN:
            self._looked_at = now
            self._register(conn, self._left.pop(0), now)
        return {"clerks_registered_total": self._n_registered}

    def _register(self, conn: Connection, hall: Hall, now: datetime) -> None:
        """A hall that has not introduced itself yet is looked at again, after the others."""
        if hall.hall_id not in {place.hall_id for place in list_halls(conn)}:
            self._left.append(hall)
            return
        known = {clerk.clerk for clerk in list_clerks(conn, hall.hall_id, with_retired=True)}
        for clerk in hall.clerks:
            if clerk.pseudonym in known:
                continue
            try:
                set_clerk(
                    conn, hall.hall_id, clerk.pseudonym, STAFF_OFFICE, now, skills=sorted(map(str, clerk.skills)), reason=REASON,
                    practice=self._practice,
                )  # fmt: skip
            except Refused as refused:
                log.info("the staff office was refused: %s", refused.en)
            else:
                self._n_registered += 1
