"""Back-fill: a data file stored through the same parsing and judging as live messages. Started again it goes on where it
stopped, because what is stored already is found to be a duplicate and rows already read are skipped by their number.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path

from iot.mapping import count_rows, load_mapping
from iot.replay import iter_import

from domain.batches import Batch, BatchCounts
from ingest.parse import parse
from ingest.service import store_batch
from runtime.progress import Progress
from storage import backfills
from storage.connection import connect
from storage.ingestion import Ingestion
from storage.migrate import require_current_schema

BATCH_REPORTS = 20_000


def backfill(mapping_path: Path, file: Path, database_url: str) -> BatchCounts:
    """Stores `file` as `mapping_path` says; returns what became of the readings of this run."""
    mapping = load_mapping(mapping_path)
    total = count_rows(mapping, file)
    name = hashlib.sha256(
        mapping_path.read_bytes() + str(file.resolve()).encode() + str(file.stat().st_size).encode()
    ).hexdigest()[:32]
    counts = BatchCounts()
    with connect(database_url) as conn, Progress(f"Importing {file.name}", total, sys.stderr) as progress:
        require_current_schema(conn)
        ingestion = Ingestion(conn)
        batch = Batch()
        row_number = from_row = backfills.rows_done(conn, name)
        for row_number, topic, payload in iter_import(mapping, file, from_row=from_row):
            for report in parse(topic, payload, datetime.now(UTC)):
                batch.add(report)
            if len(batch) >= BATCH_REPORTS:
                counts = counts + store_batch(ingestion, batch, datetime.now(UTC))
                backfills.note_rows(conn, name, row_number, datetime.now(UTC))
                batch = Batch()
                progress.reach(row_number)
        counts = counts + store_batch(ingestion, batch, datetime.now(UTC))
        backfills.note_rows(conn, name, row_number, datetime.now(UTC))
    return counts
