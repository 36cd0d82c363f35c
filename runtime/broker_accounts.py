"""Accounts of the broker: who may say and hear what, as Mosquitto's password file and access list.

A list (CSV: `account,device`, a line for each device) says which account speaks for which device; a gateway carries several, and
a `+` stands for any name on a level of a device's id. An account may write the topics of its devices and hear the commands to
them, nothing else. Passwords are made here, kept as hashes, and shown once.

    <out>/accounts            the password file
          acl                 the access list
          new_passwords.csv   account,password of those that are new: to be carried to the devices, then deleted
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import io
import os
import re
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from iot.topics import LONGEST_LEVEL, PREFIX, PROBE_TOPIC

SAID = ("telemetry", "birth", "state", "event", "ack")
HEARD = ("cmd",)

SERVICES: Mapping[str, Sequence[str]] = {
    "ingest": (f"read {PREFIX}/#", f"readwrite {PROBE_TOPIC}/#", "read $SYS/broker/uptime"),
    "dispatcher": (f"write {PREFIX}/+/+/+/+/cmd",),
    "notifier": (f"write {PREFIX}/+/warning/+/+/warning",),
    "simulator": (f"readwrite {PREFIX}/#", "readwrite sim/v1/#"),
}
"""Our own processes: the ingester only listens (but for the doctor's trial), the dispatcher only commands, the notifier only says
what is published; the simulator plays all devices of a demonstration and hears of its scenarios. deploy/mosquitto/acl says
the same."""

_COLUMNS = ["account", "device"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LEVEL = re.compile(rf"\+|[^+#/\s]{{1,{LONGEST_LEVEL}}}")


class AccountsError(Exception):
    """The list is wrong. `faults` holds one sentence for each line that is; the message is all of them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: the names of accounts that are new (or renewed), as they were, and gone."""

    new: tuple[str, ...]
    kept: tuple[str, ...]
    gone: tuple[str, ...]


def read_list(path: Path) -> dict[str, list[str]]:
    """Account → the ids of its devices, in the order of the list. Raises AccountsError with every fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise AccountsError([f"{path} cannot be read ({fault}): expected a CSV file with the columns account,device"]) from None
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or [cell.strip() for cell in rows[0]] != _COLUMNS:
        raise AccountsError([f"{path}:1: the columns are {','.join(rows[0]) if rows else 'missing'}: expected account,device"])
    devices_of: dict[str, list[str]] = {}
    owner_of: dict[str, str] = {}
    faults: list[str] = []
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if wrong := _fault(cells) or _second_owner(cells, owner_of):
            faults.append(f"{path}:{number}: {wrong}")
            continue
        account, device = cells
        owner_of[device] = account
        devices_of.setdefault(account, []).append(device)
    faults += [f"{path}: {trespass}" for trespass in _trespasses(owner_of)]
    if faults:
        raise AccountsError(faults)
    return devices_of


def access_list(devices_of: Mapping[str, Iterable[str]], *, services: bool) -> str:
    """The access list of accounts and their devices (ids, `+` for any name on a level)."""
    blocks = []
    for name, rights in SERVICES.items() if services else ():
        blocks.append([f"user {name}", *(f"topic {right}" for right in rights)])
    for account, devices in devices_of.items():
        lines = [f"user {account}"]
        for device in devices:
            lines += [f"topic write {PREFIX}/{device}/{kind}" for kind in SAID]
            lines += [f"topic read {PREFIX}/{device}/{kind}" for kind in HEARD]
        blocks.append(lines)
    return "\n".join("\n".join((*lines, "")) for lines in blocks)


def write_accounts(
    devices_of: Mapping[str, Iterable[str]], out: Path, *, services: bool = False, renew: Collection[str] = ()
) -> Made:
    """Writes the files, each whole or not at all and readable for us alone. Accounts that `out` has keep their passwords, except
    those of `renew`; accounts that are not named any more are gone. Raises AccountsError when there is none to renew, OSError."""
    names = [*(SERVICES if services else ()), *devices_of]
    if unknown := sorted(set(renew) - set(names)):
        raise AccountsError([f"--renew {name}: there is no such account; expected one of the list" for name in unknown])
    known = _hashes(out / "accounts")
    kept = tuple(name for name in names if name in known and name not in renew)
    passwords = {name: secrets.token_urlsafe(24) for name in names if name not in kept}
    hashes = {name: known[name] if name in kept else mosquitto_hash(passwords[name], secrets.token_bytes(12)) for name in names}
    out.mkdir(parents=True, exist_ok=True)
    told = io.StringIO()
    csv.writer(told, lineterminator="\n").writerows([("account", "password"), *passwords.items()])
    # The passwords first: a hash without its password is of no use to anybody.
    if passwords:
        _write(out / "new_passwords.csv", told.getvalue())
    _write(out / "acl", access_list(devices_of, services=services))
    _write(out / "accounts", "".join(f"{name}:{hashed}\n" for name, hashed in hashes.items()))
    return Made(tuple(passwords), kept, tuple(sorted(known.keys() - set(names))))


def mosquitto_hash(password: str, salt: bytes) -> str:
    """`password` as a mosquitto password file has it: `$7$iterations$salt$hash`, PBKDF2 with SHA-512.

    101 iterations and 12 bytes of salt are what mosquitto_passwd 2.0 writes; 2.1 reads them too. Few, but what is
    hashed here is 192 random bits. Source: libcommon/password_common.c of Eclipse Mosquitto.
    """
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return "$".join(("", "7", "101", base64.b64encode(salt).decode(), base64.b64encode(digest).decode()))


def _fault(cells: list[str]) -> str | None:
    if len(cells) != len(_COLUMNS):
        return f"there are {len(cells)} columns: expected account,device"
    account, device = cells
    if not _NAME.fullmatch(account):
        return f"the account is '{account}': expected up to 64 letters, digits, dots, hyphens and underscores, such as gw-990101"
    if account in SERVICES:
        return f"the account is '{account}', which is one of CityHelm's own: expected another name"
    levels = device.split("/")
    if len(levels) != 4 or not all(_LEVEL.fullmatch(level) for level in levels):
        return f"the device is '{device}': expected district/domain/site/device, such as 990101/air/s1/a1, or + for any name"
    return None


def _second_owner(cells: list[str], owner_of: Mapping[str, str]) -> str | None:
    account, device = cells
    if device not in owner_of:
        return None
    return f"{device} is given to '{account}' and to '{owner_of[device]}': expected one account for each device"


def _trespasses(owner_of: Mapping[str, str]) -> list[str]:
    """Devices that an account of their own has, and another's pattern as well."""
    patterns = [(device.split("/"), device, owner) for device, owner in owner_of.items() if "+" in device.split("/")]
    return [
        f"{device} of '{owner}' is also covered by {pattern} of '{other}': expected one account for each device"
        for device, owner in owner_of.items()
        for levels, pattern, other in patterns
        if other != owner and all(a in ("+", b) for a, b in zip(levels, device.split("/"), strict=True))
    ]


def _hashes(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: hashed for name, _, hashed in pairs if hashed}


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.unfinished")
    with contextlib.suppress(FileNotFoundError):
        unfinished.unlink()
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def summarise(made: Made, out: Path) -> list[str]:
    """What was done and what is to be done now, in sentences."""
    counted = Counter(new=len(made.new), kept=len(made.kept), gone=len(made.gone))
    said = [f"{counted['new']} accounts are new, {counted['kept']} as they were, {counted['gone']} gone; the files are in {out}"]
    if made.new:
        said.append(
            f"The passwords of the new ones are in {out / 'new_passwords.csv'}: carry them to the devices, then delete it"
        )
    said.append("The broker learns of it when it reads its files again: docker compose restart broker, or a SIGHUP to Mosquitto")
    return said
