"""What every channel promises: it hands a notice over once, under its key; no exercise and no test ever leaves by it; and when the far
end is away it says so in both languages, naming it, and leaves the notice to be tried again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest

from alerts.channels.registry import CHANNELS, Kind, open_all
from alerts.channels.shape import Channel, Fate, Means
from alerts.outward import BROKER, FEED, Hook, MailServer, Outward
from domain.warnings import WarningMode
from iot import mqtt
from iot.mqtt import BrokerAddress, parse_address
from runtime.embedded_broker import throwaway_broker
from runtime.quarters import free_port
from tests.support.far_ends import mail_end, web_end
from tests.support.outward import OUTWARD, a_notice
from tests.support.scenes import NOW

RECIPIENTS = {"atom": FEED, "mqtt": BROKER, "email": "duty@city.example", "webhook": "sms"}
GOES_SOMEWHERE = [kind for kind in CHANNELS if kind.name != "atom"]
"""The feed is fetched: it has no far end."""


@pytest.fixture(scope="module")
def broker() -> Iterator[BrokerAddress]:
    with throwaway_broker() as handle:
        yield parse_address(handle.url, handle.protocol)


@dataclass(slots=True)
class FarEnd:
    """The means to reach it, and the keys and texts of what it has got."""

    means: Means
    got: Callable[[], list[tuple[str, str]]]


def _outward(**more: Any) -> Outward:
    return Outward(OUTWARD.issuer, OUTWARD.plans, (), **more)


@pytest.fixture
def far_end(broker: BrokerAddress) -> Iterator[Callable[[str], FarEnd]]:
    with ExitStack() as stack:

        def listen(name: str) -> FarEnd:
            if name == "atom":
                return FarEnd(Means(_outward()), list)
            if name == "email":
                mail = stack.enter_context(mail_end())
                server = MailServer("127.0.0.1", mail.port, "none", "warning@city.example", timeout_s=5)
                return FarEnd(
                    Means(_outward(mail=server)),
                    lambda: [(str(m["Message-ID"])[1:].partition("@")[0], m.get_content()) for _, m in mail.messages],
                )
            if name == "webhook":
                web = stack.enter_context(web_end())
                means = Means(_outward(hooks=(Hook("sms", f"{web.url}/sms"),)), webhook_keys="sms:secret")
                return FarEnd(means, lambda: [(h["idempotency-key"], json.loads(body)["body"]) for _, h, body in web.heard])
            heard: list[tuple[str, str]] = []
            subscribed = Event()
            client = mqtt.new_client(broker, "test-listener")
            client.on_message = lambda _c, _d, m: (
                heard.append((json.loads(m.payload)["id"], json.loads(m.payload)["body"])) if m.payload else None
            )
            client.on_connect = lambda client, *_: client.subscribe("city/v1/+/warning/#", 1)
            client.on_subscribe = lambda *_: subscribed.set()
            mqtt.connect(client, broker, keeps_session=False)
            client.loop_start()
            stack.callback(client.loop_stop)
            stack.callback(client.disconnect)
            assert subscribed.wait(10)
            sleep(0.1)  # what others left there
            heard.clear()
            return FarEnd(Means(_outward(), broker, f"test-{free_port()}"), lambda: heard)

        yield listen


def _opened(kind: Kind, means: Means) -> Channel:
    channel = kind.open(means)
    assert channel is not None
    return channel


def _wait(got: Callable[[], list[Any]], n: int) -> list[Any]:
    deadline = monotonic() + 10
    while len(got()) < n and monotonic() < deadline:
        sleep(0.01)
    return got()


@pytest.mark.parametrize("kind", CHANNELS, ids=lambda kind: kind.name)
def test_a_notice_is_handed_over_once_under_its_key(kind: Kind, far_end: Callable[[str], FarEnd]) -> None:
    end = far_end(kind.name)
    channel = _opened(kind, end.means)
    notice = a_notice(kind.name, RECIPIENTS[kind.name])
    try:
        outcome = channel.send(notice, NOW)
    finally:
        channel.close()
    assert outcome.fate is Fate.SENT, outcome.en
    assert outcome.zh
    if kind.name != "atom":
        ((key, body),) = _wait(end.got, 1)
        assert (key, body.strip()) == (notice.key, notice.body)


@pytest.mark.parametrize("kind", CHANNELS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "spoilt", [{"mode": mode} for mode in WarningMode if mode is not WarningMode.ACTUAL] + [{"exercise_id": "ex-1"}],
    ids=lambda spoilt: str(next(iter(spoilt.values()))),
)  # fmt: skip
def test_no_exercise_and_no_test_ever_leaves(kind: Kind, spoilt: dict[str, Any], far_end: Callable[[str], FarEnd]) -> None:
    """The law, at the far end: what arrives first, and alone, is what was sent after it and really happens."""
    end = far_end(kind.name)
    channel = _opened(kind, end.means)
    try:
        assert channel.send(a_notice(kind.name, RECIPIENTS[kind.name], **spoilt), NOW).fate is Fate.WITHHELD
        real = a_notice(kind.name, RECIPIENTS[kind.name], key="real")
        assert channel.send(real, NOW).fate is Fate.SENT
    finally:
        channel.close()
    if kind.name != "atom":
        assert [key for key, _ in _wait(end.got, 1)] == ["real"]


@pytest.mark.parametrize("kind", GOES_SOMEWHERE, ids=lambda kind: kind.name)
def test_a_far_end_that_is_away_is_named_and_tried_again(kind: Kind) -> None:
    port = free_port()
    server = MailServer("127.0.0.1", port, "none", "warning@city.example", timeout_s=2)
    hook = Hook("sms", f"http://127.0.0.1:{port}/sms")
    means = Means(_outward(mail=server, hooks=(hook,)), parse_address(f"mqtt://127.0.0.1:{port}"), webhook_keys="sms:secret")
    channel = _opened(kind, means)
    try:
        outcome = channel.send(a_notice(kind.name, RECIPIENTS[kind.name]), NOW)
    finally:
        channel.close()
    assert outcome.fate is Fate.FAILED
    assert f"127.0.0.1:{port}" in outcome.en
    assert f"127.0.0.1:{port}" in outcome.zh


@pytest.mark.parametrize("kind", CHANNELS, ids=lambda kind: kind.name)
def test_a_city_without_it_has_none_and_is_told_where_it_is_configured(kind: Kind) -> None:
    means = Means(Outward(OUTWARD.issuer), parse_address("mqtt://127.0.0.1:1"))
    assert kind.open(means) is None
    assert open_all(means) == {}
    assert kind.table in kind.zh_off
    assert kind.table in kind.en_off


def test_the_policy_knows_the_same_channels() -> None:
    assert {kind.name for kind in CHANNELS} == {plan.channel for plan in OUTWARD.plans} == set(RECIPIENTS)
