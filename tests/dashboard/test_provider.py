"""OpenID Connect against a real provider that runs beside the test: who is vouched for gets in, and nobody else."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from dashboard.app import create_app
from dashboard.door import Door, DoorPolicy
from dashboard.provider import SIGNED_BY, Provider, ProviderFailed, ProviderPolicy
from domain.rights import EVERYWHERE, Role
from storage import accounts, audit
from storage.connection import Connection
from tests.dashboard.conftest import House
from tests.dashboard.test_session import Browser

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the provider, which runs in this process


def now() -> datetime:
    """The machine's clock, by which the provider signs."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider on loopback: discovery, codes with PKCE, signed tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the provider's own libraries
        import oidc_provider_mock

        with oidc_provider_mock.run_server_in_thread() as server:
            yield f"http://localhost:{server.server_port}"


@pytest.fixture
def provider(issuer: str, monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # loopback: no TLS between the two
    return Provider(ProviderPolicy(issuer, "cityhelm", "secret", "http://127.0.0.1:8050/sign-in/provider/return"))


def agreed(address: str, subject: str) -> str:
    """What somebody does at the provider: says who they are, and is sent back."""
    answer = requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def test_the_provider_vouches_for_who_signed_in_there(provider: Provider) -> None:
    address, state = provider.begin(now())
    asked = parse_qs(urlsplit(address).query)
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == (["code"], ["S256"], ["openid"])
    assert provider.finish(agreed(address, "wang-7"), state, now()) == "wang-7"


def test_only_the_provider_can_sign() -> None:
    """No algorithm whose key is shared, or that signs nothing."""
    assert {name[:2] for name in SIGNED_BY} == {"RS", "PS", "ES", "Ed"}


def test_a_state_counts_once_and_for_ten_minutes(provider: Provider) -> None:
    address, state = provider.begin(now())
    back = agreed(address, "wang-7")
    provider.finish(back, state, now())
    for said in (state, "of-an-attacker"):
        with pytest.raises(ProviderFailed, match="on its way"):
            provider.finish(back, said, now())
    address, state = provider.begin(now())
    with pytest.raises(ProviderFailed, match="no longer"):
        provider.finish(agreed(address, "wang-7"), state, now() + timedelta(minutes=10))


def test_a_code_of_somebody_else_s_way_in_is_worth_nothing(provider: Provider) -> None:
    """PKCE and nonce: the code belongs to the way on which it was asked for."""
    stolen, _ = provider.begin(now())
    _, state = provider.begin(now())
    code = parse_qs(urlsplit(agreed(stolen, "wang-7")).query)["code"][0]
    with pytest.raises(ProviderFailed, match="cannot be believed"):
        provider.finish(f"http://127.0.0.1:8050/sign-in/provider/return?code={code}&state={state}", state, now())


def test_a_code_that_the_provider_never_gave_is_worth_nothing(provider: Provider) -> None:
    address, state = provider.begin(now())
    with pytest.raises(ProviderFailed, match="cannot be believed"):
        provider.finish(agreed(address, "wang-7").replace("code=", "code=x"), state, now())


def test_a_token_that_has_run_out_by_our_clock_is_not_believed(provider: Provider) -> None:
    later = now() + timedelta(days=1)
    address, state = provider.begin(later)
    with pytest.raises(ProviderFailed, match="cannot be believed"):
        provider.finish(agreed(address, "wang-7"), state, later)


def test_a_provider_that_is_away_or_another_one_is_said(issuer: str) -> None:
    with pytest.raises(ProviderFailed, match="cannot be asked"):
        Provider(ProviderPolicy("http://127.0.0.1:1", "c", "s", "http://127.0.0.1/")).begin(now())
    with pytest.raises(ProviderFailed, match="calls itself"):
        Provider(ProviderPolicy(issuer + "/", "c", "s", "http://127.0.0.1/")).begin(now())


class Guest(Browser):
    """A browser that keeps the cookies of its way as well."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.jar: dict[str, str] = {}

    def follow(self, path: str) -> Any:
        self.cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items()) or None
        reply = self.get(path)
        if "set-cookie" in reply.headers:
            name, _, value = reply.headers["set-cookie"].partition(";")[0].partition("=")
            self.jar[name] = value
        return reply


@pytest.fixture
def guest(house: House, database_url: str, provider: Provider) -> Guest:
    built = house(database_url, clock=now)
    return Guest(create_app(replace(built, door=Door(built.database, DoorPolicy(), now), provider=provider)))


def entered(guest: Guest, subject: str) -> Any:
    address = guest.follow("/sign-in/provider").headers["location"]
    back = urlsplit(agreed(address, subject))
    return guest.follow(f"{back.path}?{back.query}")


def test_who_has_an_account_here_gets_in_and_it_is_in_the_audit(guest: Guest, conn: Connection) -> None:
    accounts.create_account(
        conn, "duty7", department=None, password_hash=None, must_change=True, subject="wang-7", created_by="test", now=now()
    )
    accounts.create_grant(conn, "duty7", Role.DISPATCHER, EVERYWHERE, granted_by="test", approval_id=None, now=now())
    reply = entered(guest, "wang-7")
    assert (reply.status, reply.headers["location"]) == (303, "/sign-in")
    assert guest.follow("/api/session").json["role"] == "dispatcher"
    assert guest.follow("/api/map").status == 200
    assert audit.list_entries(conn)[0].detail == {"how": "provider"}


def test_an_identity_alone_opens_nothing(guest: Guest, conn: Connection) -> None:
    reply = entered(guest, "stranger")
    assert (reply.status, reply.json["error"]) == (403, "sign_in_failed")
    assert guest.follow("/api/session").json == {"stage": "none"}


def test_who_did_not_leave_from_here_does_not_come_back(guest: Guest) -> None:
    """Signing somebody in as somebody else: the state has to be in the browser's own cookie."""
    address = guest.follow("/sign-in/provider").headers["location"]
    back = urlsplit(agreed(address, "wang-7"))
    guest.jar = {"cityhelm_entering": "another"}
    assert guest.follow(f"{back.path}?{back.query}").status == 403
