"""Tables: CSV and Parquet files (by their ending) as columns of numbers, times and words, and back.

Every fault is one sentence that names file, line, column, value and expectation. A file is written beside its place and moved
there when it is whole. Times are ISO 8601: an offset wins, a naive time is local in the zone that is given.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from runtime.bad_input import BadInput, CannotWrite

if TYPE_CHECKING:
    import pandas as pd

    from runtime.settings import Settings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Stamps = npt.NDArray[np.int64]
"""Microseconds since 1970, UTC."""

ENDINGS = (".csv", ".parquet")
MISSING = ("", "nan", "na", "null", "none")
"""How a cell without a number may look, in any case of letters."""
_OFFSET = r"(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"
_EXAMPLE = "2026-03-02T09:00 or 2026-03-02T09:00:00+08:00"


class Table:
    """The rows of one file. Line 1 of a CSV file is its header; rows of Parquet are counted from 1."""

    def __init__(self, path: Path, frame: pd.DataFrame) -> None:
        self.path, self.frame = path, frame
        self._counts_lines = path.suffix.lower() == ".csv"

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, column: str) -> bool:
        return column in self.frame.columns

    def numbers(self, column: str, *, is_required: bool = False, low: float | None = None) -> Floats:
        """Numbers (rows), NaN where a cell says nothing. Raises BadInput for what is no finite number, is below `low`, or is
        missing though it `is_required`."""
        import pandas as pd

        values: Floats
        cells = self.frame[column]
        expected = "a number" if low is None else f"a number of at least {low:g}"
        if pd.api.types.is_numeric_dtype(cells):
            values = cells.to_numpy(np.float64, na_value=np.nan)
            is_missing = np.isnan(values)
        else:
            words = cells.fillna("").astype(str).str.strip()
            is_missing = words.str.lower().isin(MISSING).to_numpy(bool)
            values = pd.to_numeric(words.where(~is_missing, "nan"), errors="coerce").to_numpy(np.float64)
        wrong = ~is_missing & ~np.isfinite(values)
        if low is not None:
            wrong |= values < low
        if is_required:
            wrong |= is_missing
        self._require(column, ~wrong, expected)
        return values

    def texts(self, column: str, *, may_be_empty: bool = False) -> list[str]:
        """Words (rows), without the space around them. Raises BadInput for an empty one unless it `may_be_empty`."""
        words: list[str] = [word.strip() for word in self.frame[column].fillna("").astype(str).tolist()]
        if not may_be_empty and "" in words:
            raise self.fault(column, words.index(""), "a word")
        return words

    def times(self, column: str, zone: ZoneInfo, *, apart: Sequence[str] | None = None) -> Stamps:
        """Moments (rows). A local time that comes twice when clocks are set back is the earlier one, and said a second time of
        the same thing (`apart`: which thing a row is about) the later one; one that is skipped is moved on past the gap.

        Raises BadInput for what is no time.
        """
        import pandas as pd

        cells = self.frame[column]
        if isinstance(cells.dtype, pd.DatetimeTZDtype):
            self._require(column, ~cells.isna().to_numpy(), f"a time such as {_EXAMPLE}")
            return _microseconds(cells)
        if pd.api.types.is_datetime64_dtype(cells):
            self._require(column, ~cells.isna().to_numpy(), f"a time such as {_EXAMPLE}")
            return _microseconds(_localised(cells, zone, apart))
        words = cells.fillna("").astype(str).str.strip()
        index, told = pd.factorize(words)  # a file repeats its times, series after series
        which = pd.Series(told)
        has_offset = which.str.contains(_OFFSET) & (which.str.len() > len("2026-03-02"))
        moments = pd.to_datetime(which, format="ISO8601", utc=True, errors="coerce")
        self._require(column, ~moments.isna().to_numpy()[index], f"a time such as {_EXAMPLE}")
        is_naive = ~has_offset.to_numpy()[index]
        stamps: Stamps = _microseconds(moments)[index]
        if is_naive.any():
            local = pd.Series(stamps[is_naive].view("datetime64[us]"))
            of = None if apart is None else [apart[k] for k in np.flatnonzero(is_naive).tolist()]
            stamps[is_naive] = _microseconds(_localised(local, zone, of))
        return stamps

    def _require(self, column: str, is_fine: npt.NDArray[np.bool_], expected: str) -> None:
        if not is_fine.all():
            raise self.fault(column, int(np.flatnonzero(~is_fine)[0]), expected)

    def fault(self, column: str, row: int, expected: str) -> BadInput:
        """The sentence for one cell; `row` from 0."""
        value = self.frame[column].iloc[row]
        said = "nothing" if str(value).strip() == "" or value is None else f"'{value}'"
        place = f"line {self._line_of(row)}" if self._counts_lines else f"row {row + 1}"
        return BadInput(f"{self.path}, {place}, column {column}: {said}, expected {expected}; mend the cell or leave the row out")

    def _line_of(self, row: int) -> int:
        """Where a row stands in the file, empty lines counted. From 1."""
        with self.path.open(encoding="utf-8-sig") as text:
            text.readline()
            filled = (k for k, line in enumerate(text, start=2) if line.strip("\r\n"))
            return next(itertools.islice(filled, row, None), row + 2)


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = (), *, may_be_empty: bool = False) -> Table:
    """The columns of a file that are asked for; others are passed over. Raises BadInput."""
    require_ending(path)
    try:
        frame = _read_csv(path) if path.suffix.lower() == ".csv" else _read_parquet(path)
    except FileNotFoundError:
        raise BadInput(f"{path} is not there: expected a file with the columns {', '.join(required)}; check the path") from None
    except (OSError, ValueError) as fault:  # pyarrow's own faults are ValueErrors
        why = " ".join(str(fault).split())[:300]
        raise BadInput(f"{path} cannot be read ({why}): expected a table with the header {','.join(required)}") from None
    lacking = [name for name in required if name not in frame.columns]
    if lacking:
        raise BadInput(
            f"{path} has no column {', '.join(lacking)}: expected {','.join(required)}, found {','.join(frame.columns)}; "
            "name the columns so in its first line"
        )
    twice = [name for name in (*required, *optional) if list(frame.columns).count(name) > 1]
    if twice:
        raise BadInput(f"{path} has the column {twice[0]} twice: expected each once; rename one of them")
    if frame.empty and not may_be_empty:
        raise BadInput(f"{path} has a header and no row: expected at least one row below {','.join(required)}")
    return Table(path, frame)


def _read_csv(path: Path) -> pd.DataFrame:
    """Every cell as it is written."""
    import pyarrow as pa
    import pyarrow.csv as pc

    header = [cell.strip() for cell in next(csv.reader([_first_line(path)]), [])]
    if not header:
        raise ValueError("it is empty")
    numbered = [str(k) for k in range(len(header))]
    read = pc.read_csv(
        path,
        read_options=pc.ReadOptions(column_names=numbered, skip_rows=1),
        parse_options=pc.ParseOptions(newlines_in_values=False),
        convert_options=pc.ConvertOptions(column_types=dict.fromkeys(numbered, pa.string()), strings_can_be_null=False),
    )
    frame: pd.DataFrame = read.to_pandas()
    frame.columns = header
    return frame


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as text:
        return text.readline()


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet

    frame: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas(ignore_metadata=True)
    return frame


def zone_of(name: str | None, settings: Settings) -> ZoneInfo:
    """The zone that is asked for, or else the deployment's. Raises BadInput."""
    if name is None:
        return settings.zone
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"--zone is '{name}': expected a zone of the tz database such as Asia/Shanghai") from None


def require_ending(path: Path) -> None:
    """Raises BadInput for a file that is neither CSV nor Parquet by its ending."""
    if path.suffix.lower() not in ENDINGS:
        raise BadInput(f"{path} ends in '{path.suffix}': expected {' or '.join(ENDINGS)}; rename it or convert it")


def require_writable(path: Path) -> None:
    """Raises BadInput before the work, for an output that could not be written after it."""
    require_ending(path)
    if not path.parent.is_dir():
        raise BadInput(f"{path} cannot be written: {path.parent} is no folder; make it first")
    if path.is_dir():
        raise BadInput(f"{path} is a folder: expected the name of a file")


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Writes columns of equal length, whole or not at all: numbers, words, or moments from `stamped`. NaN and None are empty
    cells. Raises BadInput for a wrong ending, CannotWrite when the disk refuses."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet

    require_writable(path)
    frame = pd.DataFrame(dict(columns))
    with _whole(path) as beside:
        if path.suffix.lower() == ".csv":
            for name, column in frame.items():
                if isinstance(column.dtype, pd.DatetimeTZDtype):
                    frame[name] = iso_texts(_microseconds(column), column.dt.tz)
            frame.to_csv(beside, index=False, lineterminator="\n")
        else:
            pyarrow.parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), beside)


def stamped(stamps: Stamps, zone: ZoneInfo) -> pd.Series:
    """Moments as a column that is written with the offset of `zone`."""
    import pandas as pd

    return pd.Series(pd.to_datetime(np.asarray(stamps, np.int64), unit="us", utc=True)).dt.tz_convert(zone)


def iso_texts(stamps: Stamps, zone: ZoneInfo) -> list[str]:
    """ISO 8601 with the offset of `zone`, to the second, or as finely as needed."""
    distinct, index = np.unique(stamps, return_inverse=True)
    words = [_iso(int(us), zone) for us in distinct]
    return [words[k] for k in index]


def _iso(us: int, zone: ZoneInfo) -> str:
    seconds, rest = divmod(us, 1_000_000)
    return datetime.fromtimestamp(seconds, zone).replace(microsecond=rest).isoformat()


def _microseconds(times: Any) -> Stamps:
    import pandas as pd

    utc = pd.DatetimeIndex(times).tz_convert("UTC").tz_localize(None)
    return np.asarray(utc.to_numpy().astype("datetime64[us]").view(np.int64)).copy()


def _localised(local: pd.Series, zone: ZoneInfo, apart: Sequence[str] | None) -> Any:
    import pandas as pd

    index = pd.DatetimeIndex(local)
    things = pd.Series(0 if apart is None else list(apart), index=range(len(index)))
    said_before = pd.DataFrame({"at": index, "of": things.to_numpy()}).groupby(["at", "of"], sort=False).cumcount().to_numpy()
    # `ambiguous` is asked per row: True for summer time, which comes first
    return index.tz_localize(zone, ambiguous=said_before == 0, nonexistent="shift_forward")


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when nothing went wrong, and is gone otherwise. Raises CannotWrite."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
    except OSError as fault:
        raise CannotWrite(
            f"{path} cannot be written ({fault.strerror}): expected a folder with room and the right to write"
        ) from None
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    except OSError as fault:
        raise CannotWrite(
            f"{path} cannot be written ({fault.strerror}): nothing was changed; free space or choose another folder"
        ) from None
    finally:
        beside.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
