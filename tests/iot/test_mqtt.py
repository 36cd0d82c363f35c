"""The publisher against a broker of MQTT 5 that refuses: what was refused counts as refused, not as delivered."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest

from iot.mqtt import BrokerAddress, BrokerUnreachable, Publisher, PublishRefused, parse_address

CONNACK = b"\x20\x03\x00\x00\x00"
CONNECT, PUBLISH = 1, 3


@contextmanager
def refusing_broker(*forbidden: str, code: int = 135) -> Iterator[tuple[BrokerAddress, list[str]]]:
    """A broker that takes every QoS 1 message but those whose topic contains one of the texts, which may be changed."""
    refused = list(forbidden)
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=_accept, args=(server, refused, code), daemon=True).start()
        yield parse_address(f"mqtt://dispatcher:secret@127.0.0.1:{server.getsockname()[1]}"), refused
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, refused: list[str], code: int) -> None:
    while True:
        try:
            line, _ = server.accept()
        except OSError:
            return
        Thread(target=_serve, args=(line, refused, code), daemon=True).start()


def _serve(line: socket.socket, refused: list[str], code: int) -> None:
    with suppress(OSError), line, line.makefile("rb") as stream:  # the other side may leave in mid-sentence
        while head := stream.read(1):
            length = shift = 0
            while True:
                (digit,) = stream.read(1)
                length |= (digit & 127) << shift
                shift += 7
                if digit < 128:
                    break
            body = stream.read(length)
            if head[0] >> 4 == CONNECT:
                line.sendall(CONNACK)
            elif head[0] >> 4 == PUBLISH:
                end = 2 + int.from_bytes(body[:2], "big")
                topic, number = body[2:end].decode(), body[end : end + 2]
                is_refused = any(text in topic for text in refused)
                line.sendall(b"\x40\x03" + number + bytes([code]) if is_refused else b"\x40\x02" + number)


@contextmanager
def publishing(address: BrokerAddress) -> Iterator[Publisher]:
    publisher = Publisher(address, "test-publisher", window=4).open()
    try:
        yield publisher
    finally:
        publisher.close()


def test_what_is_taken_raises_nothing() -> None:
    with refusing_broker("/cmd") as (address, _), publishing(address) as publisher:
        for _ in range(20):
            publisher.publish("city/v1/440106/units/a/b/telemetry", b"{}", timeout_s=5)
        publisher.flush(5)
        assert len(publisher._named) <= 20


def test_a_refused_message_is_raised_with_its_kind_the_reason_and_the_cure() -> None:
    with refusing_broker("/cmd") as (address, _), publishing(address) as publisher:
        publisher.publish("city/v1/440106/units/a/b/cmd", b"{}", timeout_s=5)
        with pytest.raises(PublishRefused) as refusal:
            publisher.flush(5)
        said = str(refusal.value)
        assert "refused a message to city/v1/…/cmd (Not authorized, code 135)" in said
        assert "expected that the account 'dispatcher' may publish to city/v1/…/cmd; give it that right" in said
        assert "secret" not in said
        assert isinstance(refusal.value, BrokerUnreachable), "so that whoever waits for the broker ends with the sentence"
        publisher.publish("city/v1/440106/units/a/b/telemetry", b"{}", timeout_s=5)
        publisher.flush(5)


def test_a_long_run_ends_at_the_first_refusal_it_hears_of() -> None:
    with refusing_broker("/telemetry") as (address, _), publishing(address) as publisher:

        def run() -> None:
            for _ in range(50):
                publisher.publish("city/v1/440106/environment/a/b/telemetry", b"{}", timeout_s=5)

        with pytest.raises(PublishRefused, match="telemetry"):
            run()


def test_another_reason_is_not_put_down_to_rights() -> None:
    with refusing_broker("/cmd", code=151) as (address, _), publishing(address) as publisher:
        publisher.publish("city/v1/440106/units/a/b/cmd", b"{}", timeout_s=5)
        with pytest.raises(PublishRefused, match=r"Quota exceeded, code 151\): .*the broker's log and its limits"):
            publisher.flush(5)
