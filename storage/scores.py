"""Scores: how stored forecasts turned out. Errors are added up by series, model, lead and day of the target, each target once, in
the transaction that moves the mark; of what was forecast nothing but what is stored counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from domain.forecasts import Rival
from domain.scores import ScoreKey, ScoreRow, Tally
from storage.arrays import int4s
from storage.connection import Connection

_LOCK = 7_205_010
ISSUE_TAKES = timedelta(minutes=10)
"""So much after the boundary of a slot its forecasts have been issued."""


class Told(NamedTuple):
    """What was foreseen of one target for series (n), NaN for quantiles that were not given."""

    series_ids: npt.NDArray[np.int64]
    models: Sequence[str]
    quantiles: npt.NDArray[np.float64]
    """(n, 5): 5, 10, 50, 90 and 95 %."""


def scored_until(conn: Connection, step_s: int) -> datetime | None:
    """The first target of a slot length that has not been scored; None when none ever was."""
    row = conn.execute("SELECT scored_until FROM score_mark WHERE step_s = %s", (step_s,)).fetchone()
    return row[0] if row else None


def oldest_target(conn: Connection, step_s: int, *, since: datetime) -> datetime | None:
    """The first target of the oldest forecast of a slot length issued after `since`."""
    row = conn.execute(
        "SELECT first_target FROM forecast WHERE issued_at >= %s AND step_s = %s ORDER BY issued_at LIMIT 1", (since, step_s)
    ).fetchone()
    return row[0] if row else None


def list_told(
    conn: Connection, series_ids: Sequence[int], target: datetime, step_s: int, lead: timedelta, *, within: timedelta,
    is_rival: bool = False,
) -> Told:  # fmt: skip
    """Of each series what the newest forecast issued at least `lead` and at most `lead + within` before the end of the target
    said of it; of rivals, what every model of that issue said. A forecast of the slots from 10:00 on is issued minutes after."""
    latest = target + timedelta(seconds=step_s) - lead + ISSUE_TAKES
    said = {
        "ids": int4s(np.asarray(series_ids, np.int64)), "target": target, "step_s": step_s, "latest": latest,
        "earliest": latest - within,
    }  # fmt: skip
    with conn.cursor(binary=True) as cur:
        rows = cur.execute(_TOLD_BY_RIVALS if is_rival else _TOLD, said).fetchall()
    values = np.array([row[2:] for row in rows], np.float64).reshape(len(rows), 1 if is_rival else 5)
    if is_rival:
        values = np.column_stack([np.full((len(rows), 2), np.nan), values, np.full((len(rows), 2), np.nan)])
    return Told(np.array([row[0] for row in rows], np.int64), [row[1] for row in rows], values)


def add_scores(
    conn: Connection, tallies: Mapping[ScoreKey, Tally], step_s: int, *, since: datetime | None, until: datetime
) -> bool:  # fmt: skip
    """Adds tallies of the targets in [since, until) and moves the mark there, at once. False, and nothing done, when somebody
    else has scored them meanwhile (`since` is what `scored_until` said)."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if scored_until(conn, step_s) != since:
            return False
        _add(conn, tallies)
        conn.execute(
            "INSERT INTO score_mark (step_s, scored_until) VALUES (%s, %s) "
            "ON CONFLICT (step_s) DO UPDATE SET scored_until = excluded.scored_until",
            (step_s, until),
        )
    return True


def begin_scores(conn: Connection, step_s: int, at: datetime) -> datetime:
    """The mark of a slot length, which is `at` when there was none yet: nobody scores the targets before it later."""
    conn.execute(
        "INSERT INTO score_mark (step_s, scored_until) VALUES (%s, %s) ON CONFLICT (step_s) DO NOTHING", (step_s, at)
    )  # fmt: skip
    mark = scored_until(conn, step_s)
    assert mark is not None
    return mark


def add_scores_of_the_past(conn: Connection, tallies: Mapping[ScoreKey, Tally]) -> None:
    """Adds tallies of targets that lie before every mark. Whoever calls it keeps, in the same transaction, that they were."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    _add(conn, tallies)


def _add(conn: Connection, tallies: Mapping[ScoreKey, Tally]) -> None:
    with conn.cursor() as cur:
        cur.executemany(_ADD, [(*key, *tally) for key, tally in sorted(tallies.items())])


def list_scores(
    conn: Connection, *, since: date, series_id: int | None = None, is_rival: bool = False
) -> list[ScoreRow]:  # fmt: skip
    """Tallies by series, model and lead over the days from `since` on, of all series or one."""
    condition = "" if series_id is None else "AND series_id = %(series)s"
    rows = conn.execute(_SUMS.format(condition=condition), {"since": since, "series": series_id, "rival": is_rival})
    return [ScoreRow(row[0], row[1], row[2], Tally(*row[3:])) for row in rows]


def newest_rivals(conn: Connection, *, since: datetime) -> datetime | None:
    """When contestants last spoke, after `since`."""
    row = conn.execute("SELECT max(issued_at) FROM rival_forecast WHERE issued_at > %s", (since,)).fetchone()
    return row[0] if row else None


def delete_rivals(conn: Connection, before: datetime) -> int:
    """Forgets what contestants said before a time: it has been scored."""
    return conn.execute("DELETE FROM rival_forecast WHERE issued_at < %s", (before,)).rowcount


def write_rivals(conn: Connection, rivals: Iterable[Rival]) -> None:
    """Stores what contestants said; what is there already stays."""
    with conn.transaction(), conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO rival_forecast (series_id, issued_at, model, model_version, first_target, step_s, q50) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(*rival[:-1], list(rival.q50)) for rival in rivals],
        )


_AT_TARGET = "1 + extract(epoch FROM %(target)s - first_target)::integer / %(step_s)s"

# Bounds of the issue are given as times, so that other days are left out of the plan.
_TOLD = f"""
SELECT series.id, f.model, f.q05[f.k], f.q10[f.k], f.q50[f.k], f.q90[f.k], f.q95[f.k]
FROM unnest(%(ids)s::integer[]) AS series (id)
CROSS JOIN LATERAL (
    SELECT model, q05, q10, q50, q90, q95, {_AT_TARGET} AS k FROM forecast
    WHERE datastream_id = series.id AND issued_at <= %(latest)s AND issued_at > %(earliest)s AND step_s = %(step_s)s
    ORDER BY issued_at DESC LIMIT 1
) f
WHERE f.q50[f.k] IS NOT NULL
"""

_TOLD_BY_RIVALS = f"""
SELECT series.id, f.model, f.q50[f.k]
FROM unnest(%(ids)s::integer[]) AS series (id)
CROSS JOIN LATERAL (
    SELECT max(issued_at) AS issued_at FROM rival_forecast
    WHERE series_id = series.id AND issued_at <= %(latest)s AND issued_at > %(earliest)s AND step_s = %(step_s)s
) newest
CROSS JOIN LATERAL (
    SELECT model, q50, {_AT_TARGET} AS k FROM rival_forecast
    WHERE series_id = series.id AND issued_at = newest.issued_at
) f
WHERE f.q50[f.k] IS NOT NULL
"""

_COLUMNS = "n, error, n_compared, error_compared, error_reference, n_80, inside_80, n_90, inside_90"
_ADD = f"""
INSERT INTO forecast_score AS s (series_id, day, lead_h, model, is_rival, {_COLUMNS})
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (series_id, day, lead_h, model, is_rival) DO UPDATE SET
    {", ".join(f"{name} = s.{name} + excluded.{name}" for name in _COLUMNS.split(", "))}
"""
_SUMMED = ", ".join(f"sum({name})" + ("" if "error" in name else "::integer") for name in _COLUMNS.split(", "))
_SUMS = f"""
SELECT series_id, model, lead_h, {_SUMMED}
FROM forecast_score WHERE day >= %(since)s AND is_rival = %(rival)s {{condition}}
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
