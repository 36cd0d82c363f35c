"""E-mail: one plain message to each address over SMTP, with TLS from the start, with STARTTLS, or on a line of the city's own.

The Message-ID is the key of the notice: an attempt that is made again is the same message. Source: RFC 5321, RFC 3207, RFC 3834.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from alerts.channels.shape import Fate, Means, Outcome, withheld
from alerts.outward import MailServer
from domain.publications import Notice

NAME = "email"


class Mail:
    """A mail server, connected anew for every message: a warning is rare, and a line that is kept goes stale."""

    def __init__(self, server: MailServer, password: str, ca_file: Path | None) -> None:
        self._server, self._password, self._ca_file = server, password, ca_file
        self._named = f"{server.host}:{server.port}"

    def send(self, notice: Notice, now: datetime) -> Outcome:
        if (held := withheld(notice)) is not None:
            return held
        to = notice.recipient
        try:
            message = compose(notice, self._server.sender, now)
        except ValueError as fault:
            return Outcome(Fate.DEAD, f"邮件地址或标题不可用（{fault}）", f"the address or the subject cannot be used ({fault})")
        try:
            line = self._line()
            try:
                line.send_message(message, self._server.sender, [to])
            finally:  # how the farewell goes does not change what was taken
                with suppress(OSError, smtplib.SMTPException):
                    line.quit()
        except smtplib.SMTPRecipientsRefused as fault:
            code, said = next(iter(fault.recipients.values()), (550, b""))
            return self._refused(code, said, f"收件人 {to}", f"the recipient {to}")
        except smtplib.SMTPAuthenticationError as fault:
            # A password that is mended lets it leave after all.
            return Outcome(
                Fate.FAILED, f"邮件服务器 {self._named} 不接受用户名或密码（{fault.smtp_code}）：请检查 CITYHELM_SMTP_PASSWORD",
                f"the mail server {self._named} refused user or password ({fault.smtp_code}): check CITYHELM_SMTP_PASSWORD",
            )  # fmt: skip
        except smtplib.SMTPResponseException as fault:
            return self._refused(fault.smtp_code, fault.smtp_error, "邮件", "the message")
        except smtplib.SMTPNotSupportedError as fault:
            return Outcome(
                Fate.FAILED, f"邮件服务器 {self._named} 不支持所需功能（{fault}）：请检查 channel.email.security",
                f"the mail server {self._named} cannot do what is asked ({fault}): check channel.email.security",
            )  # fmt: skip
        except (OSError, smtplib.SMTPException) as fault:
            why = str(fault) or type(fault).__name__
            zh, en = f"邮件服务器 {self._named} 没有应答（{why}）", f"the mail server {self._named} did not answer ({why})"
            return Outcome(Fate.FAILED, zh, en)
        return Outcome(Fate.SENT, f"邮件服务器 {self._named} 已收下", f"the mail server {self._named} took it")

    def close(self) -> None:
        """Nothing is kept open."""

    def _line(self) -> smtplib.SMTP:
        """A connection that is ready for a message; closed here when it cannot be made so."""
        server = self._server
        # The name that we greet with is said, not looked up: there may be no name service.
        ours = server.sender.rpartition("@")[2] or "localhost"
        trust = ssl.create_default_context()
        if self._ca_file is not None:
            trust.load_verify_locations(self._ca_file)
        line: smtplib.SMTP
        if server.security == "tls":
            line = smtplib.SMTP_SSL(server.host, server.port, ours, timeout=server.timeout_s, context=trust)
        else:
            line = smtplib.SMTP(server.host, server.port, ours, timeout=server.timeout_s)
        try:
            if server.security == "starttls":
                line.starttls(context=trust)
            if server.user and server.security != "none":
                line.login(server.user, self._password)
        except BaseException:
            line.close()
            raise
        return line

    def _refused(self, code: int, said: bytes | str, zh: str, en: str) -> Outcome:
        """4xx is for later, 5xx for good."""
        words = (said.decode(errors="replace") if isinstance(said, bytes) else said)[:200]
        fate = Fate.FAILED if 400 <= code < 500 else Fate.DEAD
        zh, en = f"不接受{zh}（{code} {words}）", f"refused {en} ({code} {words})"
        return Outcome(fate, f"邮件服务器 {self._named} {zh}", f"the mail server {self._named} {en}")


def compose(notice: Notice, sender: str, now: datetime) -> EmailMessage:
    """The message. Raises ValueError for a header that would be two."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, notice.recipient, notice.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{notice.key}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.body + "\n", cte="base64")
    return message


def open_channel(means: Means) -> Mail | None:
    """None where no mail server is named."""
    server = means.outward.mail
    return Mail(server, means.smtp_password, means.ca_file) if server is not None else None
