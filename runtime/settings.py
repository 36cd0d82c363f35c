"""The deployment's settings: environment variables, read once, here and nowhere else.

Packages receive plain values. `.env.example` documents every variable; a test holds the two together.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

# The number that MQTT itself writes on the wire for each version of the protocol.
MQTT_PROTOCOLS = {"5": 5, "3.1.1": 4}
NO_MOSQUITTO = "none"
_LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(Exception):
    """The environment is wrong. `faults` holds one sentence per wrong variable; the message is all of them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Settings:
    """What this deployment was told. Paths are absolute; a URL that is None is provided by `runtime.backing`."""

    database_url: str | None
    mqtt_url: str | None
    mqtt_protocol: int  # 5, or 4 for MQTT 3.1.1
    mqtt_ca: str  # a path, "" = the authorities that this machine trusts
    ingest_share: str  # the name of this ingester among several, "" = the only one
    home: Path
    mosquitto: str  # a path, "" = look for it, "none" = do as if there were none
    host: str
    port: int
    url: str  # by which browsers reach the dashboard, "" = as they ask
    proxies: str  # whose word on addresses is believed, "" = nobody's
    oidc_issuer: str  # the city's identity provider, "" = people sign in by password alone
    oidc_client: str
    oidc_secret: str
    oidc_ca: str  # a path, "" = the authorities that this machine trusts
    smtp_password: str  # of the user in channel.email of the policy
    webhook_keys: str  # name:key of each webhook, apart by commas
    outward_ca: str  # a path, "" = the authorities that this machine trusts
    dask_scheduler: str  # whose workers make the slow fits, "" = two processes of our own
    zone: ZoneInfo
    config: Path
    city: Path
    log_level: str

    def as_environ(self) -> dict[str, str]:
        """The variables that, loaded, give these settings again: what a child process is started with."""
        protocol = next(name for name, number in MQTT_PROTOCOLS.items() if number == self.mqtt_protocol)
        return {
            "DATABASE_URL": self.database_url or "",
            "MQTT_URL": self.mqtt_url or "",
            "MQTT_PROTOCOL": protocol,
            "MQTT_CA": self.mqtt_ca,
            "CITYHELM_INGEST_SHARE": self.ingest_share,
            "CITYHELM_HOME": str(self.home),
            "CITYHELM_MOSQUITTO": self.mosquitto,
            "CITYHELM_HOST": self.host,
            "CITYHELM_PORT": str(self.port),
            "CITYHELM_URL": self.url,
            "CITYHELM_PROXIES": self.proxies,
            "CITYHELM_OIDC_ISSUER": self.oidc_issuer,
            "CITYHELM_OIDC_CLIENT": self.oidc_client,
            "CITYHELM_OIDC_SECRET": self.oidc_secret,
            "CITYHELM_OIDC_CA": self.oidc_ca,
            "CITYHELM_SMTP_PASSWORD": self.smtp_password,
            "CITYHELM_WEBHOOK_KEYS": self.webhook_keys,
            "CITYHELM_OUTWARD_CA": self.outward_ca,
            "DASK_SCHEDULER": self.dask_scheduler,
            "CITYHELM_ZONE": self.zone.key,
            "CITYHELM_CONFIG": str(self.config),
            "CITYHELM_CITY": str(self.city),
            "CITYHELM_LOG_LEVEL": self.log_level,
        }


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: the field it fills, its default as one would write it, and what is expected."""

    name: str
    field: str
    default: str
    parse: Callable[[str], Any]
    expected: str
    example: str


def _database_url(text: str) -> str:
    from storage.connection import require_address  # only where a database is named: it brings psycopg

    parts = urlsplit(text)
    if parts.scheme not in ("postgresql", "postgres") or not text.partition("://")[1]:
        raise ValueError(text)
    if "," not in parts.netloc:  # several hosts are allowed and are libpq's to read
        _ = parts.port
    return require_address(text)


def _mqtt_url(text: str) -> str:
    from iot.mqtt import parse_address  # only where a broker is named: it brings the whole MQTT client

    if urlsplit(text).path.strip("/"):
        raise ValueError(text)
    parse_address(text)
    return text


def _scheduler(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("tcp", "tls", "ucx") or not parts.hostname or parts.port is None:
        raise ValueError(text)
    return text


def _host(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text) and not re.fullmatch(r"[\d.]+", text):
        return text
    return str(ipaddress.ip_address(text))


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise ValueError(text)
    return int(text)


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(text)
    _ = parts.port
    usual = ":443" if parts.scheme == "https" else ":80"
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"  # as browsers name it


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(text)
    return text


def _networks(text: str) -> str:
    return ",".join(str(ipaddress.ip_network(part.strip())) for part in text.split(","))


def _level(text: str) -> str:
    return _LOG_LEVELS[_LOG_LEVELS.index(text.lower())]


def _certificates(text: str) -> str:
    import ssl

    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError as fault:
        raise ValueError(text) from fault
    return str(Path(text).absolute())


def _webhook_keys(text: str) -> str:
    from alerts.channels.webhook import read_keys  # only where there are some: it brings the whole HTTP client

    read_keys(text)
    return text


def _share(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,20}", text):
        raise ValueError(text)
    return text


def _mosquitto(text: str) -> str:
    if text != NO_MOSQUITTO and not Path(text).is_file():
        raise ValueError(text)
    return text


VARIABLES = (
    Variable("DATABASE_URL", "database_url", "", _database_url,
             "the address of a PostgreSQL database", "postgresql://cityhelm:secret@db.example:5432/cityhelm"),
    Variable("MQTT_URL", "mqtt_url", "", _mqtt_url,
             "the address of an MQTT broker, mqtt:// or mqtts://", "mqtts://cityhelm:secret@broker.example:8883"),
    Variable("MQTT_PROTOCOL", "mqtt_protocol", "5", MQTT_PROTOCOLS.__getitem__,
             "the MQTT version that the broker speaks, 5 or 3.1.1", "5"),
    Variable("MQTT_CA", "mqtt_ca", "", _certificates,
             "a file with the certificate of the authority that signed the broker's", "/etc/cityhelm/ca.crt"),
    Variable("CITYHELM_INGEST_SHARE", "ingest_share", "", _share,
             "a name of small letters and digits, another for each of several ingesters", "a"),
    Variable("CITYHELM_HOME", "home", ".cityhelm", Path,
             "a directory for the private services' data", "/srv/cityhelm"),
    Variable("CITYHELM_MOSQUITTO", "mosquitto", "", _mosquitto,
             "the path of a mosquitto binary, or none", "/usr/sbin/mosquitto"),
    Variable("CITYHELM_HOST", "host", "127.0.0.1", _host,
             "the address on which the dashboard listens", "127.0.0.1"),
    Variable("CITYHELM_PORT", "port", "8050", _port, "a port number from 1 to 65535", "8050"),
    Variable("CITYHELM_URL", "url", "", _origin,
             "the address by which browsers reach the dashboard, without a path", "https://city.example"),
    Variable("CITYHELM_PROXIES", "proxies", "", _networks,
             "addresses or networks of proxies, apart by commas", "172.28.0.0/16"),
    Variable("CITYHELM_OIDC_ISSUER", "oidc_issuer", "", _issuer,
             "the issuer of an OpenID Connect provider", "https://id.city.example"),
    Variable("CITYHELM_OIDC_CLIENT", "oidc_client", "", str, "the name we have at the provider", "cityhelm"),
    Variable("CITYHELM_OIDC_SECRET", "oidc_secret", "", str, "our secret at the provider", "(from the provider)"),
    Variable("CITYHELM_OIDC_CA", "oidc_ca", "", _certificates,
             "a file with the certificate of the authority that signed the provider's", "/etc/cityhelm/id.crt"),
    Variable("CITYHELM_SMTP_PASSWORD", "smtp_password", "", str, "the password at the mail server", "(from the mail server)"),
    Variable("CITYHELM_WEBHOOK_KEYS", "webhook_keys", "", _webhook_keys,
             "name:key for each webhook of the policy, apart by commas", "command:(openssl rand -hex 24)"),
    Variable("CITYHELM_OUTWARD_CA", "outward_ca", "", _certificates,
             "a file with the certificate of the authority that signed those of mail server, webhooks and feeds",
             "/etc/cityhelm/ca.crt"),
    Variable("DASK_SCHEDULER", "dask_scheduler", "", _scheduler,
             "the address of a Dask scheduler: tcp, tls or ucx, a host, a port", "tcp://10.0.0.5:8786"),
    Variable("CITYHELM_ZONE", "zone", "Asia/Shanghai", ZoneInfo,
             "a time zone of the tz database (the package tzdata brings it where the system has none)", "Asia/Shanghai"),
    Variable("CITYHELM_CONFIG", "config", "config/city.toml", Path, "the path of the policy file", "config/city.toml"),
    Variable("CITYHELM_CITY", "city", "", Path, "the directory of the built city layers", "/srv/cityhelm/city"),
    Variable("CITYHELM_LOG_LEVEL", "log_level", "info", _level, f"one of {', '.join(_LOG_LEVELS)}", "info"),
)  # fmt: skip


SECRETS = frozenset({"CITYHELM_OIDC_SECRET", "CITYHELM_SMTP_PASSWORD", "CITYHELM_WEBHOOK_KEYS"})
"""Variables of which no fault says the value."""


def without_password(text: str) -> str:
    """`text` with the password of a URL in it covered."""
    return re.sub(r"(://[^:/@]*:).*@", r"\1***@", text)


def load_settings(environ: Mapping[str, str], cwd: Path | None = None) -> Settings:
    """The settings that `environ` says; an empty variable counts as not given, relative paths start at `cwd`.

    Raises SettingsError with every fault at once. A misspelt CITYHELM_ variable is a fault; one that resembles
    none of ours is somebody else's and left alone.
    """
    cwd = cwd or Path.cwd()
    faults: list[str] = []
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        given = environ.get(variable.name, "").strip()
        text = given or variable.default
        try:
            values[variable.field] = variable.parse(text) if text else None
        except (ValueError, KeyError, OSError):
            shown = "…" if variable.name in SECRETS else without_password(text)
            faults.append(f'{variable.name} is "{shown}": expected {variable.expected}, such as {variable.example}')
    known = [variable.name for variable in VARIABLES]
    for name in sorted(environ.keys() - set(known)):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if name.startswith("CITYHELM_") and near:
            faults.append(f'{name} is "{environ[name]}" but there is no such setting: expected {near[0]}')
    if values.get("oidc_issuer") and not (values.get("url") and values.get("oidc_client")):
        issuer = values["oidc_issuer"]
        faults.append(f'CITYHELM_OIDC_ISSUER is "{issuer}": expected CITYHELM_URL and CITYHELM_OIDC_CLIENT beside it')
    if faults:
        raise SettingsError(faults)
    home = cwd / values["home"].expanduser()
    values |= {
        "home": home,
        "mosquitto": values["mosquitto"] or "",
        "url": values["url"] or "",
        "proxies": values["proxies"] or "",
        **{name: values[name] or "" for name in ("oidc_issuer", "oidc_client", "oidc_secret", "oidc_ca")},
        **{name: values[name] or "" for name in ("smtp_password", "webhook_keys", "outward_ca")},
        "mqtt_ca": values["mqtt_ca"] or "",
        "dask_scheduler": values["dask_scheduler"] or "",
        "ingest_share": values["ingest_share"] or "",
        "config": cwd / values["config"].expanduser(),
        "city": cwd / values["city"].expanduser() if values["city"] else home / "city",
    }
    return Settings(**values)
