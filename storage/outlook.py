"""The outlook: every series that is foreseen, found by a part of its name; one of them with what came, what was expected and what
was odd; how well all of them are served.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.derived import Derived, parse_key
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.scores import Champion, ScoreRow
from storage.anomalies import StoredAnomaly, list_anomalies
from storage.champions import find_champion, list_champions
from storage.connection import Connection, one_view
from storage.derived import load_derived
from storage.forecasts import DAY, find_forecast, find_forecast_before
from storage.observations import load_series
from storage.scores import list_scores

HALL, CITY = "hall", "city"
"""Groups of derived series, beside the kinds of sensors."""


@dataclass(frozen=True, slots=True)
class Named:
    """A series as people know it: its number; its group (a kind of sensor, HALL or CITY); the device's, or hall's, names and
    district; what of it is measured (`property`, `item`, UCUM `unit`), or how it is derived."""

    series_id: int
    group: str
    device_id: str
    name_zh: str | None
    name_en: str | None
    district_code: str
    property: str
    item: str
    unit: str | None
    interval_s: float
    derived: Derived | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A series with its newest forecast of the last day, if there is one."""

    named: Named
    issued_at: datetime | None
    model: str | None
    model_version: str | None
    fallback_reason: str


@dataclass(frozen=True, slots=True)
class SeriesOutlook:
    """Everything about one series. `values` are means (of counts: sums) of slots of `step_s` from `start`, NaN where nothing
    usable was measured; `earlier` is what was expected a day ago. From: observation (or the events behind), forecast,
    forecast_score, champion, anomaly."""

    moment: Moment
    named: Named
    start: datetime
    step_s: int
    values: npt.NDArray[np.float64]
    measured_at: datetime | None
    forecast: Forecast | None
    earlier: Forecast | None
    champion: Champion | None
    scores: Sequence[ScoreRow]
    anomalies: Sequence[StoredAnomaly]


@dataclass(frozen=True, slots=True)
class Service:
    """How well series are served: their names, where they stand, and the scores of the days from `since` on; of series that are
    contested, those of all contestants, and the champions."""

    moment: Moment
    since: date
    standings: Mapping[int, Standing]
    scores: Sequence[ScoreRow]
    rivals: Sequence[ScoreRow] = ()
    champions: Mapping[int, Champion] = field(default_factory=dict)


def find_series(
    conn: Connection, moment: Moment, words: Sequence[str], *, group: str | None = None, meanings: Sequence[Sequence[str]] = (),
    limit: int = 60,
) -> list[Standing]:  # fmt: skip
    """Series of which every word is a part of a name, the device's id, the property or the item, whatever the case; or which are
    of a group, a property or an item that the word means (`meanings`, one list a word). Derived ones first, then by name."""
    said = {
        **_bounds(moment), "words": [f"%{_as_text(word)}%" for word in words],
        "means": [",".join(names) for names in meanings] or [""] * len(words), "group": group, "limit": limit, "ids": None,
    }  # fmt: skip
    return _standings(conn, said)


def find_named(conn: Connection, series_id: int, moment: Moment) -> Standing | None:
    """The series of a number."""
    found = _standings(conn, {**_bounds(moment), "words": [], "means": [], "group": None, "limit": 1, "ids": [series_id]})
    return found[0] if found else None


def list_named(conn: Connection, series_ids: Collection[int], moment: Moment) -> dict[int, Named]:
    """The series of numbers, those that are known."""
    said = {**_bounds(moment), "words": [], "means": [], "group": None, "limit": None, "ids": list(series_ids)}
    return {standing.named.series_id: standing.named for standing in _standings(conn, said)}


def find_number(conn: Connection, key: str) -> int | None:
    """The number of a derived series by its key."""
    row = conn.execute("SELECT series_id FROM derived_series WHERE key = %s", (key,)).fetchone()
    return row[0] if row else None


def series_outlook(
    conn: Connection, moment: Moment, series_id: int, *, back: timedelta, score_days: int
) -> SeriesOutlook | None:  # fmt: skip
    """One series, `back` into the past; None for a number that is not known."""
    with one_view(conn):
        standing = find_named(conn, series_id, moment)
        if standing is None:
            return None
        named = standing.named
        forecast = find_forecast(conn, series_id, moment)
        earlier = find_forecast_before(conn, series_id, moment.at - DAY)
        step_s = named.derived.step_s if named.derived else forecast.step_s if forecast else 900
        end = datetime.fromtimestamp(int(moment.at.timestamp()) // step_s * step_s, tz=moment.at.tzinfo)
        start = datetime.fromtimestamp(int((end - back).timestamp()) // step_s * step_s, tz=moment.at.tzinfo)
        if named.derived is not None:
            values = load_derived(conn, [named.derived], start=start, end=end, moment=moment)[0]
            known = np.flatnonzero(np.isfinite(values))
            measured_at = start + timedelta(seconds=step_s * (int(known[-1]) + 1)) if known.size else None
        else:
            under_way = end + timedelta(seconds=step_s)
            series = load_series(conn, [series_id], start=start, end=under_way, step_s=step_s, moment=moment)
            values, measured_at = series.values[0], series.watermark
        return SeriesOutlook(
            moment, named, start, step_s, values, measured_at, forecast, earlier, find_champion(conn, series_id),
            list_scores(conn, since=moment.at.date() - timedelta(days=score_days), series_id=series_id),
            list_anomalies(conn, since=moment.at - back, until=moment.at, series_id=series_id, limit=100),
        )  # fmt: skip


def service_of_all(conn: Connection, moment: Moment, *, score_days: int) -> Service:
    """Every series with its forecast and its scores."""
    with one_view(conn):
        since = moment.at.date() - timedelta(days=score_days)
        said = {**_bounds(moment), "words": [], "means": [], "group": None, "limit": None, "ids": None}
        standings = {standing.named.series_id: standing for standing in _standings(conn, said)}
        rivals = list_scores(conn, since=since, is_rival=True)
        return Service(moment, since, standings, list_scores(conn, since=since), rivals, list_champions(conn))


def _bounds(moment: Moment) -> dict[str, Any]:
    return {"at": moment.at, "since": moment.at - DAY}


def _as_text(word: str) -> str:
    """A word whose signs mean themselves to LIKE."""
    return word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def _standings(conn: Connection, said: Mapping[str, Any]) -> list[Standing]:
    found = []
    for row in conn.execute(_SERIES, said):
        derived = parse_key(row[11]) if row[11] is not None else None
        if row[0] < 0 and derived is None:
            continue  # a key of another version
        named = Named(*row[:10]) if derived is None else _named(row, derived)
        found.append(Standing(named, row[12], row[13], row[14], row[15] or ""))
    return found


def _named(row: tuple[Any, ...], derived: Derived) -> Named:
    return Named(
        row[0], HALL if derived.hall_id else CITY, derived.hall_id, row[3], row[4], row[5] or "",
        derived.quantity or derived.measure, derived.item, None, derived.step_s, derived,
    )  # fmt: skip


# A derived series takes the names of its hall. Every word has to be found somewhere, or to mean the property. Only of what
# is found forecasts are looked for.
_SERIES = """
WITH series AS (
    SELECT datastream_id AS id, type_name AS grp, device_id, coalesce(attributes ->> 'name_zh', name) AS zh,
           coalesce(attributes ->> 'name_en', name) AS en, device.district_code AS district, property, item, unit, interval_s,
           NULL::text AS key
    FROM datastream JOIN device USING (device_id) WHERE retired_at IS NULL
    UNION ALL
    SELECT series_id, split_part(key, '/', 1), coalesce(hall.device_id, ''), coalesce(hall.attributes ->> 'name_zh', hall.name),
           coalesce(hall.attributes ->> 'name_en', hall.name), hall.district_code,
           split_part(key, '/', CASE WHEN key LIKE 'hall/%%' THEN 3 ELSE 2 END),
           split_part(key, '/', CASE WHEN key LIKE 'hall/%%' THEN 4 ELSE 3 END), NULL, 0, key
    FROM derived_series
    LEFT JOIN LATERAL (
        SELECT device_id, attributes, name, district_code FROM device
        WHERE key LIKE 'hall/%%' AND site = split_part(key, '/', 2) AND type_name = 'ServiceHall' LIMIT 1
    ) hall ON true
), found AS (
    SELECT * FROM series
    WHERE (%(ids)s::integer[] IS NULL OR id = ANY(%(ids)s::integer[])) AND (%(group)s::text IS NULL OR grp = %(group)s::text)
      AND NOT EXISTS (
        SELECT FROM unnest(%(words)s::text[], %(means)s::text[]) AS wanted (word, means)
        WHERE NOT (concat_ws(' ', zh, en, device_id, property, item, key) ILIKE word
                   OR ARRAY[grp, property, item] && string_to_array(means, ','))
      )
    ORDER BY id > 0, key, zh, device_id, property, item, id
    LIMIT %(limit)s
)
SELECT found.id, grp, device_id, zh, en, district, property, item, unit, interval_s, NULL, key,
       newest.issued_at, newest.model, newest.model_version, newest.fallback_reason
FROM found
LEFT JOIN LATERAL (
    SELECT issued_at, model, model_version, fallback_reason FROM forecast
    WHERE forecast.datastream_id = found.id AND issued_at <= %(at)s AND issued_at > %(since)s
    ORDER BY issued_at DESC LIMIT 1
) newest ON true
ORDER BY found.id > 0, key, zh, device_id, property, item, found.id
"""
