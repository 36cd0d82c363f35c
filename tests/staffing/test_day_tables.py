"""The day by item, and by window and item, with numbers one can check in the head."""

from __future__ import annotations

from domain.halls import HallEventKind
from staffing.day_tables import CellDay, day_table
from staffing.floor import Book
from tests.support.halls import a_visit, said

K = HallEventKind


def test_a_day_is_told_by_item_with_appointments_and_walk_ins_apart() -> None:
    """Tax: walk-ins wait 5 and 10 minutes, an appointment 2; one leaves. Two services of 4 and one of 10 minutes."""
    booked = [said(K.ARRIVE, 3, "T3", channel="appointment"), said(K.CALL, 5, "T3", window=2), said(K.START, 6, "T3", window=2),
              said(K.END, 16, "T3", window=2)]  # fmt: skip
    gone = [said(K.ARRIVE, 4, "T4", channel="walk_in"), said(K.ABANDON, 30, "T4")]
    (tax,) = day_table(Book([*a_visit("T1", 0, 5, 6, 10), *a_visit("T2", 1, 11, 12, 16), *booked, *gone]).floor).items
    assert (tax.item, tax.arrived, tax.booked, tax.served, tax.left, tax.no_shows) == ("tax", 4, 1, 3, 1, 0)
    assert (tax.n_waits, tax.wait_p50_s, tax.wait_p90_s, tax.walk_in_p90_s, tax.booked_p90_s) == (3, 300, 600, 600, 120)
    assert (tax.n_services, tax.service_mean_s, tax.service_p90_s) == (3, 360, 600)


def test_a_window_with_several_items_has_a_row_for_each() -> None:
    """Window 1 serves tax for 4 minutes and vehicles for 9, and one who is called for tax does not come."""
    missed = [said(K.ARRIVE, 20, "T2"), said(K.CALL, 21, "T2", window=1), said(K.NO_SHOW, 23, "T2", window=1)]
    cells = day_table(Book([*a_visit("T1", 0, 0, 1, 5), *a_visit("V1", 0, 6, 7, 16, item="vehicle"), *missed]).floor).cells
    assert cells == (CellDay(1, "tax", 1, 1, 1, 240.0), CellDay(1, "vehicle", 1, 0, 1, 540.0))


def test_who_is_sent_on_counts_where_he_has_come_to_and_his_services_where_they_were() -> None:
    events = [*a_visit("B1", 0, 0, 1, 5, item="business_licence")[:3],
              said(K.TRANSFER, 5, "B1", window=1, item="business_licence", to_item="tax"), said(K.CALL, 8, "B1", window=2, item="tax"),
              said(K.START, 9, "B1", window=2, item="tax"), said(K.END, 11, "B1", window=2, item="tax")]  # fmt: skip
    table = day_table(Book(events).floor)
    assert {row.item: (row.arrived, row.served, row.n_services, row.n_waits) for row in table.items} == {
        "business_licence": (0, 0, 1, 1),
        "tax": (1, 1, 1, 1),
    }
    assert [(c.window, c.item, c.served, c.service_mean_s) for c in table.cells] == [
        (1, "business_licence", 0, 240),
        (2, "tax", 1, 120),
    ]


def test_a_window_that_never_closes_a_second_end_and_an_empty_day() -> None:
    day = Book([said(K.WINDOW_OPEN, 0, window=1, items=("tax",)), *a_visit("T1", 0, 0, 1, 5), said(K.END, 9, "T1", window=1)])
    (cell,) = day_table(day.floor).cells
    assert (cell.served, cell.n_services, day.floor.impossible.total()) == (1, 1, 1)
    assert day_table(Book().floor).items == ()
