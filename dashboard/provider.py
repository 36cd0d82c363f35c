"""The identity provider of a city: OpenID Connect, authorization code with PKCE, by Authlib. Off unless an issuer is named.

The provider says who somebody is; what they may is said here. An account belongs to a subject because an administrator wrote it
so: nobody gets in by having an identity alone. What is on its way is kept in memory for ten minutes; a cookie binds it to its
browser.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException

ENTERING = timedelta(minutes=10)
MOST_ENTERING = 1_000
TIMEOUT_S = 10
SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has."""


class ProviderFailed(Exception):  # noqa: N818 - a state of the world, named after it
    """The provider did not answer, or what came back cannot be believed. For the log: visitors are told no more than that."""


@dataclass(frozen=True, slots=True)
class ProviderPolicy:
    """Where the provider is and as whom we ask it; `ca`: the certificate of the authority that signed its own, "": whom this
    machine trusts. `redirect` is our address that it sends browsers back to."""

    issuer: str
    client_id: str
    client_secret: str
    redirect: str
    ca: str = ""


@dataclass(frozen=True, slots=True)
class _Entering:
    nonce: str
    verifier: str
    begun_at: datetime


class Provider:
    """Sends browsers to the provider and believes what comes back when it is signed, fresh, and meant for us. Its methods wait
    for the network: call them in a thread."""

    def __init__(self, policy: ProviderPolicy) -> None:
        self._policy = policy
        self._lock = Lock()
        self._entering: dict[str, _Entering] = {}
        self._about: dict[str, Any] = {}

    def begin(self, now: datetime) -> tuple[str, str]:
        """(where to send the browser, the state that its cookie has to bring back). Raises ProviderFailed."""
        about = self._described()
        entering = _Entering(secrets.token_urlsafe(24), secrets.token_urlsafe(48), now)
        with self._session() as session:
            url, state = session.create_authorization_url(
                about["authorization_endpoint"], code_verifier=entering.verifier, nonce=entering.nonce
            )  # fmt: skip
        with self._lock:
            self._entering = {name: e for name, e in self._entering.items() if now - e.begun_at < ENTERING}
            if len(self._entering) >= MOST_ENTERING:
                raise ProviderFailed(f"{MOST_ENTERING} browsers are on their way to the provider: expected fewer")
            self._entering[state] = entering
        return str(url), str(state)

    def finish(self, returned: str, state: str, now: datetime) -> str:
        """The subject that the provider vouches for. `returned` is the whole address that the browser came back to. Each state
        counts once. Raises ProviderFailed."""
        with self._lock:
            entering = self._entering.pop(state, None)
        if entering is None or now - entering.begun_at >= ENTERING:
            raise ProviderFailed("a browser came back with a state that is not, or no longer, on its way")
        about = self._described()
        try:
            with self._session(state) as session:
                token = session.fetch_token(
                    about["token_endpoint"], authorization_response=returned, code_verifier=entering.verifier, timeout=TIMEOUT_S
                )  # fmt: skip
                keys = KeySet.import_key_set(session.get(about["jwks_uri"], timeout=TIMEOUT_S, withhold_token=True).json())
            claims = jwt.decode(token["id_token"], keys, algorithms=list(SIGNED_BY)).claims
            jwt.JWTClaimsRegistry(
                now=lambda: int(now.timestamp()), leeway=60, iss={"essential": True, "value": self._policy.issuer},
                aud={"essential": True, "value": self._policy.client_id}, nonce={"essential": True, "value": entering.nonce},
                exp={"essential": True}, sub={"essential": True},
            ).validate(claims)  # fmt: skip
        except (OAuthError, JoseError, RequestException, KeyError, ValueError) as fault:
            raise ProviderFailed(f"what the provider {self._policy.issuer} said cannot be believed: {fault}") from fault
        return str(claims["sub"])

    def _described(self) -> dict[str, Any]:
        """What the provider says of itself, asked for once."""
        if not self._about:
            try:
                with self._session() as session:
                    url = f"{self._policy.issuer.rstrip('/')}/.well-known/openid-configuration"
                    said = session.get(url, timeout=TIMEOUT_S, withhold_token=True).json()
                if said["issuer"] != self._policy.issuer:
                    raise ProviderFailed(f"the provider calls itself {said['issuer']}: expected {self._policy.issuer}")
                self._about = {name: said[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            except (RequestException, KeyError, ValueError, TypeError) as fault:
                raise ProviderFailed(f"the provider {self._policy.issuer} cannot be asked: {fault}") from fault
        return self._about

    def _session(self, state: str | None = None) -> Any:
        p = self._policy
        session = OAuth2Session(
            p.client_id, p.client_secret, scope="openid", redirect_uri=p.redirect, state=state, code_challenge_method="S256"
        )  # fmt: skip
        session.verify = p.ca or True
        return session
