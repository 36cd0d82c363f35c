"""Back-fill: a data file stored through the same parsing and judging as live messages. Started again it goes on where it
stopped, because what is stored already is found to be a duplicate and rows already read are skipped by their number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from domain.batches import Batch, BatchCounts
from domain.observations import DeviceBirth
from ingest.parse import parse
from ingest.service import store_batch
from iot.mapping import Says, load_mapping
from iot.recording import read_recording
from iot.replay import iter_import
from runtime.progress import Progress
from storage import backfills
from storage.connection import connect
from storage.ingestion import Ingestion
from storage.migrate import require_current_schema

BATCH_REPORTS = 20_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of what the rows say in this run. Devices, which are announced anew every time, are counted by themselves."""

    says: Says
    counts: BatchCounts
    devices: int


def backfill(mapping_path: Path, file: Path, database_url: str) -> ImportReport:
    """Stores `file` as `mapping_path` says. Raises UnusableInput, DatabaseUnreachable."""
    mapping = load_mapping(mapping_path)
    total = len(read_recording(mapping, file))
    counts, devices = BatchCounts(), 0
    with connect(database_url) as conn, Progress(f"Importing {file.name}") as progress:
        require_current_schema(conn)
        progress.reach(0.0)
        ingestion = Ingestion(conn)
        name = _name(mapping_path, file)
        _, row = backfills.begin(conn, name, datetime.now(UTC))
        batch = Batch()
        for row, topic, payload in iter_import(mapping, file, from_row=row):  # noqa: B020 - it goes on from there
            for report in parse(topic, payload, datetime.now(UTC)):
                batch.add(report)
                devices += isinstance(report, DeviceBirth)
            if len(batch) >= BATCH_REPORTS:
                counts = counts + store_batch(ingestion, batch, datetime.now(UTC))
                backfills.note_rows(conn, name, row)
                batch = Batch()
                progress.reach(row / max(total, 1))
        counts = counts + store_batch(ingestion, batch, datetime.now(UTC))
        backfills.note_rows(conn, name, row)
        progress.reach(1.0)
    counts = replace(counts, received=counts.received - devices, stored=counts.stored - devices)
    return ImportReport(mapping.says, counts, devices)


def _name(mapping_path: Path, file: Path) -> str:
    """What tells one back-fill from another: the mapping's contents, the file's path and size."""
    return hashlib.sha256(mapping_path.read_bytes() + f"{file.resolve()} {file.stat().st_size}".encode()).hexdigest()[:32]
