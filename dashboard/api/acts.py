"""Acts by the open interface: the same functions, the same answers, as the buttons on the screens. POST only."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import acts, visitor
from dashboard.answers import Answer
from dashboard.api import answer
from dashboard.bodies import about, read_body
from dashboard.deployment import Deployment
from domain.rights import Action

MENDING = (Action.REPLAY_LETTER, Action.REPLAY_LETTERS, Action.RETIRE_DEVICE, Action.RESTORE_DEVICE)


async def perform(house: Deployment, action: Action | None, request: object, *, is_trial: bool = False) -> Answer:
    """Does what someone asked for, as who they are, or tries it out."""
    done = await acts.perform(
        house.database, action, request, actor=visitor.current().actor, now=house.clock(), zone=house.zone,
        order_expiry_s=house.order_expiry_s, is_trial=is_trial, city=house.city, shelving=house.practice.shelving,
        outward=house.outward, hall=house.hall_practice,
    )  # fmt: skip
    if action in MENDING and not is_trial:
        house.marks.mended_at = house.clock()
    if action in acts.ACTS and done.outcome == "done":
        house.door.forget()
    return done


def mount(server: FastAPI, house: Deployment) -> None:
    async def issue_order(request: Request) -> Response:
        """{"incident": …, "unit": …} and what was seen of the proposals → the answer; 409 when refused, 400 or 422 when it is
        not understood."""
        return told(await perform(house, Action.ISSUE_ORDER, read_body(await request.body())))

    async def cancel_order(request: Request, order_id: str) -> Response:
        """{"reason": …} or nothing → the answer."""
        said = about("order", order_id, read_body(await request.body()))
        return told(await perform(house, Action.CANCEL_ORDER, said))

    async def acknowledge_warning(request: Request, warning_id: str) -> Response:
        """{"comment": …} or nothing → the answer."""
        said = about("warning", warning_id, read_body(await request.body()))
        return told(await perform(house, Action.ACKNOWLEDGE_WARNING, said))

    async def close_incident(request: Request, incident_id: str) -> Response:
        """{"ending": "closed" or "false_alarm", "reason": …} → the answer."""
        said = about("incident", incident_id, read_body(await request.body()))
        return told(await perform(house, Action.CLOSE_INCIDENT, said))

    server.add_api_route("/api/orders", issue_order, methods=["POST"])
    server.add_api_route("/api/orders/{order_id}/cancellation", cancel_order, methods=["POST"])
    server.add_api_route("/api/incidents/{incident_id}/closing", close_incident, methods=["POST"])
    server.add_api_route("/api/warnings/{warning_id}/acknowledgement", acknowledge_warning, methods=["POST"])


def told(said: Answer) -> Response:
    return answer(said.as_json(), said.http_status)
