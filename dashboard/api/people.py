"""People and the audit, as the pages of the administrator and the auditor ask for them. Secrets are not in what is read."""

from __future__ import annotations

from datetime import datetime

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor
from dashboard.api import answer, failed
from dashboard.bodies import LONGEST_ID
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from domain.accounts import Account, Grant, Key
from domain.rights import FOR_PERSONS, PEOPLE, SECOND_FACTOR, Action, Scope, may
from storage import accounts, approvals, audit, sessions
from storage.audit import AuditFilter, LogEntry
from storage.connection import Connection, DatabaseUnreachable

MOST_ENTRIES = 200


def scope(held: Scope) -> Json:
    districts, halls, department = accounts.columns(held)
    return {"districts": districts, "halls": halls, "department": department}


def account(found: Account, grants: list[Grant], n_sessions: int) -> Json:
    return {
        "name": found.name, "department": found.department, "disabled": ms(found.disabled_at), "created": ms(found.created_at),
        "must_change": found.must_change, "factor": found.totp_secret is not None, "provider": found.subject is not None,
        "sessions": n_sessions,
        "grants": [
            {"grant": g.grant_id, "role": g.role, **scope(g.scope), "by": g.granted_by, "at": ms(g.granted_at)}
            for g in grants if g.name == found.name
        ],
    }  # fmt: skip


def key(found: Key) -> Json:
    return {
        "id": found.key_id, "role": found.role, "actions": sorted(found.actions), **scope(found.scope), "by": found.made_by,
        "made": ms(found.made_at), "expires": ms(found.expires_at), "used": ms(found.used_at), "revoked": ms(found.revoked_at),
    }  # fmt: skip


def entry(row: LogEntry) -> Json:
    e = row.entry
    return {
        "id": e.audit_id, "at": ms(e.acted_at), "actor": e.actor, "role": e.role, "action": e.action, "object": e.object,
        "outcome": e.outcome, "detail": e.detail, "before": e.before_hash, "after": e.after_hash, "hash": row.hash,
        "sealed": ms(row.sealed_at), "exercise": e.exercise_id,
    }  # fmt: skip


def mount(server: FastAPI, house: Deployment) -> None:
    halls = house.city.places_of("service_hall") if house.city else ()

    async def people() -> Response:
        def read(conn: Connection) -> Json:
            grants = accounts.list_grants(conn)
            counts = sessions.count_sessions(conn, house.clock(), house.door.policy.limits)
            return {
                "t": ms(house.clock()),
                "accounts": [account(a, grants, counts.get(a.name, 0)) for a in accounts.list_accounts(conn)],
                "keys": [key(k) for k in accounts.list_keys(conn)],
                "policy": [
                    {"act": r.action, "required": r.is_required, "expiry_s": r.expiry_s, "facts": r.facts}
                    for r in approvals.list_rules(conn)
                ],
                "roles": {
                    role.value: {
                        "factor": role in SECOND_FACTOR,
                        "may": [a for a in Action if may(role, a) and not a.is_own],
                        "keys": [a for a in Action if may(role, a) and a not in FOR_PERSONS],
                    }
                    for role in PEOPLE
                },
                "administers": visitor.current().may(Action.CREATE_ACCOUNT),
                "halls": [{"id": hall.id, "zh": hall.name_zh, "en": hall.name_en} for hall in halls],
            }  # fmt: skip

        try:
            return answer(await house.database.ask(read))
        except DatabaseUnreachable:
            return failed("api.database_away")

    async def entries(
        actor: str = "", action: str = "", object: str = "", outcome: str = "",  # noqa: A002 - the name in the address
        since: str = "", until: str = "", before: int | None = None,
    ) -> Response:  # fmt: skip
        """The newest entries of a filter, or those behind the number `before`; `object` follows one object's life."""
        try:
            span = [datetime.fromisoformat(said.replace(" ", "+")) if said else None for said in (since, until)]
        except ValueError:
            span = [None, None]
            since = since or "?"
        texts = (actor, action, object, outcome)
        is_fit = all(len(said) <= LONGEST_ID and "\0" not in said for said in texts) and (before is None or 0 <= before < 2**63)
        if not is_fit or any(
            said and (time is None or time.tzinfo is None) for said, time in zip((since, until), span, strict=True)
        ):
            message = "expected texts of at most 200 characters, and times with an offset such as 2026-03-02T09:00:00Z"
            return answer({"error": "bad_request", "message": message}, 400)
        wanted = AuditFilter(actor or None, action or None, object or None, outcome or None, span[0], span[1], before)
        try:
            found = await house.database.ask(lambda conn: audit.search(conn, wanted, limit=MOST_ENTRIES))
        except DatabaseUnreachable:
            return failed("api.database_away")
        return answer({"t": ms(house.clock()), "entries": [entry(row) for row in found], "is_whole": len(found) < MOST_ENTRIES})

    server.add_api_route("/api/people", people, methods=["GET"])
    server.add_api_route("/api/audit", entries, methods=["GET"])
