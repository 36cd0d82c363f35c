"""Requests for a second person by the open interface: what waits, deciding, reviewing; and acts by name."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import visitor
from dashboard.api import answer, failed
from dashboard.api.acts import perform, told
from dashboard.bodies import about, read_body
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from domain.approvals import Approval
from domain.rights import Action
from storage import approvals
from storage.connection import Connection, DatabaseUnreachable

MOST = 200


def approval(request: Approval, now_ms: int, *, is_mine: bool, may_decide: bool, may_read: bool) -> Json:
    """A request as browsers get it; its payload and the words about it only for who could do, review or oversee it."""
    return {
        "id": request.approval_id, "act": request.action, "state": request.state, "by": request.initiator,
        "role": request.initiator_role, "reason": request.reason if may_read else None, "at": ms(request.requested_at),
        "expires": ms(request.expires_at),
        "payload": dict(request.payload) if may_read else None, "hash": request.payload_hash, "approver": request.approver,
        "approver_role": request.approver_role, "decided": ms(request.decided_at),
        "decision": request.decision_reason if may_read else None,
        "executed": ms(request.executed_at), "glass": request.is_break_glass, "reviewer": request.reviewer,
        "reviewed": ms(request.reviewed_at), "review": request.review if may_read else None,
        "mine": is_mine, "decidable": may_decide, "t": now_ms,
    }  # fmt: skip


def mount(server: FastAPI, house: Deployment) -> None:
    async def every(request: Request) -> Response:
        now = house.clock()
        asking = visitor.current()

        def read(conn: Connection) -> list[Json]:
            # what waits is there however many were asked since
            found = (*approvals.list_recent(conn, limit=MOST), *approvals.list_waiting(conn, now))
            return [shown(r) for r in {r.approval_id: r for r in found}.values()]

        def shown(r: Approval) -> Json:
            at = r.state_at(now)
            is_mine = asking.actor is not None and asking.actor.name == r.initiator
            may_do = asking.may(r.action)
            may_decide = not is_mine and may_do and asking.may(Action.DECIDE_REQUEST) and at == "pending"
            may_review = not is_mine and r.awaits_review and asking.may(Action.REVIEW_BREAK_GLASS)
            may_read = may_do or is_mine or may_review or asking.may(Action.READ_AUDIT)
            said = approval(r, ms(now) or 0, is_mine=is_mine, may_decide=may_decide, may_read=may_read)
            return {**said, "state": at, "reviewable": may_review}

        try:
            return answer({"t": ms(now), "requests": await house.database.ask(read)})
        except DatabaseUnreachable:
            return failed("api.database_away")

    async def decide(request: Request, approval_id: str) -> Response:
        """{"verdict": "approve" or "reject", "reason": …} → the answer; what is agreed to is carried out at once."""
        said = about("request", approval_id, read_body(await request.body()))
        return told(await perform(house, Action.DECIDE_REQUEST, said))

    async def review(request: Request, approval_id: str) -> Response:
        """{"review": …} → the answer; the banner of a broken glass ends."""
        said = about("request", approval_id, read_body(await request.body()))
        return told(await perform(house, Action.REVIEW_BREAK_GLASS, said))

    async def act(request: Request, action: str) -> Response:
        """Any act by its name, with its fields; `because` and `break_glass` where two persons are asked for."""
        return told(await perform(house, Action.known(action), read_body(await request.body())))

    server.add_api_route("/api/approvals", every, methods=["GET"])
    server.add_api_route("/api/approvals/{approval_id}/decision", decide, methods=["POST"])
    server.add_api_route("/api/approvals/{approval_id}/review", review, methods=["POST"])
    server.add_api_route("/api/acts/{action}", act, methods=["POST"])
