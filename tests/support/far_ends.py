"""Far ends of channels, real ones on loopback: a mail server and a web server that answer as the test says and keep what they heard."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class MailEnd:
    """What a mail server heard. `answers`: command → the answer it gives instead of the usual one; `tls`: what it can show."""

    port: int = 0
    messages: list[tuple[str, EmailMessage]] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None


class _Mail(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs."""

    def handle(self) -> None:
        end: MailEnd = self.server.end  # type: ignore[attr-defined]
        is_secured, to = False, ""
        self.say("220 loopback")
        while line := self.rfile.readline().decode():
            command, _, rest = line.strip().partition(" ")
            command = command.upper()
            if (answer := end.answers.get(command)) is not None:
                self.say(answer)
                if answer.startswith("421"):
                    return
            elif command in ("EHLO", "HELO"):
                offers = [
                    "loopback",
                    *(["STARTTLS"] if end.tls and not is_secured else []),
                    *(["AUTH PLAIN"] if is_secured else []),
                ]
                for offer in offers:
                    self.say(f"250-{offer}")
                self.say("250 8BITMIME")
            elif command == "STARTTLS" and end.tls is not None:
                self.say("220 go")
                self.connection = end.tls.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)  # type: ignore[assignment]
                is_secured = True
            elif command == "AUTH":
                end.passwords.append(rest)
                self.say("235 in")
            elif command == "RCPT":
                to = rest.partition("<")[2].partition(">")[0]
                self.say("250 ok")
            elif command == "DATA":
                self.say("354 go on")
                lines = []
                while (said := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(said.removeprefix(b".") if said.startswith(b"..") else said)
                message = message_from_bytes(b"".join(lines), policy=policy.default)
                assert isinstance(message, EmailMessage)
                end.messages.append((to, message))
                end.secured.append(is_secured)
                self.say("250 taken")
            elif command == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def finish(self) -> None:
        """A line that was secured is another than the one that the server closes."""
        super().finish()
        self.connection.close()

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@dataclass
class WebEnd:
    """What a web server heard: (path, headers by lower-case name, body). `answer` gives status, headers and body for each."""

    url: str = ""
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes]] = lambda path, headers: (200, {}, b"")


class _Web(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        end: WebEnd = self.server.end  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        end.heard.append((self.path, headers, self.rfile.read(int(headers.get("content-length", "0")))))
        status, more, body = end.answer(self.path, headers)
        self.send_response(status)
        for name, value in {**more, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Not in the way of the test's own words."""


class _Mails(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is what some tests are about."""


@contextmanager
def _serving(server: Any) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def mail_end(**more: Any) -> Iterator[MailEnd]:
    end = MailEnd(**more)
    server = _Mails(("127.0.0.1", 0), _Mail)
    server.end = end  # type: ignore[attr-defined]
    with _serving(server) as end.port:
        yield end


@contextmanager
def web_end(tls: ssl.SSLContext | None = None) -> Iterator[WebEnd]:
    end = WebEnd()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    server.daemon_threads = True
    server.end = end  # type: ignore[attr-defined]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with _serving(server) as port:
        end.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield end
