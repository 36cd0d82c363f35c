"""The registry of channels: one row each. Screens and sounds are the pages' own; what leaves the house leaves by one of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alerts.channels import atom, broker, mail, webhook
from alerts.channels.shape import Channel, Means


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of channel: its words, how it is opened (None: it is not configured), and the sentence where it is not."""

    name: str
    zh: str
    en: str
    open: Callable[[Means], Channel | None]
    table: str

    @property
    def zh_off(self) -> str:
        return f"未配置：见策略文件的 {self.table}"

    @property
    def en_off(self) -> str:
        return f"not configured: see {self.table} in the policy file"


CHANNELS = (
    Kind(atom.NAME, "Atom 源", "Atom feed", atom.open_channel, "[channel.atom]"),
    Kind(broker.NAME, "MQTT", "MQTT", broker.open_channel, "[channel.mqtt]"),
    Kind(mail.NAME, "电子邮件", "E-mail", mail.open_channel, "[channel.email]"),
    Kind(webhook.NAME, "Webhook", "Webhook", webhook.open_channel, "[channel.webhook]"),
)


def open_all(means: Means) -> dict[str, Channel]:
    """The channels that this city has, by name."""
    opened = {kind.name: kind.open(means) for kind in CHANNELS}
    return {name: channel for name, channel in opened.items() if channel is not None}
