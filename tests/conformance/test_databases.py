"""One memory, two databases: the same week of readings gives the same answers, those that numpy gives.

On a plain server only that one is asked. With `--database-url=` naming a TimescaleDB, it and a private plain PostgreSQL
are both asked: each is held to the same expectation, so that neither can differ from the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose

from domain.batches import BatchCounts
from domain.moments import Moment
from domain.observations import Quality, Reading
from storage import observations, rollups
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.migrate import recorded_flavour
from storage.rollups import DistrictHour
from tests.support.databases import Databases, private_databases
from tests.support.scenes import NOW, a_reading, minutes, stored_by, the_stream

DISTRICTS = ("440105", "440106", "440106")
STATIONS = tuple(f"{district}/environment/net/air-{k}" for k, district in enumerate(DISTRICTS))
HOURS = 7 * 24
START = NOW - minutes(60 * HOURS)
BAD_BELOW = 4.0


def _week() -> npt.NDArray[np.float64]:
    """Values of three stations every ten minutes for a week; what lies below BAD_BELOW was flagged as bad."""
    return np.random.default_rng(2026).normal(50, 20, size=(3, HOURS * 6)).round(2)


def _reading(station: int, slot: int, value: float, *, late: bool = False, corrects: bool = False) -> Reading:
    ago = 60 * HOURS - 10 * slot
    return a_reading(
        value, minutes_ago=ago, delay_minutes=ago if late else 0, device_id=STATIONS[station], corrects=corrects,
        quality=Quality.BAD if value < BAD_BELOW else Quality.GOOD,
    )  # fmt: skip


def _tell(conn: Connection) -> tuple[npt.NDArray[np.float64], BatchCounts]:
    """Tells the week as a bad network would: most in order, a tenth late, some twice, some corrected; rolled up between."""
    values = _week()
    rng = np.random.default_rng(7)
    is_late = rng.random(values.shape) < 0.1
    ingestion = Ingestion(conn)
    cells = [(station, slot) for slot in range(values.shape[1]) for station in range(3)]
    in_time = [_reading(s, k, values[s, k]) for s, k in cells if not is_late[s, k]]
    late = [_reading(s, k, values[s, k], late=True) for s, k in cells if is_late[s, k]]
    counts = stored_by(ingestion, *in_time[: len(in_time) // 2])
    rollups.refresh(conn, NOW - minutes(60 * HOURS // 2))
    counts += stored_by(ingestion, *in_time[len(in_time) // 2 :], *in_time[::50])
    rollups.refresh(conn, NOW)
    corrected = [(s, k) for s, k in cells if not is_late[s, k]][::40]
    for s, k in corrected:
        values[s, k] += 100
    counts += stored_by(ingestion, *late, *(_reading(s, k, values[s, k], late=True, corrects=True) for s, k in corrected))
    return values, counts


@pytest.fixture
def memories(databases: Databases, conn: Connection) -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        asked = [conn]
        if recorded_flavour(conn) == "timescale":
            plain = stack.enter_context(stack.enter_context(private_databases()).fresh())
            asked.append(stack.enter_context(connect(plain)))
            assert recorded_flavour(asked[1]) == "plain"
        yield asked


def _expected_hours(values: npt.NDArray[np.float64]) -> list[DistrictHour]:
    expected = []
    usable = np.where(values < BAD_BELOW, np.nan, values).reshape(3, HOURS, 6)
    for hour in range(HOURS):
        for district, stations in (("440105", [0]), ("440106", [1, 2])):
            counted = usable[stations, hour].ravel()
            counted = counted[~np.isnan(counted)]
            if counted.size:
                start = START + minutes(60 * hour)
                expected.append(DistrictHour(district, "pm25", start, counted.size, counted.mean(), counted.min(), counted.max()))
    return expected


def _hours(conn: Connection) -> list[DistrictHour]:
    return rollups.list_district_hours(conn, "pm25", since=START, until=NOW)


def _keys(hours: list[DistrictHour]) -> list[tuple[str, datetime, int]]:
    return [(h.district_code, h.hour, h.n) for h in hours]


def test_rollups_series_and_newest_values_are_those_that_numpy_gives(memories: list[Connection]) -> None:
    for conn in memories:
        values, counts = _tell(conn)
        assert counts.received == counts.stored + counts.duplicate + counts.corrected
        assert counts.stored == values.size

        expected = _expected_hours(values)
        for refreshed in (False, True):
            if refreshed:
                rollups.refresh(conn, NOW + minutes(1))
                assert conn.execute("SELECT count(*) FROM rollup_mark").fetchone() == (0,)
            told = _hours(conn)
            assert _keys(told) == _keys(expected)
            for figure in ("mean", "low", "high"):
                assert_allclose([getattr(h, figure) for h in told], [getattr(h, figure) for h in expected], rtol=1e-12)

        streams = [the_stream(conn, station) for station in STATIONS]
        halves = np.where(values < BAD_BELOW, np.nan, values).reshape(3, HOURS * 2, 3)
        n = (~np.isnan(halves)).sum(axis=2)
        means = np.divide(np.nansum(halves, axis=2), n, out=np.full(n.shape, np.nan), where=n > 0)
        for moment in (Moment.live(NOW), Moment.past(NOW)):
            series = observations.load_series(conn, streams, start=START, end=NOW, step_s=1800, moment=moment)
            assert_allclose(series.values, means, rtol=1e-12)
            newest = {v.datastream_id: v.value for v in observations.list_values(conn, moment)}
            assert newest == dict(zip(streams, values[:, -1], strict=True))


def test_what_was_known_on_wednesday_is_what_had_come_by_then(memories: list[Connection]) -> None:
    """Late values and corrections all arrived at NOW: a day before, only the punctual and uncorrected were known."""
    wednesday = NOW - minutes(24 * 60)
    for conn in memories:
        _tell(conn)
        values, is_late = _week(), np.random.default_rng(7).random((3, HOURS * 6)) < 0.1
        known = np.where(is_late | (values < BAD_BELOW), np.nan, values)[:, : HOURS * 6 - 24 * 6]
        streams = [the_stream(conn, station) for station in STATIONS]
        series = observations.load_series(conn, streams, start=START, end=wednesday, step_s=600, moment=Moment.past(wednesday))
        assert_allclose(series.values, known, rtol=1e-12)
        last = [np.flatnonzero(~row)[-1] for row in is_late[:, : HOURS * 6 - 24 * 6 + 1]]
        newest = {v.datastream_id: v.value for v in observations.list_values(conn, Moment.past(wednesday))}
        assert newest == {stream: values[k, last[k]] for k, stream in enumerate(streams)}
