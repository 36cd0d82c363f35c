"""MQTT at a real broker: whoever comes later hears what stands, and nothing of what is over; our own ingester takes it for no news."""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import sleep

import pytest

from alerts.channels.broker import Broker, topic_for
from alerts.channels.shape import Fate
from ingest.parse import parse
from iot import mqtt
from iot.mqtt import BrokerAddress, parse_address
from runtime.embedded_broker import throwaway_broker
from tests.support.outward import AGENCY, a_notice
from tests.support.scenes import NOW

NOTICE = a_notice("mqtt", "broker")
TOPIC = f"city/v1/440106/warning/{AGENCY}/{NOTICE.warning_id}/warning"


@pytest.fixture(scope="module")
def address() -> Iterator[BrokerAddress]:
    with throwaway_broker() as handle:
        yield parse_address(handle.url, handle.protocol)


def retained(address: BrokerAddress) -> list[bytes]:
    """What somebody hears who comes now."""
    heard: list[bytes] = []
    client = mqtt.new_client(address, "late-comer")
    client.on_message = lambda _client, _data, message: heard.append(message.payload)
    client.on_connect = lambda client, *_: client.subscribe("city/v1/#", 1)
    mqtt.connect(client, address, keeps_session=False)
    client.loop_start()
    try:
        for _ in range(40):
            sleep(0.02)
            if heard:
                break
    finally:
        client.disconnect()
        client.loop_stop()
    return heard


def test_what_stands_is_heard_by_who_comes_later_and_what_is_over_is_not(address: BrokerAddress) -> None:
    channel = Broker(address, "test-publisher", AGENCY)
    try:
        assert channel.send(NOTICE, NOW).fate is Fate.SENT
        (said,) = map(json.loads, retained(address))
        assert (said["id"], said["level"]) == (NOTICE.key, "orange")
        assert "cap" not in said
        over = a_notice("mqtt", "broker", facts={**NOTICE.facts, "step": "over"}, key="over")
        assert channel.send(over, NOW).fate is Fate.SENT
        assert retained(address) == []
    finally:
        channel.close()


def test_the_topic_is_one_of_ours_and_no_news_to_ourselves() -> None:
    assert topic_for(AGENCY, NOTICE) == TOPIC
    assert parse(TOPIC, b'{"id": "x"}', NOW) == []
    assert parse(TOPIC, b"", NOW) == []


def test_the_account_of_the_broker_allows_this_topic_and_no_other() -> None:
    from runtime.broker_accounts import SERVICES

    (rule,) = SERVICES["notifier"]
    asked = rule.removeprefix("write ").split("/")
    assert all(level in ("+", said) for level, said in zip(asked, TOPIC.split("/"), strict=True))
    assert asked[-1] == "warning"
