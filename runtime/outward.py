"""The policy of speaking outside: `[publication]`, `[channel.*]` and `[[cap_feed]]` of config/city.toml, checked like the rest.

A channel whose table is missing is not there. Passwords and keys are not here: they are settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alerts.outward import BROKER, FEED, Hook, Issuer, MailServer, Outward, Plan, Recipient, Source
from domain.publications import Audience
from domain.warnings import WarningLevel

TABLES = frozenset({"publication", "channel", "cap_feed"})
_LANGUAGES = ("zh", "en", "both")
_SECURITY = ("starttls", "tls", "none")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_SENDER = re.compile(r"[^\s,<&]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MOST_RECIPIENTS = 500
_PER_HOUR = 60
"""Notices an hour to each audience by e-mail and webhook, where the policy says nothing: one a minute."""

Check = Callable[[Any], bool]
Shape = dict[str, tuple[Check, str, str]]
"""Key → what it may be, that in words, and one that would do."""


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _any_text(value: Any) -> bool:
    return isinstance(value, str)


def _one_of(words: Iterable[str]) -> Check:
    return lambda value: isinstance(value, str) and value in tuple(words)


def _number(low: float, high: float) -> Check:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _whole(low: int, high: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _matches(pattern: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _hours(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == set(WarningLevel) and all(map(_number(0.1, 720), value.values()))


def _web(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        return False


def _tables(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_RECIPIENTS and all(isinstance(one, dict) for one in value)


_AUDIENCE = (_one_of(Audience), f"one of {', '.join(Audience)}", '"operators"')
_LANG = (_one_of(_LANGUAGES), f"one of {', '.join(_LANGUAGES)}", '"zh"')
_LONGEST = (_whole(20, 10_000), "a whole number of characters from 20 to 10000", "140")
_RATE = (_whole(1, 100_000), "a whole number of notices from 1 to 100000", str(_PER_HOUR))
_LIST = (
    _tables, f"a list of at most {_MOST_RECIPIENTS} recipients",
    '[{ address = "duty@city.example", audience = "operators" }]',
)  # fmt: skip

_PUBLICATION: Shape = {
    "sender": (_matches(_SENDER), "a name without blanks, commas, < and &", '"warning@city.example"'),
    "name_zh": (_text, "the name of who publishes, in Chinese", '"示范市应急指挥中心"'),
    "name_en": (_text, "the name of who publishes, in English", '"Emergency command centre"'),
    "valid_h": (_hours, "hours from 0.1 to 720 for each level", "{ red = 3, orange = 6, yellow = 12, blue = 24 }"),
    "reach_m": (_number(50, 50_000), "a number of metres from 50 to 50000", "1000"),
    "is_feed_public": (lambda value: isinstance(value, bool), "true or false", "false"),
}
_PUBLICATION_OPTIONS: Shape = {
    "contact": (_any_text, "how to reach who publishes", '"12345"'),
    "web": (_web, "an address with http or https", '"https://city.example"'),
}
_MAIL: Shape = {
    "host": (_text, "the name of a mail server", '"mail.city.example"'),
    "port": (_whole(1, 65_535), "a port number from 1 to 65535", "587"),
    "security": (_one_of(_SECURITY), f"one of {', '.join(_SECURITY)}", '"starttls"'),
    "sender": (_matches(_ADDRESS), "an address", '"warning@city.example"'),
    "to": _LIST,
}
_MAIL_OPTIONS: Shape = {
    "user": (_any_text, "a name at the mail server", '"cityhelm"'),
    "timeout_s": (_number(1, 60), "a number of seconds from 1 to 60", "10"),
    "per_hour": _RATE,
}
_MAIL_TO: Shape = {"address": (_matches(_ADDRESS), "an address", '"duty@city.example"'), "audience": _AUDIENCE}
_HOOKS: Shape = {
    "hosts": (
        lambda value: isinstance(value, list) and all(_text(host) for host in value), "a list of hosts that may be spoken to",
        '["hooks.city.example"]',
    ),
    "to": _LIST,
}  # fmt: skip
_HOOK_TO: Shape = {
    "name": (_matches(_NAME), "a short name of small letters and digits", '"command"'),
    "url": (_web, "an address with http or https", '"https://hooks.city.example/warnings"'),
    "audience": _AUDIENCE,
}
_TO_OPTIONS: Shape = {"lang": _LANG, "longest": _LONGEST}
_MQTT_OPTIONS: Shape = {"audience": _AUDIENCE, "per_hour": _RATE}
_FEED: Shape = {
    "id": (_matches(_NAME), "a short name of small letters and digits", '"weather"'),
    "zh": (_text, "the source in Chinese", '"市气象台"'),
    "en": (_text, "the source in English", '"Weather office"'),
}
_FEED_OPTIONS: Shape = {
    "folder": (_text, "a directory in which files are put", '"/srv/cityhelm/cap"'),
    "url": (_web, "an address with http or https", '"https://weather.city.example/cap.atom"'),
    "every_s": (_number(1, 86_400), "a number of seconds from 1 to 86400", "60"),
}
_UNBOUNDED = 1_000_000
"""Of the feed and the broker, which disturb nobody."""


def read_outward(path: Path, said: dict[str, Any], agency: Any, faults: list[str]) -> Outward | None:
    """What the file says about it; None, with the sentences in `faults`, where that is wrong. `agency` is of [warning]."""
    before = len(faults)
    publication = _table(path, said.get("publication"), "publication", _PUBLICATION, _PUBLICATION_OPTIONS, faults)
    plans: list[Plan] = []
    channels = said.get("channel", {})
    if not isinstance(channels, dict):
        faults.append(f"{path}: channel is {channels!r}: expected tables such as [channel.email]")
        channels = {}
    for name in sorted(channels.keys() - {"atom", "mqtt", "email", "webhook"}):
        faults.append(f"{path}: [channel.{name}] is not a channel: expected one of atom, mqtt, email, webhook")
    if "atom" in channels:
        _table(path, channels["atom"], "channel.atom", {}, {}, faults)
        plans.append(Plan("atom", (Recipient(FEED, Audience.PUBLIC),), _UNBOUNDED))
    if "mqtt" in channels:
        table = _table(path, channels["mqtt"], "channel.mqtt", {}, _MQTT_OPTIONS, faults)
        audience = Audience.known(str(table.get("audience", Audience.PUBLIC))) or Audience.PUBLIC
        plans.append(Plan("mqtt", (Recipient(BROKER, audience, "both"),), int(table.get("per_hour", _UNBOUNDED))))
    mail = _mail(path, channels["email"], plans, faults) if "email" in channels else None
    hooks = _hooks(path, channels["webhook"], plans, faults) if "webhook" in channels else ()
    sources = _sources(path, said.get("cap_feed", []), faults)
    if len(faults) > before or not isinstance(agency, str):
        return None
    issuer = Issuer(
        agency=agency, sender=publication["sender"], name_zh=publication["name_zh"], name_en=publication["name_en"],
        valid_s={WarningLevel.of(level): float(hours) * 3600 for level, hours in publication["valid_h"].items()},
        reach_m=float(publication["reach_m"]), is_feed_public=publication["is_feed_public"],
        contact=publication.get("contact", "").strip(), web=publication.get("web", ""),
    )  # fmt: skip
    return Outward(issuer, tuple(plans), sources, mail, hooks)


def _mail(path: Path, said: Any, plans: list[Plan], faults: list[str]) -> MailServer | None:
    before = len(faults)
    table = _table(path, said, "channel.email", _MAIL, _MAIL_OPTIONS, faults)
    to = [_table(path, one, f"channel.email.to[{k}]", _MAIL_TO, _TO_OPTIONS, faults) for k, one in enumerate(_listed(table))]
    if len(faults) > before:
        return None
    plans.append(Plan("email", tuple(_recipient(one["address"], one) for one in to), int(table.get("per_hour", _PER_HOUR))))
    return MailServer(
        table["host"], table["port"], table["security"], table["sender"], table.get("user", ""), float(table.get("timeout_s", 10))
    )


def _hooks(path: Path, said: Any, plans: list[Plan], faults: list[str]) -> tuple[Hook, ...]:
    before = len(faults)
    table = _table(path, said, "channel.webhook", _HOOKS, {"per_hour": _RATE}, faults)
    to = [_table(path, one, f"channel.webhook.to[{k}]", _HOOK_TO, _TO_OPTIONS, faults) for k, one in enumerate(_listed(table))]
    if len(faults) > before:
        return ()
    hosts = {host.lower() for host in table["hosts"]}
    for k, one in enumerate(to):
        if (urlsplit(one["url"]).hostname or "").lower() not in hosts:
            faults.append(
                f"{path}: channel.webhook.to[{k}].url is {one['url']!r}: expected a host of channel.webhook.hosts, "
                f"which are {', '.join(sorted(hosts)) or 'none'}"
            )
    faults.extend(_doubled(path, "channel.webhook.to", [one["name"] for one in to]))
    plans.append(Plan("webhook", tuple(_recipient(one["name"], one) for one in to), int(table.get("per_hour", _PER_HOUR))))
    return tuple(Hook(one["name"], one["url"]) for one in to)


def _sources(path: Path, said: Any, faults: list[str]) -> tuple[Source, ...]:
    if not _tables(said):
        faults.append(f"{path}: cap_feed is not a list of tables: expected each source to begin with [[cap_feed]]")
        return ()
    sources: list[Source] = []
    for k, one in enumerate(said):
        shown = f"cap_feed[{one.get('id', k)}]"
        before = len(faults)
        table = _table(path, one, shown, _FEED, _FEED_OPTIONS, faults)
        if ("folder" in one) == ("url" in one):
            faults.append(f"{path}: {shown} has {'both' if 'url' in one else 'neither'} folder and url: expected one of them")
        if len(faults) == before:
            folder = str(path.parent / table["folder"]) if "folder" in table else None
            every_s = float(table.get("every_s", 60 if folder is None else 5))
            sources.append(Source(table["id"], table["zh"], table["en"], every_s, folder, table.get("url")))
    faults.extend(_doubled(path, "cap_feed", [source.source_id for source in sources]))
    return tuple(sources)


def _recipient(address: str, table: dict[str, Any]) -> Recipient:
    return Recipient(address, Audience.of(table["audience"]), table.get("lang", "zh"), table.get("longest"))


def _listed(table: dict[str, Any]) -> list[Any]:
    return table["to"] if _tables(table.get("to")) else []


def _doubled(path: Path, shown: str, names: list[str]) -> list[str]:
    return [f"{path}: {shown} has {name} {names.count(name)} times: expected each name once"
            for name in sorted({name for name in names if names.count(name) > 1})]  # fmt: skip


def _table(path: Path, said: Any, shown: str, needed: Shape, options: Shape, faults: list[str]) -> dict[str, Any]:
    """A table whose keys are as they may be; what is not is named."""
    if not isinstance(said, dict):
        what = "missing" if said is None else repr(said)
        faults.append(f"{path}: {shown} is {what}: expected a table [{shown}]")
        return {}
    known = {**needed, **options}
    for name in sorted(said.keys() - known.keys()):
        faults.append(f"{path}: {shown}.{name} is not a key of the policy: expected one of {', '.join(sorted(known)) or 'none'}")
    for name, (accepts, expected, example) in known.items():
        if name not in said:
            if name in needed:
                faults.append(f"{path}: {shown}.{name} is missing: expected {expected}, such as {example}")
        elif not accepts(said[name]):
            faults.append(f"{path}: {shown}.{name} is {said[name]!r}: expected {expected}, such as {example}")
    return said
