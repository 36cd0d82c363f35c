"""The policy of speaking outside: what is delivered is well-formed, and every mistake is named with key, value and expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.channels.registry import CHANNELS
from alerts.outward import BROKER, FEED, Outward
from domain.publications import Audience
from domain.warnings import WarningLevel
from runtime.policy import PolicyError, load_policy

DELIVERED = Path(__file__).parents[2] / "config/city.toml"
MAIL = """
[channel.email]
host = "mail.city.example"
port = 587
security = "starttls"
sender = "warning@city.example"
user = "cityhelm"
to = [{ address = "duty@city.example", audience = "operators" }, { address = "mayor@city.example", audience = "leaders", lang = "both" }]
"""
HOOK = """
[channel.webhook]
hosts = ["hooks.city.example"]
to = [{ name = "sms", url = "https://hooks.city.example/sms", audience = "public", longest = 140 }]
"""
FEEDS = """
[[cap_feed]]
id = "weather"
zh = "气象台"
en = "Weather office"
url = "https://weather.city.example/cap.atom"
[[cap_feed]]
id = "drop"
zh = "投递"
en = "Drop"
folder = "cap"
"""


def load(tmp_path: Path, more: str = "", *changes: tuple[str, str]) -> Outward:
    """What the delivered file and `more` behind it say, after changes, in `more` where they can be made there."""
    text = DELIVERED.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text + more
        text, more = (text, more.replace(before, after, 1)) if before in more else (text.replace(before, after, 1), more)
    path = tmp_path / "city.toml"
    path.write_text(text + more, encoding="utf-8")
    return load_policy(path).outward


def test_what_is_delivered_speaks_by_feed_and_broker_alone() -> None:
    outward = load_policy(DELIVERED).outward
    assert [(plan.channel, [to.address for to in plan.recipients]) for plan in outward.plans] == [
        ("atom", [FEED]),
        ("mqtt", [BROKER]),
    ]
    assert (outward.issuer.valid_s[WarningLevel.RED], outward.issuer.is_feed_public, outward.sources) == (3 * 3600, False, ())


def test_a_whole_policy_is_read(tmp_path: Path) -> None:
    outward = load(tmp_path, MAIL + HOOK + FEEDS)
    assert {plan.channel for plan in outward.plans} == {kind.name for kind in CHANNELS}
    mail = outward.plan("email")
    assert mail is not None
    assert [(to.address, to.audience, to.lang) for to in mail.recipients] == [
        ("duty@city.example", Audience.OPERATORS, "zh"), ("mayor@city.example", Audience.LEADERS, "both"),
    ]  # fmt: skip
    assert outward.mail is not None
    assert (outward.mail.security, outward.hooks[0].name) == ("starttls", "sms")
    assert [(source.source_id, source.kind) for source in outward.sources] == [("weather", "url"), ("drop", "folder")]
    assert outward.sources[1].folder == str(tmp_path / "cap")


@pytest.mark.parametrize(
    ("more", "before", "after", "fault"),
    [
        ("", "[publication]", "[publicatoin]", "[publicatoin] is not a table of the policy: expected one of"),
        ("", 'sender = "warning@city.example"', 'sender = "a b"', "publication.sender is 'a b': expected a name without blanks, commas, < and &"),
        ("", "is_feed_public = false", 'is_feed_public = "no"', "publication.is_feed_public is 'no': expected true or false"),
        ("", "{ red = 3, orange = 6, yellow = 12, blue = 24 }", "{ red = 3 }", "publication.valid_h is {'red': 3}: expected hours from 0.1 to 720 for each level"),
        (MAIL, "port = 587", "port = 0", "channel.email.port is 0: expected a port number from 1 to 65535"),
        (MAIL, '"starttls"\nsender', '"ssl"\nsender', "channel.email.security is 'ssl': expected one of starttls, tls, none"),
        (MAIL, "duty@city.example\", aud", "duty\", aud", "channel.email.to[0].address is 'duty': expected an address"),
        (MAIL, "duty@city.example\", aud", "a@b\\nBcc: c@d\", aud", "channel.email.to[0].address is 'a@b\\nBcc: c@d': expected an address"),
        (MAIL, 'audience = "leaders"', 'audience = "press"', "channel.email.to[1].audience is 'press': expected one of operators, leaders, public"),
        (HOOK, "https://hooks.city.example/sms\", aud", "https://elsewhere.example/sms\", aud", "channel.webhook.to[0].url is 'https://elsewhere.example/sms': expected a host of channel.webhook.hosts"),
        (HOOK, "https://hooks.city.example/sms\", aud", "file:///etc/passwd\", aud", "channel.webhook.to[0].url is 'file:///etc/passwd': expected an address with http or https"),
        (HOOK, "longest = 140 }]", "longest = 5 }]", "channel.webhook.to[0].longest is 5: expected a whole number of characters from 20 to 10000"),
        ("\n[channel.fax]\n", "", "", "[channel.fax] is not a channel: expected one of atom, mqtt, email, webhook"),
        (FEEDS, 'id = "drop"', 'id = "weather"', "cap_feed has weather 2 times: expected each name once"),
        (FEEDS, 'folder = "cap"', "", "cap_feed[drop] has neither folder and url: expected one of them"),
        (FEEDS, 'folder = "cap"', 'folder = "cap"\nurl = "http://a.example"', "cap_feed[drop] has both folder and url: expected one of them"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, more: str, before: str, after: str, fault: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, more, *([(before, after)] if before else []))
    said = [one.partition("city.toml: ")[2] for one in caught.value.faults]
    assert any(one.startswith(fault) for one in said), said
