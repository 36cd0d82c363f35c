"""One exchange over HTTP: a request to an address that the policy names, the answer as it is. Redirects are answers, no proxy is
asked, and no more is read than was agreed.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class NoAnswer(Exception):  # noqa: N818 - a state of the world, named after it
    """Nobody answered, or not in the way of HTTP. `zh` and `en` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers by lower-case name, and the body, of which there may be more than was read (`is_whole`)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool


def exchange(
    url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None, timeout_s: float,
    most_bytes: int, ca_file: Path | None = None,
) -> Reply:  # fmt: skip
    """The answer to one request. `timeout_s` is waited at every step. Raises NoAnswer."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path or "/"
    where = f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    line: http.client.HTTPConnection
    if parts.scheme == "https":
        trust = ssl.create_default_context()
        if ca_file is not None:
            trust.load_verify_locations(ca_file)
        line = http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=trust)
    else:
        line = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    try:
        line.request(method, f"{path}?{parts.query}" if parts.query else path, body, {"Connection": "close", **(headers or {})})
        answer = line.getresponse()
        read = answer.read(most_bytes + 1)
        said = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, said, read[:most_bytes], len(read) <= most_bytes)
    except ssl.SSLCertVerificationError as fault:
        raise NoAnswer(
            f"{where} 的证书不可信（{fault.verify_message}）：请在 CITYHELM_OUTWARD_CA 指明签发机构",
            f"the certificate of {where} is not trusted ({fault.verify_message}): name its authority in CITYHELM_OUTWARD_CA",
        ) from fault
    except (OSError, http.client.HTTPException, ValueError) as fault:  # ValueError: an address that no request line can hold
        why = str(fault) or type(fault).__name__
        raise NoAnswer(f"{where} 没有应答（{why}）", f"{where} did not answer ({why})") from fault
    finally:
        line.close()
