"""Moments, freshness, orders, rights, forecasts, batches: the laws of the words."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.batches import Batch, BatchCounts, Report
from domain.incidents import OPEN_STATES, Grade, Incident, IncidentClosing, IncidentState, ResponseLevel
from domain.moments import Moment, require_aware
from domain.observations import Freshness, freshness, word_age_s
from domain.orders import check_order
from domain.refusals import Refused
from domain.rights import Action, Actor, Role, require
from domain.sensors import DeviceMode, DeviceState
from domain.units import SENDABLE, Unit, UnitStatus
from tests.support.freshness import WORDS
from tests.support.scenes import (
    NOW,
    a_detection,
    a_device,
    a_forecast,
    a_hall_event,
    a_position,
    a_reading,
    a_rejection,
    a_request,
    a_state,
    a_status,
    an_ack,
    an_incident,
    minutes,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.sampled_from([UTC, SHANGHAI]))  # noqa: DTZ001


@given(instants)
def test_live_is_about_now_as_known_now(now: datetime) -> None:
    moment = Moment.live(now)
    assert moment.is_live
    assert moment.at == moment.known_at == now


@given(instants)
def test_a_past_moment_is_as_known_then_and_not_live(at: datetime) -> None:
    assert Moment.past(at) == Moment(at, at)
    assert not Moment.past(at).is_live


@given(instants, st.timedeltas(timedelta(0), timedelta(days=999)))
def test_more_may_be_known_later_and_less_never_earlier(at: datetime, later: timedelta) -> None:
    assert Moment.past(at, at + later).known_at == at + later
    if later:
        with pytest.raises(ValueError, match="nothing can be known of a time to come"):
            Moment.past(at + later, at)


@given(instants)
def test_a_moment_is_kept_in_utc(at: datetime) -> None:
    moment = Moment.past(at)
    assert moment.at.tzinfo is UTC
    assert moment.known_at.tzinfo is UTC


def test_a_time_without_an_offset_is_refused_by_name() -> None:
    naive = datetime(2026, 3, 2, 9)  # noqa: DTZ001
    with pytest.raises(ValueError, match=r"^since is 2026-03-02T09:00:00: expected a time with an offset, such as 2026"):
        require_aware("since", naive)
    with pytest.raises(ValueError, match=r"^at is"):
        Moment.live(naive)
    with pytest.raises(ValueError, match=r"^known_at is"):
        Moment(NOW, naive)
    assert require_aware("since", NOW.astimezone(timezone(timedelta(hours=8)))) == NOW


@pytest.mark.parametrize(
    ("age_s", "interval_s", "expected"),
    [
        (None, 60, Freshness.NEVER),
        (0, 60, Freshness.FRESH), (120, 60, Freshness.FRESH), (120.1, 60, Freshness.LATE),
        (180, 60, Freshness.LATE), (180.1, 60, Freshness.STALE),
        (600, 60, Freshness.STALE), (600.1, 60, Freshness.SILENT), (1e9, 60, Freshness.SILENT),
        (-300, 60, Freshness.FRESH),  # a clock that runs ahead
        (10, 1, Freshness.FRESH), (10.1, 1, Freshness.LATE), (15.1, 1, Freshness.STALE), (50.1, 1, Freshness.SILENT),
        (10, 0, Freshness.FRESH),
    ],
)  # fmt: skip
def test_freshness_at_its_boundaries(age_s: float | None, interval_s: float, expected: Freshness) -> None:
    assert freshness(age_s, interval_s) is expected


@pytest.mark.parametrize("mode", [*DeviceMode, "odd"])
@pytest.mark.parametrize("state", [*DeviceState, "odd"])
def test_nothing_stays_fresh_by_having_once_been_online(mode: str, state: str) -> None:
    """Behind a gateway nobody has a Last Will: an hour of silence is one, whatever was said before."""
    assert freshness(3600, 60, mode, state) is Freshness.SILENT
    just_spoken = freshness(1, 60, mode, state)
    assert just_spoken is (Freshness.SILENT if (mode, state) == ("on_change", "offline") else Freshness.FRESH)
    assert freshness(None, 60, mode, state) is Freshness.NEVER


@pytest.mark.parametrize(("mode", "measured_s", "heard_s", "expected_s"), WORDS)
def test_a_value_on_change_stands_as_long_as_its_device_is_heard(
    mode: str, measured_s: float | None, heard_s: float | None, expected_s: float | None
) -> None:
    measured, heard = (None if s is None else NOW - timedelta(seconds=s) for s in (measured_s, heard_s))
    assert word_age_s(NOW, measured, heard, mode) == expected_s


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.1, 1e4))
def test_nothing_becomes_fresher_by_waiting(age_s: float, more_s: float, interval_s: float) -> None:
    order = list(Freshness)
    assert order.index(freshness(age_s, interval_s)) <= order.index(freshness(age_s + more_s, interval_s))


def _a_unit(status: UnitStatus, order_id: str | None = None) -> Unit:
    since = NOW + minutes(42)  # 09:42 in Shanghai
    return Unit("e-12", "d/e/s/e-12", "engine", "E12", "E12", (), status, since, order_id, None, None, None)


def _an_incident(state: IncidentState) -> Incident:
    return Incident("4711", "fire", Grade.III, ResponseLevel.NONE, state, 113.25, 23.125, "119", NOW)


@pytest.mark.parametrize("status", list(UnitStatus))
@pytest.mark.parametrize("state", list(IncidentState))
def test_a_unit_may_be_sent_when_it_is_free_and_the_incident_open(status: UnitStatus, state: IncidentState) -> None:
    free, is_open = status in SENDABLE, state in OPEN_STATES
    if free and is_open:
        check_order(_a_unit(status), _an_incident(state), zone=SHANGHAI)
        return
    with pytest.raises(Refused) as refusal:
        check_order(_a_unit(status), _an_incident(state), zone=SHANGHAI)
    assert refusal.value.code == ("unit_busy" if is_open else "incident_closed")


def test_who_may_be_sent_at_all() -> None:
    assert set(SENDABLE) == {UnitStatus.AVAILABLE, UnitStatus.RETURNING}


def test_a_refusal_says_what_why_and_since_when_in_local_time() -> None:
    with pytest.raises(Refused) as refusal:
        check_order(_a_unit(UnitStatus.ENROUTE, "o-7"), _an_incident(IncidentState.REPORTED), zone=SHANGHAI)
    assert refusal.value.sentence("zh") == "E12 出动（任务 o-7），09:42 起"
    assert refusal.value.sentence("en") == str(refusal.value) == "E12 has been en route on order o-7 since 09:42"
    with pytest.raises(Refused) as refusal:
        check_order(_a_unit(UnitStatus.AVAILABLE), _an_incident(IncidentState.FALSE_ALARM), zone=SHANGHAI)
    assert refusal.value.sentence("zh") == "事件 4711 误报，不能再派出单位"


def test_without_an_order_the_refusal_names_none() -> None:
    with pytest.raises(Refused) as refusal:
        check_order(_a_unit(UnitStatus.OUT_OF_SERVICE), _an_incident(IncidentState.REPORTED), zone=SHANGHAI)
    assert refusal.value.sentence("zh") == "E12 停用，09:42 起"


def test_without_the_right_an_act_is_refused_in_both_languages() -> None:
    require(Actor("li", Role.COMMANDER), Action.ISSUE_ORDER)
    with pytest.raises(Refused) as refusal:
        require(Actor("wang", Role.WALL), Action.ISSUE_ORDER)
    assert refusal.value.code == "no_right"
    assert refusal.value.sentence("zh") == "大屏无权派出单位，有权者：指挥长、调度员"
    assert refusal.value.sentence("en") == "the role wall has no right to send a unit; commander, dispatcher may"


def test_a_forecast_s_targets_are_a_step_apart() -> None:
    assert a_forecast(1, steps=3).target_times == (NOW, NOW + minutes(15), NOW + minutes(30))


def a_closing() -> IncidentClosing:
    return IncidentClosing("i-1", "440106/incident/desk/i1", NOW, NOW)


def test_every_kind_of_report_has_its_place_in_a_batch() -> None:
    reports: list[Report] = [
        a_reading(1), a_device(), a_state("online"), a_hall_event(), a_position(1), a_status("available"), an_ack("o-1"),
        an_incident(), a_closing(), a_request(), a_detection(), a_rejection(),
    ]  # fmt: skip
    kinds = {type(report) for report in reports}
    assert {kind for kind in get_args(Report) if kind not in kinds} == {k for k in get_args(Report) if k.__name__ == "RawFields"}
    batch = Batch()
    for report in reports:
        batch.add(report)
    assert len(batch) == len(reports)
    held = [report for field in fields(batch) for report in getattr(batch, field.name)]
    assert {id(report) for report in held} == {id(report) for report in reports}
    assert all(len(getattr(batch, field.name)) <= 1 for field in fields(batch))


def test_reports_of_a_kind_keep_their_order() -> None:
    batch = Batch()
    for value in (3, 1, 2):
        batch.add(a_reading(value))
    assert [reading.value for reading in batch.readings] == [3, 1, 2]


_counts = st.builds(BatchCounts, *[st.integers(0, 1000)] * 6)


@given(_counts, _counts)
def test_counts_add_up_field_by_field(one: BatchCounts, other: BatchCounts) -> None:
    added = one + other
    for field in fields(BatchCounts):
        assert getattr(added, field.name) == getattr(one, field.name) + getattr(other, field.name)


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):  # a named tuple's; a frozen dataclass raises a kind of it
        a_reading(1).value = 2  # type: ignore[misc]
