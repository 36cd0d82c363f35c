"""Partitions: one table a day for the tables that grow with time, on plain PostgreSQL. TimescaleDB makes its own chunks.

Days are UTC days. A partition is made when the first row of its day arrives; retention drops whole days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from psycopg import errors, sql

from storage.connection import Connection
from storage.migrate import recorded_flavour

PARTITIONED = {
    "observation": "phenomenon_time",
    "raw_field": "phenomenon_time",
    "hall_event": "phenomenon_time",
    "unit_position": "phenomenon_time",
    "forecast": "issued_at",
}
_LOCK = 7_205_002


class DayPartitions:
    """The days for which each table has a partition, as far as this process knows.

    One object a connection owner; `ensure` is a set look-up once a day exists.
    """

    def __init__(self, conn: Connection) -> None:
        self._is_plain = recorded_flavour(conn) == "plain"
        self._known: set[tuple[str, date]] = set()

    def ensure(self, conn: Connection, table: str, days: Iterable[date]) -> None:
        """Makes the missing partitions of `table` for UTC days, in a transaction of its own.

        A partition is built aside and attached, which does not stop others from writing to the parent.
        """
        if not self._is_plain:
            return
        for day in sorted({day for day in days if (table, day) not in self._known}):
            _attach_day(conn, table, day)
            self._known.add((table, day))


def days_of(times: Iterable[datetime]) -> Iterator[date]:
    """UTC days of times."""
    return (time.astimezone(UTC).date() for time in times)


def _attach_day(conn: Connection, table: str, day: date) -> None:
    name = f"{table}_{day:%Y%m%d}"
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if conn.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
            return
        conn.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(
                sql.Identifier(name), sql.Identifier(table)
            )
        )
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        conn.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(table),
                sql.Identifier(name),
                sql.Literal(start.isoformat()),
                sql.Literal((start + timedelta(days=1)).isoformat()),
            )
        )


def drop_before(conn: Connection, table: str, oldest_kept: datetime) -> list[str]:
    """Drops the whole days (chunks) of `table` that ended, and whose every row was received, before `oldest_kept`; returns
    their names. So an import of old data is kept as long as any other.

    A day that somebody else is reading (a backup, for example) is left for the next time.
    """
    arrival = "issued_at" if table == "forecast" else "received_time"
    dropped = []
    for name, start, end in list_days(conn, table):
        if end > oldest_kept:
            continue
        newest = sql.SQL("SELECT FROM {} WHERE {} >= %s LIMIT 1").format(sql.SQL(name), sql.Identifier(arrival))
        if conn.execute(newest, (oldest_kept,)).fetchone() is not None:
            continue
        try:
            with conn.transaction():
                conn.execute("SET LOCAL lock_timeout = '200ms'")
                if recorded_flavour(conn) == "timescale":
                    conn.execute("SELECT drop_chunks(%s::regclass, older_than => %s, newer_than => %s)", (table, end, start))
                else:
                    conn.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(name)))
        except errors.LockNotAvailable:
            continue
        dropped.append(name)
    return dropped


def list_days(conn: Connection, table: str) -> list[tuple[str, datetime, datetime]]:
    """Partitions or chunks of `table`: quoted name, start, end; oldest first."""
    if recorded_flavour(conn) == "timescale":
        rows = conn.execute(
            "SELECT format('%%I.%%I', chunk_schema, chunk_name), range_start, range_end FROM timescaledb_information.chunks "
            "WHERE hypertable_name = %s ORDER BY range_start",
            (table,),
        )
        return [(row[0], row[1], row[2]) for row in rows]
    names = conn.execute(
        "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
        "JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relname = %s ORDER BY 1",
        (table,),
    ).fetchall()
    days = [(name, datetime.strptime(name.rsplit("_", 1)[1], "%Y%m%d").replace(tzinfo=UTC)) for (name,) in names]
    return [(name, start, start + timedelta(days=1)) for name, start in days]
