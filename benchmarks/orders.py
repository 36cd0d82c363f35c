"""Orders: units sent by several officers at once, each order one transaction with its right, its audit entry, what the planner
said of it and the command to the unit; the audit sealed behind them.

First at the promised rate, then as fast as they can. A recommendation with forty incidents holds: some orders follow it, the
others say why not. The ceiling is the same number of writers inserting bare rows, one a transaction, in the same run.
"""

from __future__ import annotations

import platform
import tempfile
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dispatch.orders import issue
from domain.batches import Batch
from domain.incidents import Grade, IncidentReport
from domain.observations import DeviceBirth
from domain.rights import Actor, Role
from domain.units import UnitPosition, UnitStatusReport
from runtime.audit_file import export, verify_file
from runtime.embedded_postgres import private_postgres
from storage import audit, proposals
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.migrate import migrate
from storage.proposals import Recommendation

WRITERS = 8
PROMISES = {"orders_per_min": 1_000.0, "p95_ms": 500.0}
SECONDS, FLAT_OUT_S, CEILING_S = 30.0, 10.0, 3.0
UNITS, INCIDENTS = 6_000, 40
NAMED = 10
"""Units that the recommendation names for each incident."""
ACTOR = Actor("bench", Role.COMMANDER)
ZONE = ZoneInfo("Asia/Shanghai")


def measure() -> dict[str, Any]:
    """Runs for about a minute and a half on a private database of its own."""
    with tempfile.TemporaryDirectory(prefix="cityhelm-bench-", dir="/var/tmp") as home:
        Path(home).chmod(0o755)  # the private service may run as another user
        with private_postgres(Path(home) / "postgres") as url:
            with connect(url) as conn:
                migrate(conn)
                _furnish(conn, datetime.now(UTC))
                conn.execute("CREATE TABLE bare (at timestamptz, said text)")
            free = deque(range(UNITS))
            bare = _written(url, deque(range(1_000_000)), CEILING_S, None, _bare)
            steady = _written(url, free, SECONDS, PROMISES["orders_per_min"] / 60, _ordered)
            flat_out = _written(url, free, FLAT_OUT_S, None, _ordered)
            with connect(url) as conn:
                while audit.seal(conn, datetime.now(UTC)):
                    pass
                kept = _kept(conn)
                export(conn, Path(home) / "audit.jsonl", datetime.now(UTC))
            verdict = verify_file(Path(home) / "audit.jsonl")
    n = len(steady) + len(flat_out)
    per_min = 60 * len(steady) / SECONDS
    p95_ms = 1000 * float(np.quantile(steady, 0.95))
    is_whole = set(kept.values()) == {n} and verdict.fault is None and not verdict.unsealed
    return {
        "name": "orders", "writers": WRITERS, "orders": n, "orders_per_min": round(per_min, 1),
        "p50_ms": round(1000 * float(np.median(steady)), 1), "p95_ms": round(p95_ms, 1),
        "orders_per_min_flat_out": round(60 * len(flat_out) / FLAT_OUT_S), "bare_rows_per_s": round(len(bare) / CEILING_S),
        "ratio_to_ceiling": round(len(flat_out) / FLAT_OUT_S / (len(bare) / CEILING_S), 3), **kept, "is_one_chain": is_whole,
        "promises": PROMISES,
        "meets": {
            "orders_per_min": per_min >= 0.98 * PROMISES["orders_per_min"] and is_whole, "p95_ms": p95_ms <= PROMISES["p95_ms"],
        },
        "machine": platform.platform(),
    }  # fmt: skip


def _kept(conn: Connection) -> dict[str, int]:
    """How many orders, commands, entries and open statuses there are: one of each for every order."""
    questions = {
        "stored": "SELECT count(*) FROM dispatch_order WHERE recommendation_id = 'p-bench'",
        "commands": "SELECT count(*) FROM outbox",
        "audited": "SELECT count(*) FROM audit_entry WHERE action = 'order.issue' AND outcome = 'done'",
        "dispatched": "SELECT count(*) FROM unit_status WHERE status = 'dispatched'",
    }
    return {name: int((conn.execute(question).fetchone() or (0,))[0]) for name, question in questions.items()}


def _furnish(conn: Connection, now: datetime) -> None:
    """Free units, open incidents, and a recommendation of the usual size."""
    then, ingestion = now - timedelta(minutes=5), Ingestion(conn)
    batch = Batch()
    for k in range(UNITS):
        said = (("kind", "ambulance"), ("name_zh", f"救护{k}"), ("name_en", f"A{k}"), ("capabilities", "ambulance"))
        device = _device(k)
        batch.add(DeviceBirth(device, then, then, "Vehicle", 113.2, 23.1, "EPSG:4326", 30.0, "periodic", (), None, said))
        batch.add(UnitStatusReport(f"u{k}", device, then, then, "available", None))
        batch.add(UnitPosition(f"u{k}", device, then, then, 113.2, 23.1, "EPSG:4326", 0.0, 0.0))
    for k in range(INCIDENTS):
        desk = "440106/incident/120/desk"
        batch.add(IncidentReport(f"i{k}", desk, then, then, "medical", Grade.IV, 113.25, 23.12, "EPSG:4326", "120"))
    ingestion.register(batch, now)
    ingestion.write(batch)
    eta = {"s": 240, "low_s": 180, "high_s": 360, "basis": "roads"}
    lost = {"before": 0.96, "after": 0.95, "district": "440106"}

    def row(k: int) -> dict[str, Any]:
        return {"rank": 1 + k // INCIDENTS, "unit": f"u{k}", "eta": eta, "coverage": lost}

    entries = [
        {"incident": f"i{n}", "proposals": [row(k) for k in range(n, NAMED * INCIDENTS, INCIDENTS)], "others": []}
        for n in range(INCIDENTS)
    ]
    content = {"binds_s": 3_600, "incidents": entries}
    proposals.write_recommendation(conn, Recommendation("p-bench", now, "roads", 0.0, content))


def _device(k: int) -> str:
    return f"440106/unit/station/u{k}"


def _written(url: str, free: deque[int], seconds: float, rate: float | None, deed: Any) -> list[float]:
    """How long each took; `rate` a second for all writers together, None: as fast as they can."""
    taken: list[float] = []
    begin = threading.Barrier(WRITERS)

    def write() -> None:
        with connect(url) as conn:
            begin.wait()
            began, done = time.monotonic(), 0
            while (spent := time.monotonic() - began) < seconds:
                if rate is not None and done > spent * rate / WRITERS:
                    time.sleep(0.001)
                    continue
                at = time.perf_counter()
                deed(conn, free.popleft())
                taken.append(time.perf_counter() - at)
                done += 1

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return taken


def _ordered(conn: Connection, k: int) -> None:
    now = datetime.now(UTC)
    issue(conn, f"i{k % INCIDENTS}", f"u{k}", ACTOR, now, zone=ZONE, order_expiry_s=120, proposal="p-bench", reason="bench")


def _bare(conn: Connection, k: int) -> None:
    conn.execute("INSERT INTO bare VALUES (%s, %s)", (datetime.now(UTC), f"o-{k}"))
