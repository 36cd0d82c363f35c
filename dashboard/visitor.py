"""The visitor: who asks, as the gate found out, for whatever answers within the same request.

Callbacks of Dash are handed no request, so who asks is kept beside the request, as the web framework keeps its own.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass

from access.doors import Visit
from domain.refusals import Refused
from domain.rights import Action, Actor, Place, is_allowed, require
from layouts.words import CATALOGUE


@dataclass(frozen=True, slots=True)
class Visitor:
    """`actor` is None for somebody who is on the way in; `visit` is None for a machine with a key, whose hash is `key_hash`.
    `address` is where from."""

    actor: Actor | None
    visit: Visit | None = None
    address: str = ""
    key_hash: bytes | None = None

    def may(self, action: Action, place: Place | None = None) -> bool:
        return self.actor is not None and is_allowed(self.actor, action, place)


NOBODY = Visitor(None)
_CURRENT: ContextVar[Visitor] = ContextVar("visitor", default=NOBODY)


def current() -> Visitor:
    """Who asks for what is being answered; NOBODY outside a request."""
    return _CURRENT.get()


def enter(visitor: Visitor) -> Token[Visitor]:
    return _CURRENT.set(visitor)


def leave(token: Token[Visitor]) -> None:
    _CURRENT.reset(token)


def halls() -> frozenset[str] | None:
    """The halls that are there for who asks; None: all of them."""
    actor = current().actor
    return frozenset() if actor is None else actor.scope.halls


def refusal(action: Action, place: Place | None = None) -> Refused | None:
    """Why who asks may not do this, or None when they may."""
    actor = current().actor
    if actor is None:
        return Refused("no_actor", *CATALOGUE["gate.not_signed_in"])
    try:
        require(actor, action, place)
    except Refused as refused:
        return refused
    return None
