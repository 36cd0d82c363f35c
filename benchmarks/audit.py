"""The audit: acts from several writers at once, one chain sealed behind them, and an export verified.

Acts are `storage.acts` as every act uses them: a transaction with the right, the two-person policy and the entry. They come at
the promised rate for a while, and then as fast as they can. The sealer looks once a tick, as the dispatcher does. The ceiling is
the same number of writers inserting bare rows, one a transaction, in the same run.
"""

from __future__ import annotations

import platform
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.rights import Action, Actor, Role
from runtime.audit_file import export, verify_file
from runtime.embedded_postgres import private_postgres
from storage import acts, audit
from storage.connection import Connection, connect
from storage.migrate import migrate

WRITERS = 8
PROMISES = {"acts_per_s": 1_000.0, "unsealed_tail_s": 1.0, "verify_s": 5.0}
SECONDS = 20.0
CEILING_S = 5.0
SEAL_EVERY_S = 0.25
"""How often the dispatcher looks for entries to seal (`dispatch.service`)."""
EXPORTED = 100_000
ACTOR = Actor("bench", Role.COMMANDER)


def measure() -> dict[str, Any]:
    """Runs for about a minute on a private database of its own."""
    with tempfile.TemporaryDirectory(prefix="cityhelm-bench-", dir="/var/tmp") as home:
        Path(home).chmod(0o755)  # the private service may run as another user
        with private_postgres(Path(home) / "postgres") as url:
            with connect(url) as conn:
                migrate(conn)
                conn.execute("CREATE TABLE bare (at timestamptz, said text)")
            bare = sum(_write(url, CEILING_S, _bare, rate=None)) / CEILING_S
            steady, tails = _sealed(url, rate=PROMISES["acts_per_s"])
            flat_out, flat_tails = _sealed(url, rate=None)
            with connect(url) as conn:
                while audit.seal(conn, datetime.now(UTC)):
                    pass
            verified = _verified(url, Path(home) / "audit.jsonl")
    return {
        "name": "audit", "writers": WRITERS, "seconds": SECONDS, "acts_per_s": round(steady, 1),
        "unsealed_tail_s": round(max(tails), 3), "acts_per_s_flat_out": round(flat_out, 1),
        "unsealed_tail_s_flat_out": round(max(flat_tails), 3), "bare_rows_per_s": round(bare, 1),
        "ratio_to_ceiling": round(flat_out / bare, 3), **verified, "promises": PROMISES,
        "meets": {
            "acts_per_s": steady >= 0.98 * PROMISES["acts_per_s"], "unsealed_tail_s": max(tails) <= PROMISES["unsealed_tail_s"],
            "verify_s": verified["verify_s"] <= PROMISES["verify_s"] and verified["is_one_chain"],
        },
        "machine": platform.platform(),
    }  # fmt: skip


def _sealed(url: str, *, rate: float | None) -> tuple[float, list[float]]:
    """(acts per second, ages in seconds of the oldest unsealed entry when the sealer had looked)."""
    stop, tails = threading.Event(), [0.0]

    def seal() -> None:
        with connect(url) as conn:
            while not stop.wait(SEAL_EVERY_S):
                now = datetime.now(UTC)
                oldest = conn.execute("SELECT min(acted_at) FROM audit_entry JOIN audit_unsealed USING (audit_id)").fetchone()
                audit.seal(conn, now)
                if oldest and oldest[0]:
                    tails.append((datetime.now(UTC) - oldest[0]).total_seconds())

    sealer = threading.Thread(target=seal)
    sealer.start()
    done = sum(_write(url, SECONDS, _act, rate=rate))
    stop.set()
    sealer.join()
    return done / SECONDS, tails


def _write(url: str, seconds: float, deed: Callable[[Connection, int], None], *, rate: float | None) -> list[int]:
    """How many each writer did; `rate` a second for all of them together, None: as fast as they can."""
    done = [0] * WRITERS

    def write(k: int) -> None:
        with connect(url) as conn:
            began = time.monotonic()
            while (spent := time.monotonic() - began) < seconds:
                if rate is not None and done[k] > spent * rate / WRITERS:
                    time.sleep(0.001)
                    continue
                deed(conn, done[k])
                done[k] += 1

    writers = [threading.Thread(target=write, args=(k,)) for k in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return done


def _act(conn: Connection, n: int) -> None:
    now, name = datetime.now(UTC), f"o-{n}"
    with acts.transaction(conn, ACTOR, Action.CANCEL_ORDER, name, now) as deed:
        acts.begin(conn, ACTOR, Action.CANCEL_ORDER, name, now, detail={"reason": "bench"}, deed=deed)
        deed.changed({"state": "issued"}, {"state": "cancelled"})


def _bare(conn: Connection, n: int) -> None:
    conn.execute("INSERT INTO bare VALUES (%s, %s)", (datetime.now(UTC), f"o-{n}"))


def _verified(url: str, file: Path) -> dict[str, Any]:
    """An export of at least EXPORTED entries, and how long its verifying takes."""
    with connect(url) as conn:
        row = conn.execute("SELECT count(*) FROM audit_entry").fetchone()
        missing = EXPORTED - (int(row[0]) if row else 0)
        if missing > 0:
            conn.execute(
                "WITH entry AS (INSERT INTO audit_entry (acted_at, actor, role, action, object, outcome) "
                "SELECT %s, 'bench', 'commander', 'order.cancel', 'o-' || n, 'done' FROM generate_series(1, %s) n "
                "RETURNING audit_id) INSERT INTO audit_unsealed SELECT audit_id FROM entry",
                (datetime.now(UTC), missing),
            )
            audit.seal(conn, datetime.now(UTC))
        export(conn, file, datetime.now(UTC))
    began = time.perf_counter()
    verdict = verify_file(file)
    spent = time.perf_counter() - began
    is_one_chain = verdict.fault is None and not verdict.unsealed
    return {"entries": verdict.sealed, "verify_s": round(spent, 2), "is_one_chain": is_one_chain}
