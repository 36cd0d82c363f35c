"""The audit as a file: written from the database, verified anywhere by anybody, without one.

Every line is one JSON object in UTF-8. The first says what the file is (`cityhelm_audit`, the version of this form), the last
what it holds (`entries`, `unsealed`, and `head`, the hash of the last seal), so that a file cut short is known. Between them
stand the entries with the fields of `storage.audit.AuditEntry`, each with its `seal` (`seq`, `prev_hash`, `hash`, `sealed_at`):
the chain in its order, then the tail that the sealer had not come to, whose `seal` is null. A hash is the SHA-256 of `prev_hash`
and the entry's canonical JSON, as `storage/audit.py` has it.

A line ends with its `sum`, the first 16 digits of the SHA-256 of the sum before it and of the line without its own: a byte that
changed anywhere, also outside of what is hashed, is found in its line.

A chain proves that nothing before its head was changed, left out or put in. Whoever may rewrite all of it can make another one:
compare with the anchors of each day (`runtime/anchors.py`), which were noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from storage.audit import GENESIS, AuditEntry, Seal, entry_hash, iter_chain
from storage.connection import Connection, one_view

FORM = 2
Link = tuple[AuditEntry, Seal | None]
_KIND = "cityhelm_audit"
_EXPECTED = "expected a file that `cityhelm audit export` has written"


class UnusableFile(Exception):  # noqa: N818 - said of what we were given
    """The file is no export of the audit, or cannot be read or written. The message is the sentence to show."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a chain is found to be: how many entries are sealed and hold, the hash of the last of them, how many wait for their
    seal and which is the first, and the first fault in a sentence (None: there is none)."""

    sealed: int
    head: str
    unsealed: int
    first_unsealed: str | None
    fault: str | None = None


def verify(links: Iterable[Link], anchors: Mapping[int, tuple[str, str]] | None = None) -> Verdict:
    """Follows a chain to its end or to the first entry that does not fit it, or an anchor: number of a seal → (hash, name)."""
    sealed, head, unsealed, first_unsealed = 0, GENESIS, 0, None
    awaited = dict(anchors or {})
    for entry, seal in links:
        if seal is None:
            first_unsealed = first_unsealed or _named(entry)
            unsealed += 1
            continue
        if fault := _fault(entry, seal, sealed, head, is_after_tail=unsealed > 0):
            return Verdict(sealed, head, unsealed, first_unsealed, fault)
        noted, name = awaited.pop(seal.seq, (seal.hash, ""))
        if noted != seal.hash:
            fault = f"{_named(entry)} has the hash {seal.hash}, but the anchor {name} noted {noted}: the chain was made anew"
            return Verdict(sealed, head, unsealed, first_unsealed, fault)
        sealed, head = sealed + 1, seal.hash
    if awaited:
        seq, (_, name) = min(awaited.items())
        fault = f"the chain ends with seal {sealed}, but the anchor {name} noted seal {seq}: entries were taken away"
        return Verdict(sealed, head, unsealed, first_unsealed, fault)
    return Verdict(sealed, head, unsealed, first_unsealed)


def _fault(entry: AuditEntry, seal: Seal, sealed: int, head: str, *, is_after_tail: bool) -> str | None:
    if is_after_tail or seal.seq != sealed + 1:
        return f"{_named(entry)} has seal {seal.seq}: expected {sealed + 1} there; entries are missing, put in or out of order"
    if seal.prev_hash != head:
        return (
            f"{_named(entry)} is bound to {seal.prev_hash}: expected {head}, the hash before it; something was put in or changed"
        )
    if seal.hash != (expected := entry_hash(entry, head)):
        return f"{_named(entry)} has the hash {seal.hash}: expected {expected}, that of what it says; it was changed"
    return None


def _named(entry: AuditEntry) -> str:
    return f"entry {entry.audit_id} ({entry.acted_at.isoformat()}, {entry.action} of {entry.object} by {entry.actor})"


def export(conn: Connection, file: Path, now: datetime) -> Verdict:
    """Writes the whole log to `file`, all of it or nothing; returns what it finds the chain to be. Raises UnusableFile."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with one_view(conn), unfinished.open("w", encoding="utf-8") as out:
            sums = _Sums()

            def write(said: object) -> None:
                body = json.dumps(said, ensure_ascii=False, default=datetime.isoformat)
                print(f'{body[:-1]}, "sum": "{sums.next(body)}"}}', file=out)

            write({_KIND: FORM, "exported_at": now})
            written = _Counted(iter_chain(conn), lambda entry, seal: write({**asdict(entry), "seal": seal and asdict(seal)}))
            verdict = verify(written)
            for _ in written:  # what lies behind a fault belongs into the file as well
                pass
            write({"entries": written.n, "unsealed": written.n_unsealed, "head": written.head})
        unfinished.replace(file)
    except OSError as fault:
        raise UnusableFile(f"{file} cannot be written ({fault.strerror}): expected a place that this user may write") from fault
    finally:
        unfinished.unlink(missing_ok=True)
    return verdict


class _Counted:
    """Links, told to somebody and counted as they go by."""

    def __init__(self, links: Iterator[Link], tell: Callable[[AuditEntry, Seal | None], None]) -> None:
        self._links, self._tell = links, tell
        self.n, self.n_unsealed, self.head = 0, 0, GENESIS

    def __iter__(self) -> Iterator[Link]:
        for entry, seal in self._links:
            self._tell(entry, seal)
            self.n, self.n_unsealed, self.head = self.n + 1, self.n_unsealed + (seal is None), seal.hash if seal else self.head
            yield entry, seal


class _Sums:
    """The running sums of the lines of a file, and the first line that does not have its own."""

    _MARK = ', "sum": "'

    def __init__(self) -> None:
        self._last = ""
        self.wrong: int | None = None

    def next(self, body: str) -> str:
        self._last = hashlib.sha256(f"{self._last}{body}".encode()).hexdigest()[:16]
        return self._last

    def check(self, n: int, line: str) -> None:
        body, _, rest = line.rpartition(self._MARK)
        if self.wrong is None and rest != f'{self.next(body + "}")}"}}\n':
            self.wrong = n


def verify_file(file: Path, anchors: Mapping[int, tuple[str, str]] | None = None) -> Verdict:
    """What the chain in an exported file is found to be, and whether it goes through the anchors. Raises UnusableFile for what is
    none."""
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            sums = _Sums()
            objects = (_object(file, n, line, sums) for n, line in enumerate(lines, 1))
            if next(objects, {}).get(_KIND) != FORM:
                raise UnusableFile(f"{file} does not begin as an audit of form {FORM}: {_EXPECTED}")
            trailer: dict[str, Any] = {}
            written = _Counted(_links(file, objects, trailer), lambda *_: None)
            verdict = verify(written, anchors)
            if verdict.fault is None and trailer != {"entries": written.n, "unsealed": written.n_unsealed, "head": written.head}:
                raise UnusableFile(
                    f"{file} ends after {written.n} entries without the line that says so: expected a whole file; it was cut "
                    "short, or its end was changed"
                )
            if verdict.fault is None and sums.wrong is not None:
                what = f"entry {sums.wrong - 1} of the file" if 1 < sums.wrong <= written.n + 1 else "its first or its last line"
                fault = f"line {sums.wrong}, {what}, does not have the sum it says: a byte was changed outside of the chain"
                return replace(verdict, fault=fault)
            return verdict
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no UTF-8"
        raise UnusableFile(f"{file} cannot be read ({why}): {_EXPECTED}") from fault


def _links(file: Path, objects: Iterator[dict[str, Any]], trailer: dict[str, Any]) -> Iterator[Link]:
    for n, said in enumerate(objects, 2):
        if "head" in said:
            trailer.update(said)
            continue
        trailer.clear()
        try:
            seal = said.pop("seal")
            said["acted_at"] = datetime.fromisoformat(said["acted_at"])
            if seal:
                seal["sealed_at"] = datetime.fromisoformat(seal["sealed_at"])
            yield AuditEntry(**said), Seal(**seal) if seal else None
        except (KeyError, TypeError, ValueError) as fault:
            raise UnusableFile(f"{file}, line {n}: this is no entry of the audit ({fault}): {_EXPECTED}") from fault


def _object(file: Path, n: int, line: str, sums: _Sums) -> dict[str, Any]:
    sums.check(n, line)
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as fault:
        raise UnusableFile(f"{file}, line {n}: this is no JSON ({fault.msg}): {_EXPECTED}") from fault
    if not isinstance(said, dict):
        raise UnusableFile(f"{file}, line {n}: this is no JSON object: {_EXPECTED}")
    said.pop("sum", None)
    return said
