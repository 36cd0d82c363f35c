"""Forecasts as the forecasts page shows them: series found by words, one of them, and how well all are served, as JSON.

What every viewer asks for alike is read at most every KEPT for all of them: it goes through the scores of every series."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import wire_outlook
from dashboard.api import answer, failed, missing
from dashboard.api.shared import Shared
from dashboard.bodies import LONGEST_ID
from dashboard.deployment import Deployment
from dashboard.figures.accuracy import accuracy, contest
from dashboard.wire import Json, ms
from domain.anomalies import Lane
from domain.derived import Measure
from domain.halls import ServiceItem
from domain.labels import Labelled
from domain.moments import Moment
from domain.sensors import PROPERTIES, SensorKind
from layouts.words import CATALOGUE
from storage import outlook
from storage.anomalies import count_anomalies, list_anomalies
from storage.connection import Connection, DatabaseUnreachable

KEPT = timedelta(seconds=60)
SCORE_DAYS = 14
MOST_SERIES = 60
MOST_WORDS = 6
MOST_ANOMALIES = 100
DAY = timedelta(days=1)
DECREES_FROM = timedelta(days=60)
"""From so long before a year on it is said that its days off have not been decreed: the decree appears in November."""
LONGEST_BACK_H = 14 * 24


def read_service(conn: Connection, house: Deployment, now: datetime) -> Json:
    """How well every series is served, and what forecasts do not know."""
    service = outlook.service_of_all(conn, Moment.live(now), score_days=SCORE_DAYS)
    lanes = count_anomalies(conn, since=now - DAY)
    today = now.astimezone(house.zone).date()
    undecreed = house.calendar.undecreed([today.year, (today + DECREES_FROM).year])
    return wire_outlook.service(accuracy(service), contest(service), ms(now), service.since.isoformat(), lanes, undecreed)


def meanings(word: str) -> list[str]:
    """Groups, properties, measures and services whose label in either language holds the word."""
    wanted = word.casefold()
    labelled: list[tuple[str, tuple[str, str]]] = [(row.name, (row.zh, row.en)) for row in PROPERTIES.values()]
    kinds: tuple[type[Labelled], ...] = (Measure, ServiceItem)
    labelled += [(kind.type_name, (kind.zh, kind.en)) for kind in SensorKind]
    labelled += [(group, CATALOGUE[f"outlook.group.{group}"]) for group in (outlook.HALL, outlook.CITY)]
    labelled += [(member.value, (member.zh, member.en)) for kind in kinds for member in kind]
    return [name for name, labels in labelled if any(wanted in label.casefold() for label in labels)]


def mount(server: FastAPI, house: Deployment) -> None:
    reader = Shared(house, lambda conn, now: read_service(conn, house, now), KEPT)

    async def service() -> Response:
        try:
            return Response(await reader.get(), headers={"cache-control": "no-store"}, media_type="application/json")
        except DatabaseUnreachable:
            return failed("api.database_away")

    async def found(q: str = "", group: str | None = None) -> Response:
        """Series of which every word of `q` is a part of a name, device, property or service; of a group, or of all."""
        if not _is_text(q) or not _is_text(group or ""):
            return missing("/api/forecasts/series")
        words = q.split()[:MOST_WORDS]
        means = [meanings(word) for word in words]

        def read(conn: Connection) -> Json:
            now = house.clock()
            rows = outlook.find_series(
                conn, Moment.live(now), words, group=group or None, meanings=means, limit=MOST_SERIES
            )  # fmt: skip
            return {"t": ms(now), "most": MOST_SERIES, "series": [wire_outlook.standing(row) for row in rows]}

        return await _told(house, read, "/api/forecasts/series")

    async def one(series: str = "", hours: int = 48) -> Response:
        """One series, by its number or, of a derived one, its key; `hours` into the past."""
        if not _is_text(series) or not 1 <= hours <= LONGEST_BACK_H:
            return missing("/api/forecasts/one")

        def read(conn: Connection) -> Json | None:
            number = _number(series)
            number = outlook.find_number(conn, series) if number is None else number
            if number is None:
                return None
            moment = Moment.live(house.clock())
            read_ = outlook.series_outlook(conn, moment, number, back=timedelta(hours=hours), score_days=SCORE_DAYS)
            return None if read_ is None else wire_outlook.series(read_, house.zone)

        return await _told(house, read, "/api/forecasts/one")

    async def anomalies(lane: str | None = None) -> Response:
        """The newest anomalies of the last day, of a lane or of all, with the series they are of."""
        if lane is not None and Lane.known(lane) is None:
            message = f"lane is {lane[:40]!r}: expected one of {', '.join(Lane)}"
            return answer({"error": "bad_request", "message": message}, 400)

        def read(conn: Connection) -> Json:
            now = house.clock()
            rows = list_anomalies(conn, since=now - DAY, until=now, lane=lane, limit=MOST_ANOMALIES)
            names = outlook.list_named(conn, {row.anomaly.datastream_id for row in rows}, Moment.live(now))
            told = [
                wire_outlook.anomaly(row, house.zone) | {"of": wire_outlook.named(names[row.anomaly.datastream_id])}
                for row in rows
                if row.anomaly.datastream_id in names
            ]
            return {"t": ms(now), "anomalies": told}

        return await _told(house, read, "/api/forecasts/anomalies")

    server.add_api_route("/api/forecasts", service, methods=["GET"])
    server.add_api_route("/api/forecasts/series", found, methods=["GET"])
    server.add_api_route("/api/forecasts/one", one, methods=["GET"])
    server.add_api_route("/api/forecasts/anomalies", anomalies, methods=["GET"])


def _number(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None


def _is_text(said: str) -> bool:
    return len(said) <= LONGEST_ID and "\0" not in said


async def _told(house: Deployment, read: Callable[[Connection], Json | None], path: str) -> Response:
    try:
        said = await house.database.ask(read)
    except DatabaseUnreachable:
        return failed("api.database_away")
    return missing(path) if said is None else answer(said)
