"""Topics: `city/v1/{district}/{domain}/{site}/{device}/{kind}`. A device publishes under its own topics only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

PREFIX = "city/v1"
SUBSCRIPTION = f"{PREFIX}/#"
PROBE_TOPIC = "cityhelm/probe"
"""Below it `cityhelm doctor` tries what a broker keeps; nobody else listens there."""
COMMAND = "cmd"
WARNING = "warning"
OURS = (COMMAND, WARNING)
"""Kinds that we say ourselves: heard again, they are no news."""
LONGEST_LEVEL = 100
"""Characters in one level: a device id of four of them fits every index."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic taken apart. `device_id` is district/domain/site/device."""

    device_id: str
    kind: str

    @property
    def device(self) -> str:
        return self.device_id.rsplit("/", 1)[1]

    @property
    def site(self) -> str:
        return self.device_id.split("/")[2]

    @property
    def domain_name(self) -> str:
        return self.device_id.split("/")[1]


def topic_of(device_id: str, kind: str) -> str:
    """The topic on which `device_id` (district/domain/site/device) speaks or listens about `kind`."""
    return f"{PREFIX}/{device_id}/{kind}"


@lru_cache(maxsize=65_536)  # a city has some thousand topics and speaks on them all day
def parse_topic(topic: str) -> Topic | None:
    """The topic taken apart, or None when it does not have the seven levels of ours."""
    parts = topic.split("/")
    if len(parts) != 7 or parts[0] != "city" or parts[1] != "v1" or not all(0 < len(part) <= LONGEST_LEVEL for part in parts[2:]):
        return None
    return Topic("/".join(parts[2:6]), parts[6])
