"""The audit as a file: it says what the log says, and whoever changes a byte of it is found out without a database."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from runtime.anchors import BadAnchor, note_anchor, read_anchors
from runtime.audit_file import UnusableFile, export, verify_file
from storage import audit
from storage.connection import Connection
from tests.runtime.test_cli import Ask, ask  # noqa: F401 - a fixture
from tests.support.scenes import COMMANDER, NOW


@pytest.fixture
def exported(conn: Connection, tmp_path: Path) -> Path:
    """Four entries: three sealed, one not yet."""
    for name in ("o-1", "o-2", "o-3"):
        audit.append(conn, COMMANDER, "order.issue", name, outcome="done", now=NOW, detail={"n": 1.5, "unit": "急救1车"})
    audit.seal(conn, NOW)
    audit.append(conn, COMMANDER, "order.cancel", "o-3", outcome="done", now=NOW)
    file = tmp_path / "audit.jsonl"
    export(conn, file, NOW)
    return file


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def rewritten(file: Path, change: Callable[[list[dict[str, Any]]], object]) -> Path:
    lines = lines_of(file)
    change(lines)
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return file


def test_what_was_exported_holds_and_names_the_tail_that_is_not_sealed(exported: Path, conn: Connection) -> None:
    verdict = verify_file(exported)
    assert (verdict.sealed, verdict.unsealed, verdict.fault) == (3, 1, None)
    assert verdict.first_unsealed == "entry 4 (2026-03-02T01:00:00+00:00, order.cancel of o-3 by li)"
    assert conn.execute("SELECT hash FROM audit_chain ORDER BY seq DESC LIMIT 1").fetchone() == (verdict.head,)
    assert list(exported.parent.iterdir()) == [exported], "nothing half-written is left"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda lines: lines[2].update(object="o-9"), r"entry 2 \(.*\) has the hash \w+: expected \w+, that of what it says"),
        (lambda lines: lines[2]["detail"].update(n=2), r"entry 2 \(.*\) has the hash \w+: expected \w+, that of what it says"),
        (lambda lines: lines.pop(2), r"entry 3 \(.*\) has seal 3: expected 2 there; entries are missing"),
        (
            lambda lines: lines[2]["seal"].update(prev_hash="0" * 64),
            r"entry 2 \(.*\) is bound to 0+: expected \w+, the hash before",
        ),
        (lambda lines: lines.insert(1, lines.pop(2)), r"entry 2 \(.*\) has seal 2: expected 1 there"),
        (lambda lines: lines.insert(1, lines.pop(4)), r"entry 1 \(.*\) has seal 1: expected 1 there; .* out of order"),
    ],
    ids=["an object", "a detail", "left out", "bound elsewhere", "changed places", "the tail first"],
)
def test_the_first_entry_that_does_not_fit_is_named(exported: Path, change: Callable[..., object], fault: str) -> None:
    verdict = verify_file(rewritten(exported, change))
    assert verdict.fault is not None
    assert re.match(fault, verdict.fault), verdict.fault


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda file: rewritten(file, lambda lines: lines.pop()), "ends after 4 entries without the line that says so"),
        (lambda file: rewritten(file, lambda lines: lines.pop(-2)), "ends after 3 entries without the line that says so"),
        (lambda file: file.write_text("series,timestamp\n"), "line 1: this is no JSON"),
        (lambda file: file.write_text('{"a": 1}\n'), "does not begin as an audit of form 2"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "it is no UTF-8"),
        (lambda file: file.unlink(), "cannot be read (No such file or directory)"),
        (lambda file: rewritten(file, lambda lines: lines[1].pop("actor")), "line 2: this is no entry of the audit"),
    ],
)
def test_what_is_no_whole_export_is_told_in_a_sentence(exported: Path, spoil: Callable[[Path], object], sentence: str) -> None:
    spoil(exported)
    with pytest.raises(UnusableFile) as told:
        verify_file(exported)
    assert sentence in str(told.value)


def test_a_log_that_was_changed_in_the_database_is_exported_whole_and_said_to_be_broken(conn: Connection, exported: Path) -> None:
    conn.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
    conn.execute("UPDATE audit_entry SET actor = 'wang' WHERE audit_id = 1")
    verdict = export(conn, exported, NOW)
    assert verdict.fault is not None
    assert len(lines_of(exported)) == 6
    assert verify_file(exported).fault == verdict.fault


def test_the_command_exports_and_verifies_without_a_database(conn: Connection, exported: Path, ask: Ask) -> None:  # noqa: F811
    code, said, _ = ask("audit", "export", str(exported), "--json")
    assert (code, json.loads(said.splitlines()[-1])["sealed"]) == (0, 3)
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    code, said, _ = ask("audit", "verify", str(exported), **nowhere)
    assert code == 0
    assert "3 entries are sealed and hold" in said
    assert "entry 4" in said
    code, said, fault = ask("audit", "verify", str(rewritten(exported, lambda lines: lines[1].update(actor="wang"))), **nowhere)
    assert code == 1
    assert "entry 1 " in said + fault
    assert ask("audit", "verify", str(exported.parent / "none.jsonl"), **nowhere)[0] == 2


def test_a_byte_that_is_changed_anywhere_is_found(exported: Path) -> None:
    """Every byte of the file, also of what no seal covers: when it was sealed, when it was exported, a blank."""
    whole = exported.read_bytes()
    missed = []
    for at in range(len(whole)):
        exported.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            verdict = verify_file(exported)
        except UnusableFile:
            continue
        if verdict.fault is None:
            missed.append((at, whole[max(0, at - 20) : at + 5]))
    assert missed == []


@pytest.mark.long
def test_of_a_hundred_thousand_entries_the_changed_one_is_named_in_seconds(conn: Connection, tmp_path: Path) -> None:
    conn.execute(
        "WITH entry AS (INSERT INTO audit_entry (acted_at, actor, role, action, object, outcome) SELECT %s, 'li', 'commander', "
        "'order.issue', 'o-' || n, 'done' FROM generate_series(1, 100000) n RETURNING audit_id) "
        "INSERT INTO audit_unsealed SELECT audit_id FROM entry",
        (NOW,),
    )
    assert audit.seal(conn, NOW) == 100_000
    file = tmp_path / "audit.jsonl"
    export(conn, file, NOW)
    began = time.process_time()
    assert verify_file(file).fault is None
    assert time.process_time() - began <= 5
    whole = file.read_bytes()
    at = whole.index(b'"o-77777"') + 3
    file.write_bytes(whole[:at] + b"8" + whole[at + 1 :])
    verdict = verify_file(file)
    assert verdict.sealed == 77_776
    assert verdict.fault is not None
    assert "entry 77777 " in verdict.fault


def test_the_hashed_text_is_the_entry_s_json_with_sorted_keys(exported: Path, conn: Connection) -> None:
    for entry in audit.list_entries(conn):
        fields = {**asdict(entry), "acted_at": entry.acted_at.isoformat(timespec="microseconds")}
        assert audit.canonical(entry) == json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_the_anchor_of_a_day_is_written_once_and_a_chain_that_was_made_anew_misses_it(
    exported: Path, conn: Connection, tmp_path: Path
) -> None:
    anchors = tmp_path / "anchors"
    shanghai = ZoneInfo("Asia/Shanghai")
    first = note_anchor(conn, anchors, NOW, shanghai)
    assert first is not None
    assert first.name == "audit-2026-03-02.json"
    assert note_anchor(conn, anchors, NOW, shanghai) is None
    assert verify_file(exported, read_anchors(anchors)).fault is None
    ((seq, (digest, name)),) = read_anchors(anchors).items()
    assert (seq, digest) == (3, verify_file(exported).head)
    forged = verify_file(exported, {3: ("f" * 64, name)})
    assert "made anew" in (forged.fault or "")
    shorter = verify_file(exported, {9: (digest, name)})
    assert "taken away" in (shorter.fault or "")
    (anchors / "audit-x.json").write_text("{}")
    with pytest.raises(BadAnchor, match="is no anchor"):
        read_anchors(anchors)
