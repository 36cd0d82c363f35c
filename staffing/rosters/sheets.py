"""Sheets: a roster as a workbook (xlsx), one row a clerk and one column a day, and a sheet with what is needed and planned by
quarter of an hour. Times are those of the hall's clocks; clerks are pseudonyms. Written by XlsxWriter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook  # type: ignore[import-untyped]

from domain.staffing import RosterState
from staffing.practice import Shift
from staffing.rosters.telling import items
from staffing.rosters.wire import Json

WEEK = "一二三四五六日"
ROSTER, COVERAGE, UNMET = "排班表", "需求与安排", "未满足与建议"


def workbook(
    content: Mapping[str, Any], *, hall: str, title: str, shifts: Sequence[Shift], zone: ZoneInfo, now: datetime
) -> bytes:
    """The file. `content` as `staffing.rosters.making` made it, `hall` and `title` as they are shown."""
    file = BytesIO()
    book = Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": title, "created": now.astimezone(zone).replace(tzinfo=None)})
    boxed = {"align": "center", "valign": "vcenter", "text_wrap": True, "border": 1}
    head, cell = book.add_format({**boxed, "bold": True, "bg_color": "#DCE6F1"}), book.add_format(boxed)
    short = book.add_format({"align": "center", "border": 1, "bg_color": "#F8D7DA"})
    _write_roster(book, content, hall, title, {shift.id: shift.zh for shift in shifts}, zone, head, cell)
    _write_coverage(book, content, zone, head, cell, short)
    _write_words(book, content, head, cell)
    book.close()
    return file.getvalue()


def title_of(first: date, last: date, state: RosterState) -> str:
    """What a roster's sheet is headed with."""
    return f"{first} \u2013 {last} 排班（{state.zh}）"


def _write_roster(
    book: Any, content: Mapping[str, Any], hall: str, title: str, names: Mapping[str, str], zone: ZoneInfo, head: Any, cell: Any
) -> None:
    sheet = book.add_worksheet(ROSTER)
    days = content["days"]
    sheet.merge_range(0, 0, 0, max(1, len(days) + 1), f"{hall} {title}", head)
    for k, words in enumerate(("人员", *(_day(day["date"]) for day in days), "工时（小时）")):
        sheet.write_string(1, k, words, head)
    by_clerk: dict[str, dict[str, Json]] = defaultdict(dict)
    for day in days:
        for shift in day["shifts"]:
            by_clerk[shift["clerk"]][day["date"]] = shift
    hours = {row["clerk"]: row["hours"] for row in content["fairness"]["clerks"]}
    for row, clerk in enumerate(sorted({*by_clerk, *hours}), 2):
        sheet.write_string(row, 0, clerk, head)
        for k, day in enumerate(days, 1):
            shift = by_clerk[clerk].get(day["date"])
            sheet.write_string(row, k, "休" if shift is None else _shift(shift, names, zone), cell)
        sheet.write_number(row, len(days) + 1, hours.get(clerk, 0.0), cell)
    sheet.freeze_panes(2, 1)
    sheet.set_column(1, len(days), 16)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _write_coverage(book: Any, content: Mapping[str, Any], zone: ZoneInfo, head: Any, cell: Any, short: Any) -> None:
    sheet = book.add_worksheet(COVERAGE)
    for k, words in enumerate(("日期", "时间", "事项组", "需要（人）", "安排（人，全厅）", "缺（人）")):
        sheet.write_string(0, k, words, head)
    row = 1
    for day in content["days"]:
        for k, at in enumerate(day["slots"]):
            for need in day["needed"]:
                if not need["heads"][k]:
                    continue
                spans = [s for s in day["short"] if s["group"] == need["item_group"] and s["at"] <= at < s["until"]]
                missing = max((span["heads"] for span in spans), default=0)
                sheet.write_string(row, 0, day["date"], cell)
                sheet.write_string(row, 1, _clock(at, zone), cell)
                sheet.write_string(row, 2, items(need["item_group"])[0], cell)
                sheet.write_number(row, 3, need["heads"][k], cell)
                sheet.write_number(row, 4, day["planned"][k], cell)
                sheet.write_number(row, 5, missing, short if missing else cell)
                row += 1
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, 5, 18)


def _write_words(book: Any, content: Mapping[str, Any], head: Any, cell: Any) -> None:
    sheet = book.add_worksheet(UNMET)
    sheet.write_string(0, 0, "未满足的需求", head)
    row = 1
    for said in content["unmet"] or ({"zh": "无"},):
        sheet.write_string(row, 0, said["zh"], cell)
        row += 1
    sheet.write_string(row + 1, 0, "代价最小的放宽", head)
    for k, said in enumerate(content["relaxations"] or ({"zh": "无"},)):
        sheet.write_string(row + 2 + k, 0, said["zh"], cell)
    sheet.set_column(0, 0, 80)


def _day(said: str) -> str:
    day = date.fromisoformat(said)
    return f"{day.month}月{day.day}日\n星期{WEEK[day.weekday()]}"


def _shift(shift: Json, names: Mapping[str, str], zone: ZoneInfo) -> str:
    lunch = shift["lunch"]
    rest = f"\n午休 {_clock(lunch[0], zone)}\u2013{_clock(lunch[1], zone)}" if lunch else ""
    return f"{names.get(shift['shift'], shift['shift'])}\n{_clock(shift['start'], zone)}\u2013{_clock(shift['end'], zone)}{rest}"


def _clock(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).strftime("%H:%M")
