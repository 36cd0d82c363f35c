"""MQTT: the newest version of every published warning, retained, so that whoever comes later hears it at once.

Topic `city/v1/{division}/warning/{agency}/{warning}/warning`; the words of a person go to the same place under their own id, and
are not retained. An end is said to who listens, and then the topic is emptied.
"""

from __future__ import annotations

from datetime import datetime

import orjson

from alerts.channels.shape import Fate, Means, Outcome, withheld
from domain.publications import Notice, PublicationStep
from iot.mqtt import BrokerAddress, BrokerUnreachable, Publisher, PublishRefused
from iot.topics import WARNING, topic_of

NAME = "mqtt"
TIMEOUT_S = 5.0


class Broker:
    """A line to the broker, opened when there is something to say and again when it was lost."""

    def __init__(self, address: BrokerAddress, client_id: str, agency: str) -> None:
        self._address, self._client_id, self._agency = address, client_id, agency
        self._publisher: Publisher | None = None

    def send(self, notice: Notice, now: datetime) -> Outcome:
        if (held := withheld(notice)) is not None:
            return held
        topic, named = topic_for(self._agency, notice), self._address.named
        step = PublicationStep.known(str(notice.facts.get("step")))
        is_end = step is not None and step.is_end
        try:
            line = self._line()
            line.publish(topic, encode(notice, now), retain=not is_end and notice.mass_id is None, timeout_s=TIMEOUT_S)
            if is_end:
                line.publish(topic, b"", retain=True, timeout_s=TIMEOUT_S)
            line.flush(timeout_s=TIMEOUT_S)
        except PublishRefused as fault:
            return Outcome(Fate.FAILED, f"MQTT 服务器 {named} 不许发布到 {topic}", str(fault))
        except BrokerUnreachable as fault:
            self.close()
            return Outcome(Fate.FAILED, f"MQTT 服务器 {named} 没有应答", str(fault))
        return Outcome(Fate.SENT, f"MQTT 服务器 {named} 已收下", f"the MQTT broker at {named} took it")

    def close(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def _line(self) -> Publisher:
        if self._publisher is None:
            publisher = Publisher(self._address, self._client_id, window=10)
            self._publisher = publisher.open()
        return self._publisher


def topic_for(agency: str, notice: Notice) -> str:
    """Where a notice is said."""
    division = str(notice.facts.get("district") or agency[:6])
    return topic_of(f"{division}/warning/{agency}/{notice.warning_id or notice.mass_id}", WARNING)


def encode(notice: Notice, now: datetime) -> bytes:
    """The message: the facts without the CAP document, which is at `/api/cap/{identifier}.xml`."""
    facts = {name: said for name, said in notice.facts.items() if name != "cap"}
    return orjson.dumps(
        {"id": notice.key, "ts": now, "subject": notice.subject, "body": notice.body, "warning": notice.warning_id, **facts}
    )


def open_channel(means: Means) -> Broker | None:
    """None where the policy has no such channel, or there is no broker."""
    if means.broker is None or means.outward.plan(NAME) is None:
        return None
    return Broker(means.broker, means.client_id, means.outward.issuer.agency)
