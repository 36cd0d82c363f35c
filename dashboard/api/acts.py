"""Acts by the open interface: the same functions, the same answers, as the buttons on the screens. POST only."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import acts
from dashboard.api import answer
from dashboard.deployment import Deployment
from domain.rights import Action


async def perform(house: Deployment, action: Action | None, request: dict[str, Any]) -> acts.Answer:
    """Does what someone asked for, as who they are."""
    return await acts.perform(
        house.database, action, request, actor=house.acts_as, now=house.clock(), zone=house.zone,
        order_expiry_s=house.order_expiry_s,
    )  # fmt: skip


def mount(server: FastAPI, house: Deployment) -> None:
    async def issue_order(request: Request) -> Response:
        """{"incident": …, "unit": …} → the answer; 409 when it is refused."""
        return _told(await perform(house, Action.ISSUE_ORDER, await _body(request)))

    async def cancel_order(order_id: str) -> Response:
        return _told(await perform(house, Action.CANCEL_ORDER, {"order": order_id}))

    async def acknowledge_warning(warning_id: str) -> Response:
        return _told(await perform(house, Action.ACKNOWLEDGE_WARNING, {"warning": warning_id}))

    server.add_api_route("/api/orders", issue_order, methods=["POST"])
    server.add_api_route("/api/orders/{order_id}/cancellation", cancel_order, methods=["POST"])
    server.add_api_route("/api/warnings/{warning_id}/acknowledgement", acknowledge_warning, methods=["POST"])


def _told(said: acts.Answer) -> Response:
    return answer(said.as_json(), said.http_status)


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
