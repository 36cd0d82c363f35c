"""The health of the data, and dead letters: what the data page shows, and what may be done there, as JSON.

What every viewer asks for alike is read at most every KEPT for all of them: it goes through a day of every source.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import visitor, wire_data
from dashboard.api import answer, failed, missing
from dashboard.api.acts import perform, told
from dashboard.api.shared import Shared
from dashboard.bodies import LONGEST_ID, about, read_body
from dashboard.deployment import Deployment
from dashboard.wire import Json
from domain.moments import Moment
from domain.rights import Action
from storage import deadletters, health, lifelines
from storage.connection import Connection, DatabaseUnreachable

KEPT = timedelta(seconds=30)
MOST_SOURCES = 200
MOST_LETTERS = 100


def read_data(conn: Connection, now: datetime) -> Json:
    moment = Moment.live(now)
    snapshot = health.health_snapshot(conn, moment)
    counts = deadletters.count_by_reason(conn, moment, since=snapshot.since)
    return wire_data.data(wire_data.DataNow(snapshot, counts, deadletters.count_all(conn)))


def may_read_payloads() -> bool:
    """What was refused may hold anything: it is for those who may mend it."""
    return visitor.current().may(Action.READ_PAYLOAD)


def mount(server: FastAPI, house: Deployment) -> None:
    reader = Shared(house, read_data, KEPT, heeds_mending=True)

    async def data() -> Response:
        return await _told("/api/data", reader.get())

    async def sources(hour: str = "", district: str | None = None, kind: str | None = None) -> Response:
        """Devices by their losses in the hour that begins at `hour` (ISO 8601 with an offset), of a district or a kind."""
        try:
            since = datetime.fromisoformat(hour.replace(" ", "+"))
        except ValueError:
            since = None
        if since is None or since.tzinfo is None or not _are_texts(district, kind):
            message = f"hour is {hour[:40]!r}: expected the beginning of an hour with an offset, such as 2026-03-02T01:00:00Z"
            return answer({"error": "bad_request", "message": message}, 400)

        def read(conn: Connection) -> Json:
            moment = Moment.live(house.clock())
            until = since + timedelta(hours=1)
            scores = health.list_scores(
                conn, moment, health.ScoreBy.DEVICE, since=since, until=until, district_code=district, type_name=kind,
                limit=MOST_SOURCES,
            )  # fmt: skip
            return {"t": round(moment.at.timestamp() * 1000), "sources": [wire_data.score(s) for s in scores]}

        return await _told("/api/data/sources", house.database.ask(read))

    async def source(id: str = "") -> Response:  # noqa: A002 - the name in the address
        def read(conn: Connection) -> Json | None:
            moment = Moment.live(house.clock())
            line = lifelines.find_lifeline(conn, moment, id)
            if line is None:
                return None
            return {"t": round(moment.at.timestamp() * 1000), **wire_data.source(health.device_health(conn, moment, id), line)}

        return await _told("/api/data/source", house.database.ask(read)) if _are_texts(id) and id else missing("/api/data/source")

    async def letters(
        code: str | None = None, device: str | None = None, before: int | None = None, state: str = "open"
    ) -> Response:  # fmt: skip
        """The newest dead letters, or those behind the number `before`; `state` open or all."""
        if not _are_texts(code, device) or (before is not None and not 0 <= before < 2**63):
            return missing("/api/letters")

        def read(conn: Connection) -> list[Json]:
            found = deadletters.list_dead_letters(
                conn, limit=MOST_LETTERS, code=code or None, device_id=device or None, before_id=before, open_only=state == "open"
            )
            return [wire_data.letter(d) for d in found]

        return await _told("/api/letters", house.database.ask(read))

    async def letter(letter_id: int) -> Response:
        with_payload = may_read_payloads()

        def read(conn: Connection) -> Json | None:
            found = deadletters.find_dead_letter(conn, letter_id) if 0 <= letter_id < 2**63 else None
            return None if found is None else wire_data.whole_letter(found, with_payload=with_payload)

        return await _told(f"/api/letters/{letter_id}", house.database.ask(read))

    def act(path: str, action: Action, *, is_trial: bool) -> None:
        async def do(request: Request) -> Response:
            said = read_body(await request.body())
            number = request.path_params.get("letter_id")
            wanted = said if number is None else about("letter", number, said)
            return told(await perform(house, action, wanted, is_trial=is_trial))

        server.add_api_route(path, do, methods=["POST"])

    server.add_api_route("/api/data", data, methods=["GET"])
    server.add_api_route("/api/data/sources", sources, methods=["GET"])
    server.add_api_route("/api/data/source", source, methods=["GET"])
    server.add_api_route("/api/letters", letters, methods=["GET"])
    server.add_api_route("/api/letters/{letter_id}", letter, methods=["GET"])
    act("/api/letters/replay", Action.REPLAY_LETTERS, is_trial=False)
    act("/api/letters/trial", Action.REPLAY_LETTERS, is_trial=True)
    act("/api/letters/{letter_id}/replay", Action.REPLAY_LETTER, is_trial=False)
    act("/api/letters/{letter_id}/trial", Action.REPLAY_LETTER, is_trial=True)
    act("/api/data/source/retirement", Action.RETIRE_DEVICE, is_trial=False)
    act("/api/data/source/restoration", Action.RESTORE_DEVICE, is_trial=False)


def _are_texts(*said: str | None) -> bool:
    """Whether all of them could be in the database."""
    return all(text is None or (len(text) <= LONGEST_ID and "\0" not in text) for text in said)


async def _told(path: str, answering: Awaitable[Any]) -> Response:
    """The answer, 404 for None, 503 while the database is away."""
    try:
        said = await answering
    except DatabaseUnreachable:
        return failed("api.database_away")
    if said is None:
        return missing(path)
    if isinstance(said, bytes):
        return Response(said, headers={"cache-control": "no-store"}, media_type="application/json")
    return answer(said)
