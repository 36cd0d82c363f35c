"""CAP by the open interface: what left and what became of it, what would be said, the feed, and what others sent us.

Feed and messages are for everybody where the policy says so, else for who may see the city; only what really happens is in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from fastapi import FastAPI, Request
from starlette.responses import Response

import alerts.publishing
from alerts.cap.document import MEDIA_TYPE, Fault
from alerts.cap.feed import entry_of, write_feed
from alerts.cap.markup import as_text
from alerts.cap.read import Read, read
from alerts.drafting import read_wish
from alerts.publishing import Ground
from dashboard import wire_publications
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.api.acts import perform, told
from dashboard.api.dossiers import is_id, may_read_texts
from dashboard.deployment import Deployment
from dashboard.gate import refused
from dashboard.wire import Json, ms
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Action, Place
from domain.warnings import OPEN_WARNING_STATES
from storage import external, heartbeats, notices, publications, warnings
from storage.connection import Connection, DatabaseUnreachable
from storage.places import place_of_warning

USUAL, MOST = 100, 1000
FEED_SPAN = timedelta(days=7)
FEED_MOST = 200
PREVIEWED = {"publish": Action.PUBLISH_WARNING, "raise": Action.RAISE_WARNING, "lower": Action.LOWER_WARNING}


def mount(server: FastAPI, house: Deployment) -> None:
    async def asked(path: str, question: Callable[[Connection], Json | None]) -> Response:
        """The answer, 404 for None, 409 for what may not be, 503 while the database is away."""
        try:
            said = await house.database.ask(question)
        except DatabaseUnreachable:
            return failed("api.database_away")
        except Refused as refusal:
            return answer({"error": refusal.code, "zh": refusal.zh, "en": refusal.en}, 409)
        return missing(path[:LONGEST_PATH]) if said is None else answer(said)

    async def left(request: Request) -> Response:
        """What left, by which channel, when, and what became of it: of one warning or the newest of all."""
        warning_id, now = request.query_params.get("warning"), house.clock()
        limit = _limit(request)

        def read_all(conn: Connection) -> Json:
            place = place_of_warning(conn, warning_id) if warning_id else Place()
            with_names = may_read_texts(place)
            found = notices.list_notices(conn, limit=limit, warning_id=warning_id)
            beat = next((beat for beat in heartbeats.list_heartbeats(conn) if beat.process == "notifier"), None)
            return {
                "t": ms(now), "channels": wire_publications.channels(house.outward),
                "notifier": {
                    "is_alive": beat is not None and now - beat.beat_at <= heartbeats.ALIVE_WITHIN,
                    "beat": ms(beat.beat_at) if beat else None,
                },
                "counts": notices.count_by_state(conn, now - timedelta(days=1)),
                "notices": [wire_publications.notice(notice, with_names=with_names) for notice in found],
            }  # fmt: skip

        if warning_id is not None and not is_id(warning_id):
            return missing("/api/notices")
        return await asked("/api/notices", read_all)

    async def said(request: Request) -> Response:
        """Every version that was said outside, or with open=1 what still stands there."""
        now, limit = house.clock(), _limit(request)
        is_open = request.query_params.get("open") == "1"

        def read_all(conn: Connection) -> Json:
            found = publications.list_standing(conn, limit=limit) if is_open else publications.list_recent(conn, limit=limit)
            shown = [
                wire_publications.publication(one, now, is_newest=is_newest, is_over=is_over) for one, is_newest, is_over in found
            ]
            return {"t": ms(now), "publications": shown}

        return await asked("/api/publications", read_all)

    async def preview(request: Request, warning_id: str) -> Response:
        """What publishing would say now, in both forms, with the wishes of the query; nothing is written."""
        now, wishes = house.clock(), dict(request.query_params)
        path = f"/api/warnings/{warning_id}/cap"

        def drafted(conn: Connection) -> Json | None:
            warning = warnings.find_warning(conn, warning_id, Moment.live(now)) if is_id(warning_id) else None
            if warning is None:
                return None
            versions = publications.list_versions(conn, warning_id)
            action, ending = PREVIEWED.get(wishes.get("step", "publish"), Action.PUBLISH_WARNING), wishes.get("ending")
            shown: Json = {"step": None, "xml": None, "document": None, "texts": None, "faults": []}
            try:
                ground, wish = Ground(house.outward, house.city, house.zone), read_wish(wishes)
                made = alerts.publishing.preview(warning, versions, wish, now, ground=ground, action=action, ending=ending)
                shown = wire_publications.preview(made)
            except Refused as refusal:  # told beside what was said and heard so far
                shown["faults"] = [{"zh": refusal.zh, "en": refusal.en}]
            newest = versions[-1].version if versions else 0
            is_over = warning.state not in OPEN_WARNING_STATES
            return {
                "t": ms(now), **shown,
                "published": [
                    wire_publications.publication(one, now, is_newest=one.version == newest, is_over=is_over) for one in versions
                ],
                "external": [
                    wire_publications.external(one) for one in external.list_alerts(conn, limit=MOST, warning_id=warning_id)
                ],
            }  # fmt: skip

        return await asked(path, drafted)

    async def received(request: Request) -> Response:
        """What came from outside, what was made of it, what could not be read, and how the sources are."""
        now, limit = house.clock(), _limit(request)

        def read_all(conn: Connection) -> Json:
            states = {state.source_id: state for state in external.list_sources(conn)}
            return {
                "t": ms(now), "feeds": wire_publications.sources(house.outward, states),
                "alerts": [wire_publications.external(one) for one in external.list_alerts(conn, limit=limit)],
                "refused": [wire_publications.refusal(one) for one in external.list_refusals(conn, limit=limit)],
            }  # fmt: skip

        return await asked("/api/cap/received", read_all)

    async def feed(request: Request) -> Response:
        """What is published for everybody, of the last seven days, as Atom."""
        if (turned_away := await _turned_away(house, request)) is not None:
            return turned_away
        outward = house.outward
        if outward is None or outward.plan("atom") is None:
            return missing("/api/cap/feed.atom")
        now = house.clock()
        try:
            found = await house.database.ask(lambda conn: publications.list_for_feed(conn, now - FEED_SPAN, limit=FEED_MOST))
        except DatabaseUnreachable:
            return failed("api.database_away")
        issuer = outward.issuer
        here = (issuer.web or str(request.base_url)).rstrip("/")

        def written() -> bytes:
            entries = [
                entry_of(message.alert, f"{here}/api/cap/{one.identifier}.xml")
                for one in found if isinstance(message := read(one.cap.encode()), Read)
            ]  # fmt: skip
            updated = max((one.sent_at for one in found), default=now.replace(hour=0, minute=0, second=0, microsecond=0))
            return write_feed(
                entries, sender=issuer.sender, title=issuer.name_zh, author=issuer.name_zh, address=f"{here}/api/cap/feed.atom",
                updated=updated,
            )  # fmt: skip

        body = await asyncio.to_thread(written)  # hundreds of messages are read: the loop has others to answer
        return Response(body, headers={"cache-control": "no-store"}, media_type="application/atom+xml")

    async def message(request: Request, identifier: str) -> Response:
        """One message as it was approved."""
        if (turned_away := await _turned_away(house, request)) is not None:
            return turned_away
        if not is_id(identifier):
            return missing("/api/cap")
        try:
            found = await house.database.ask(lambda conn: publications.find_by_identifier(conn, identifier))
        except DatabaseUnreachable:
            return failed("api.database_away")
        if found is None or not found.is_for_everybody:
            return missing(f"/api/cap/{identifier}.xml"[:LONGEST_PATH])
        return Response(found.cap.encode(), headers={"cache-control": "no-store"}, media_type=MEDIA_TYPE)

    async def give_in(request: Request) -> Response:
        """The XML of one message → the answer of the act cap.receive."""
        text = as_text(await request.body())
        if isinstance(text, Fault):
            return answer({"outcome": "unreadable", "code": text.code, "zh": text.zh, "en": text.en, "object_id": None}, 400)
        return told(await perform(house, Action.RECEIVE_CAP, {"cap": text}))

    server.add_api_route("/api/notices", left, methods=["GET"])
    server.add_api_route("/api/publications", said, methods=["GET"])
    server.add_api_route("/api/warnings/{warning_id}/cap", preview, methods=["GET"])
    server.add_api_route("/api/cap/received", received, methods=["GET"])
    server.add_api_route("/api/cap/feed.atom", feed, methods=["GET"])
    server.add_api_route("/api/cap/{identifier}.xml", message, methods=["GET"])
    server.add_api_route("/api/cap", give_in, methods=["POST"])


def _limit(request: Request) -> int:
    said = request.query_params.get("limit", "")
    return min(int(said), MOST) if said.isascii() and said.isdigit() and len(said) < 9 else USUAL


async def _turned_away(house: Deployment, request: Request) -> Response | None:
    """Why somebody may not have the feed; None for who may. The gate lets everybody through to here."""
    if house.outward is not None and house.outward.issuer.is_feed_public:
        return None
    try:
        found = await house.door.visitor(request.headers, request.client.host if request.client else "")
    except DatabaseUnreachable:
        return failed("api.database_away")
    turned_away = refused(Action.READ_CITY, found)
    if turned_away is None:
        return None
    status, code, zh, en = turned_away
    return answer({"error": code, "zh": zh, "en": en}, status)
