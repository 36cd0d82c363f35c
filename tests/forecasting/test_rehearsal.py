"""The rehearsal: a past that was written afterwards has the contest it would have had, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Event

import pytest

from forecasting.rehearsal import APART, Held, Rehearsal
from forecasting.service import Forecaster
from forecasting.workshop import Workshop
from storage import backfills
from storage.champions import list_champions
from storage.connection import Connection
from storage.outlook import find_number
from storage.scores import list_scores, scored_until
from tests.forecasting.arrivals import SHANGHAI, office_arrivals
from tests.support.scenes import NOW, minutes, stored

DAYS, NAME = 26, "contest of a test"


def a_rehearsal() -> Rehearsal:
    forecaster = Forecaster(
        horizon_s=86_400, step_s=900, issue_s=900, history_days=28, stop=Event(), zone=SHANGHAI
    )  # fmt: skip
    return Rehearsal(forecaster, Workshop(workers=0), NAME, Event())


@pytest.fixture
def begun(conn: Connection) -> Connection:
    stored(conn, *office_arrivals(DAYS, every_min=60, least=2))
    backfills.begin(conn, NAME, NOW)
    return conn


def test_a_short_past_has_no_contest(begun: Connection) -> None:
    assert a_rehearsal().plan(begun, NOW, 21) == []


@pytest.mark.filterwarnings("ignore:.*is deprecated")  # of Prophet's use of pandas, not of ours
def test_models_are_asked_as_of_then_and_the_best_is_crowned(begun: Connection) -> None:
    rehearsal = a_rehearsal()
    planned = [held for held in rehearsal.plan(begun, NOW, DAYS) if held.slot_s == 3600]
    newest = NOW - timedelta(hours=26) + minutes(1)
    assert [held.moment for held in planned] == [newest, newest - APART]
    assert scored_until(begun, 3600) == NOW, "nobody else scores what lies before"
    assert list(rehearsal.hold(begun, planned, 0, NOW)) == [1, 2]
    number = find_number(begun, "city/arrivals")
    assert number is not None
    said = dict(begun.execute("SELECT model, min(issued_at) FROM rival_forecast WHERE series_id = %s GROUP BY 1", (number,)))
    assert {"prophet", "poisson_glm", "two_stage", "mstl_ets", "profile"} <= set(said)
    assert set(said.values()) == {planned[1].moment}
    tallies = {row.model: row.tally for row in list_scores(begun, since=planned[1].moment.date(), is_rival=True)}
    assert tallies["profile"].n == 2 * 6, "of a lead of six hours at either moment"
    champion = list_champions(begun)[number]
    assert champion.contest[champion.model] == min(champion.contest.values()) < 1
    own = [row for row in list_scores(begun, since=planned[1].moment.date()) if row.series_id == number]
    assert {row.lead_h for row in own} == {1, 6, 24}, "what the service says by itself is scored as well"


def test_what_has_been_held_is_left_alone(begun: Connection) -> None:
    rehearsal = a_rehearsal()
    held = [Held(3600, each.moment, []) for each in rehearsal.plan(begun, NOW, DAYS)]
    assert list(rehearsal.hold(begun, held, len(held), datetime.max.replace(tzinfo=NOW.tzinfo))) == []
