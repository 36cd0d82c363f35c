"""Event time: a day that comes late, doubled, shuffled and corrected leaves what the clean day leaves; what was known before stays
known as of then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.batches import Batch
from domain.moments import Moment
from domain.observations import PropertySpec, Quality, Reading
from domain.quality import Cause, doubt_of
from ingest.quality import judge
from storage import observations, rollups
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.ledger import account
from storage.migrate import recorded_flavour
from tests.support.databases import Databases
from tests.support.scenes import NOW, STATION, a_device, a_reading, minutes, the_stream

DAY = timedelta(days=1)
PROPERTIES = (PropertySpec("pm25", "ug/m3", 0, 1000), PropertySpec("windSpeed", "m/s", 0, 75))


@dataclass(frozen=True)
class Day:
    """Values in the order of measurement, and the messages in the order in which they come: number, whether it is a wrong first
    value, whether it corrects one."""

    values: Sequence[tuple[str, float]]
    messages: Sequence[tuple[int, bool, bool]]
    batches: Sequence[int]
    restarts: frozenset[int]
    step_minutes: float

    def reading(self, k: int, arrival: int, *, is_wrong: bool = False, corrects: bool = False) -> Reading:
        prop, value = self.values[k]
        measured = NOW - DAY + minutes(self.step_minutes * k)
        return Reading(
            STATION, prop, measured, NOW + timedelta(seconds=arrival), value + 3 if is_wrong else value, Quality.SIMULATED, k,
            is_correction=corrects,
        )  # fmt: skip


@st.composite
def days(draw: st.DrawFn) -> Day:
    runs = draw(
        st.lists(
            st.tuples(st.sampled_from([0.0, 9.0, 40.0, 55.0, 300.0, 5000.0]), st.sampled_from([1, 1, 1, 1, 2, 3, 40])),
            min_size=1, max_size=25,
        )
    )  # fmt: skip
    values = [("windSpeed" if k % 11 == 10 else "pm25", value) for k, value in enumerate(v for v, n in runs for _ in range(n))]
    luck = draw(st.randoms(use_true_random=False))
    messages: list[tuple[int, bool, bool]] = []
    for k in range(len(values)):
        is_wrong = luck.random() < 0.1
        messages.append((k, is_wrong, False))
        if is_wrong:
            messages.append((k, False, True))
    reach = draw(st.sampled_from([0, 2, 10, len(messages)]))
    order = sorted(range(len(messages)), key=lambda k: k + luck.uniform(0, reach))
    told = [messages[k] for k in order]
    for _ in range(len(told) // 5):  # at least once: some come twice, later
        k = luck.randrange(len(told))
        told.insert(luck.randint(k + 1, len(told)), told[k])
    # A wrong value that comes again after its correction is a duplicate: what was corrected stays corrected.
    cuts = sorted(luck.sample(range(1, len(told)), min(len(told) - 1, draw(st.integers(0, 12)))))
    batches = [end - begin for begin, end in zip([0, *cuts], [*cuts, len(told)], strict=True)]
    restarts = frozenset(k for k in range(len(batches)) if luck.random() < 0.2)
    return Day(values, told, batches, restarts, draw(st.sampled_from([1.0, 3.0, 9.0])))


def tell(conn: Connection, batches: Sequence[Sequence[Reading]], restarts: frozenset[int], compress_after: int | None) -> None:
    ingestion = Ingestion(conn)
    birth = a_device(minutes_ago=2 * 24 * 60, properties=PROPERTIES)
    for k, readings in enumerate(batches):
        if k in restarts:
            ingestion = Ingestion(conn)
        batch = Batch()
        batch.extend([birth, *readings] if k == 0 else readings)
        ingestion.register(batch, NOW)
        ingestion.write(batch, judge)
        if k == compress_after and recorded_flavour(conn) == "timescale":
            conn.execute("SELECT compress_chunk(chunk, if_not_compressed => true) FROM show_chunks('observation') chunk")


def left(conn: Connection) -> dict[str, list[Any]]:
    """What does not depend on when things were received."""
    asked = {
        "observation": "SELECT property, phenomenon_time, value, quality, doubt, seq FROM observation JOIN datastream "
        "USING (datastream_id) ORDER BY 1, 2",
        "latest": "SELECT property, phenomenon_time, value, quality FROM latest JOIN datastream USING (datastream_id) ORDER BY 1",
        "hours": "SELECT property, hour, n, round(total::numeric, 6), low, high FROM district_hour ORDER BY 1, 2",
    }
    return {name: conn.execute(query).fetchall() for name, query in asked.items()}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(day=days())
def test_a_day_late_doubled_shuffled_and_corrected_leaves_what_the_clean_day_leaves(databases: Databases, day: Day) -> None:
    clean = [day.reading(k, k) for k in range(len(day.values))]
    told = [day.reading(k, arrival, is_wrong=w, corrects=c) for arrival, (k, w, c) in enumerate(day.messages)]
    ends = np.cumsum(day.batches).tolist()
    with databases.fresh() as one, databases.fresh() as other, connect(one) as conn, connect(other) as second:
        tell(conn, [clean], frozenset(), None)
        tell(second, [told[end - n : end] for n, end in zip(day.batches, ends, strict=True)], day.restarts, len(day.batches) // 2)
        expected = left(conn)
        assert left(second) == expected
        for each in (conn, second):
            rollups.refresh(each, NOW + timedelta(hours=2))
            assert left(each)["hours"] == expected["hours"]
        for each in (conn, second):
            asked = account(each, since=NOW - 2 * DAY, until=NOW + DAY)
            assert asked.is_balanced
            assert asked.readings_in_table == len(day.values)


def judged(conn: Connection, *readings: Reading) -> None:
    tell(conn, [list(readings)], frozenset(), None)


def causes(conn: Connection) -> list[int | None]:
    return [row[0] for row in conn.execute("SELECT doubt FROM observation ORDER BY phenomenon_time")]


RATE, SPIKE = doubt_of(Quality.GOOD, Cause.RATE), doubt_of(Quality.GOOD, Cause.SPIKE)


def test_a_spike_shows_with_the_next_reading_and_was_a_jump_until_then(conn: Connection) -> None:
    judged(conn, a_reading(40, minutes_ago=5), a_reading(400, minutes_ago=4))
    assert causes(conn) == [None, RATE]
    judged(conn, a_reading(41, minutes_ago=3))
    assert causes(conn) == [None, SPIKE, None]
    then = observations.list_values(conn, Moment.past(NOW - minutes(4)))
    assert [(v.value, v.quality) for v in then] == [(400, Quality.UNCERTAIN)]
    now = observations.list_values(conn, Moment.past(NOW - minutes(3.5), NOW))
    assert [(v.value, v.quality) for v in now] == [(400, Quality.BAD)]


def test_a_spike_shows_also_to_an_ingester_that_remembers_nothing_and_to_one_that_others_overtook(
    conn: Connection, database_url: str
) -> None:
    with connect(database_url) as own:
        first, second = Ingestion(conn), Ingestion(own)
        for k, (ingestion, value) in enumerate([(first, 40), (first, 41), (second, 400), (first, 42), (second, 43)]):
            batch = Batch()
            batch.extend([a_reading(value, minutes_ago=9 - k)])
            ingestion.register(batch, NOW)
            ingestion.write(batch, judge)
    assert causes(conn) == [None, None, SPIKE, None, None]


def test_a_late_reading_clears_what_looked_like_a_jump(conn: Connection) -> None:
    judged(conn, a_reading(40, minutes_ago=5), a_reading(95, minutes_ago=3, quality=Quality.SIMULATED))
    assert causes(conn) == [None, None]  # 55 in two minutes
    judged(conn, a_reading(40, minutes_ago=4, delay_minutes=3))
    assert causes(conn) == [None, None, doubt_of(Quality.SIMULATED, Cause.RATE)]
    judged(conn, a_reading(66, minutes_ago=4, delay_minutes=3.5, corrects=True))
    assert causes(conn) == [None, None, None]
    assert conn.execute("SELECT quality FROM latest").fetchone() == (Quality.SIMULATED.code,)
    assert conn.execute("SELECT quality FROM observation ORDER BY phenomenon_time DESC LIMIT 1").fetchone() == (3,)


def test_what_is_judged_anew_is_rolled_up_anew(conn: Connection) -> None:
    judged(conn, a_reading(40, minutes_ago=65), a_reading(95, minutes_ago=63))
    rollups.refresh(conn, NOW + minutes(60))
    assert [h.n for h in rollups.list_district_hours(conn, "pm25", since=NOW - DAY, until=NOW)] == [2]
    judged(conn, a_reading(42, minutes_ago=64, delay_minutes=9))
    hours = rollups.list_district_hours(conn, "pm25", since=NOW - DAY, until=NOW)
    assert [(h.n, h.mean) for h in hours] == [(2, 41)], "from 42 to 95 in a minute is a jump"


def test_a_forecast_s_history_is_what_was_known_before_the_correction(conn: Connection) -> None:
    judged(conn, *(a_reading(40 + k % 3, minutes_ago=60 - k) for k in range(50)))
    judged(conn, a_reading(25, minutes_ago=20, delay_minutes=15, corrects=True))
    stream = the_stream(conn)

    def history(known_minutes_ago: float) -> float:
        moment = Moment.past(NOW - minutes(9), NOW - minutes(known_minutes_ago))
        series = observations.load_series(
            conn, [stream], start=NOW - minutes(20), end=NOW - minutes(19), step_s=60, moment=moment
        )
        return float(series.values[0, 0])

    assert (history(6), history(5)) == (41, 25)


@pytest.mark.parametrize("hours_ago", [1, 30, 24 * 12])
def test_latest_and_rollups_take_a_reading_where_it_belongs_into_compressed_days_too(conn: Connection, hours_ago: float) -> None:
    ago = 60 * hours_ago
    judged(conn, a_reading(40, minutes_ago=ago), a_reading(44, minutes_ago=ago - 10), a_reading(50, minutes_ago=1))
    rollups.refresh(conn, NOW + minutes(60))
    if recorded_flavour(conn) == "timescale":
        conn.execute("SELECT compress_chunk(chunk, if_not_compressed => true) FROM show_chunks('observation') chunk")
    judged(
        conn,
        a_reading(42, minutes_ago=ago - 5, delay_minutes=ago - 5),
        a_reading(30, minutes_ago=ago, delay_minutes=ago, corrects=True),
    )
    assert conn.execute("SELECT value FROM latest").fetchall() == [(50,)]
    hours = rollups.list_district_hours(conn, "pm25", since=NOW - 30 * DAY, until=NOW)
    assert sum(h.mean * h.n for h in hours) == 30 + 42 + 44 + 50
    assert conn.execute("SELECT value FROM observation_superseded").fetchall() == [(40,)]
