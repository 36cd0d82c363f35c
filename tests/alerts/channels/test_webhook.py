"""Webhooks at a real web server on loopback: signed, keyed, never redirected."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest

from alerts.channels.shape import Fate
from alerts.channels.webhook import Hooks, read_keys
from alerts.outward import Hook
from tests.support.far_ends import WebEnd, web_end
from tests.support.outward import IDENTIFIER, a_notice
from tests.support.scenes import NOW

NOTICE = a_notice("webhook", "sms")


@pytest.fixture
def end() -> Iterator[WebEnd]:
    with web_end() as opened:
        yield opened


def hooks(end: WebEnd, keys: str = "sms:secret") -> Hooks:
    return Hooks({"sms": Hook("sms", f"{end.url}/sms?x=1")}, read_keys(keys), None)


def test_who_knows_the_key_can_tell_that_it_is_ours_and_new(end: WebEnd) -> None:
    assert hooks(end).send(NOTICE, NOW).fate is Fate.SENT
    ((path, headers, body),) = end.heard
    expected = hmac.new(b"secret", f"{int(NOW.timestamp())}.".encode() + body, hashlib.sha256).hexdigest()
    assert (path, headers["cityhelm-signature"]) == ("/sms?x=1", f"v1={expected}")
    assert headers["cityhelm-timestamp"] == str(int(NOW.timestamp()))
    said = json.loads(body)
    assert (said["id"], said["identifier"], said["cap"]) == (NOTICE.key, IDENTIFIER, "<alert/>")


def test_every_attempt_has_the_same_key(end: WebEnd) -> None:
    end.answer = lambda path, headers: (503, {}, b"")
    assert hooks(end).send(NOTICE, NOW).fate is Fate.FAILED
    assert hooks(end).send(NOTICE, NOW).fate is Fate.FAILED
    assert [headers["idempotency-key"] for _, headers, _ in end.heard] == [NOTICE.key, NOTICE.key]


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.SENT),
        (202, Fate.SENT),
        (302, Fate.DEAD),
        (400, Fate.DEAD),
        (403, Fate.DEAD),
        (429, Fate.FAILED),
        (500, Fate.FAILED),
    ],
)
def test_what_a_status_means(end: WebEnd, status: int, fate: Fate) -> None:
    end.answer = lambda path, headers: (status, {"Location": f"{end.url}/elsewhere"}, b"")
    assert hooks(end).send(NOTICE, NOW).fate is fate
    assert [path for path, _, _ in end.heard] == ["/sms?x=1"]  # nobody went elsewhere


def test_a_hook_without_a_key_says_which_setting_is_missing(end: WebEnd) -> None:
    outcome = hooks(end, "").send(NOTICE, NOW)
    assert (outcome.fate, "CITYHELM_WEBHOOK_KEYS" in outcome.en, end.heard) == (Fate.FAILED, True, [])


def test_what_is_no_http_is_no_answer() -> None:
    with web_end() as end:
        outcome = Hooks({"sms": Hook("sms", end.url.replace("http:", "https:"))}, {"sms": "k"}, None).send(NOTICE, NOW)
    assert outcome.fate is Fate.FAILED
    assert "did not answer" in outcome.en


@pytest.mark.parametrize("said", ["secret", "sms:", ":secret"])
def test_a_key_without_its_name_is_refused_without_being_said(said: str) -> None:
    with pytest.raises(ValueError, match="a webhook's key is not written as name:key"):
        read_keys(said)
