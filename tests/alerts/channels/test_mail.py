"""E-mail at a real mail server on loopback: TLS, passwords, refusals for now and for good."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from alerts.channels.mail import Mail, compose
from alerts.channels.shape import Fate, Outcome
from alerts.outward import MailServer
from tests.support.far_ends import MailEnd, mail_end
from tests.support.outward import a_notice
from tests.support.scenes import NOW

NOTICE = a_notice("email", "duty@city.example")


@dataclass(slots=True)
class Authority:
    ca_file: Path
    tls: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate for loopback, and the file of who signed it."""
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    return Authority(path, tls)


@pytest.fixture
def end() -> Iterator[MailEnd]:
    with mail_end() as opened:
        yield opened


def send(end: MailEnd, security: str = "none", user: str = "", ca_file: Path | None = None) -> Outcome:
    server = MailServer("127.0.0.1", end.port, security, "warning@city.example", user, 5)
    return Mail(server, "secret", ca_file).send(NOTICE, NOW)


def test_it_arrives_as_plain_chinese_words(end: MailEnd) -> None:
    assert send(end).fate is Fate.SENT
    ((to, message),) = end.messages
    assert to == "duty@city.example"
    assert (message["Subject"], message["From"], message.get_content_type()) == (
        NOTICE.subject,
        "warning@city.example",
        "text/plain",
    )
    assert message.get_content().strip() == NOTICE.body
    assert message["Message-ID"] == f"<{NOTICE.key}@city.example>"
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_password_is_given_over_tls_alone(authority: Authority) -> None:
    with mail_end(tls=authority.tls) as end:
        assert send(end, "starttls", "cityhelm", authority.ca_file).fate is Fate.SENT
        assert end.secured == [True]
        assert [base64.b64decode(said.split()[-1]) for said in end.passwords] == [b"\0cityhelm\0secret"]
    with mail_end() as plain:
        assert send(plain, "none", "cityhelm").fate is Fate.SENT
        assert plain.passwords == []


def test_a_certificate_of_a_stranger_is_not_believed(authority: Authority) -> None:
    with mail_end(tls=authority.tls) as end:
        outcome = send(end, "starttls")
        assert outcome.fate is Fate.FAILED
        assert "certificate verify failed" in outcome.en
        assert end.messages == []


def test_a_server_without_tls_is_told_of_with_the_key_of_the_policy(end: MailEnd) -> None:
    outcome = send(end, "starttls")
    assert (outcome.fate, "check channel.email.security" in outcome.en) == (Fate.FAILED, True)
    assert end.messages == []


@pytest.mark.parametrize(
    ("command", "answer", "fate"),
    [
        ("RCPT", "550 nobody here", Fate.DEAD), ("RCPT", "450 later", Fate.FAILED), ("DATA", "554 no", Fate.DEAD),
        ("MAIL", "451 busy", Fate.FAILED), ("EHLO", "421 going down", Fate.FAILED),
    ],
)  # fmt: skip
def test_a_refusal_for_now_is_tried_again_and_one_for_good_is_not(end: MailEnd, command: str, answer: str, fate: Fate) -> None:
    end.answers[command] = answer
    outcome = send(end)
    assert outcome.fate is fate
    assert f"127.0.0.1:{end.port}" in outcome.zh


def test_how_it_says_goodbye_does_not_matter(end: MailEnd) -> None:
    end.answers["QUIT"] = "500 what"
    assert send(end).fate is Fate.SENT
    assert len(end.messages) == 1


def test_no_second_header_hides_in_the_first() -> None:
    with pytest.raises(ValueError):
        compose(a_notice("email", "duty@city.example\nBcc: all@city.example"), "warning@city.example", NOW)
