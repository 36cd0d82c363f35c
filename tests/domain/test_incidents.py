"""What may become of an incident: every step from every state, and the times that its steps leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.incidents import (
    OPEN_STATES,
    STEPS,
    Command,
    Grade,
    Incident,
    IncidentState,
    Radii,
    ResponseLevel,
    check_open,
    check_step,
    is_led,
    times_of,
)
from domain.refusals import Refused
from tests.support.scenes import NOW, minutes

ZONE = ZoneInfo("Asia/Shanghai")
S = IncidentState
WANTED = (S.VERIFIED, S.CONTROLLED, S.RECOVERING, S.CLOSED, S.FALSE_ALARM, S.MERGED)


def an(state: IncidentState) -> Incident:
    return Incident("i-1", "fire", Grade.III, ResponseLevel.NONE, state, 113.25, 23.125, "119", NOW)


@pytest.mark.parametrize(("state", "wanted"), list(product(IncidentState, WANTED)))
def test_a_step_is_allowed_or_refused_with_what_is_and_what_to_do(state: IncidentState, wanted: IncidentState) -> None:
    if wanted in STEPS[state]:
        check_step(an(state), wanted, NOW, zone=ZONE)
        return
    with pytest.raises(Refused) as refused:
        check_step(an(state), wanted, NOW, zone=ZONE)
    for label, sentence in (("zh", refused.value.zh), ("en", refused.value.en)):
        assert "i-1" in sentence
        assert state.label(label) in sentence, "as it is"
        assert wanted.label(label) in sentence, "as it was to be"
        assert all(s.label(label) in sentence for s, after in STEPS.items() if wanted in after), "what was expected"
    assert "09:00" in refused.value.zh
    assert refused.value.code == ("state_forbids" if state in OPEN_STATES else "incident_closed")


def test_what_has_ended_goes_nowhere_and_what_is_open_can_be_ended() -> None:
    assert {state for state, after in STEPS.items() if not after} == set(IncidentState) - set(OPEN_STATES)
    assert all({S.CLOSED, S.MERGED} <= set(STEPS[state]) for state in OPEN_STATES)


@given(st.lists(st.sampled_from(WANTED), max_size=8))
def test_no_way_leads_back(wanted: list[IncidentState]) -> None:
    """Whatever people say in whatever order, an incident never becomes less certain, less controlled or open again."""
    order = [S.REPORTED, S.VERIFIED, S.RESPONDING, S.CONTROLLED, S.RECOVERING, S.CLOSED]
    now = S.REPORTED
    for step in wanted:
        if step in STEPS[now]:
            assert now in OPEN_STATES
            assert step not in order or order.index(step) > order.index(now)
            now = step


def test_what_was_verified_before_units_were_sent_is_not_verified_again() -> None:
    check_step(an(S.RESPONDING), S.VERIFIED, NOW, zone=ZONE)
    with pytest.raises(Refused, match="what has been verified need not be again"):
        check_step(an(S.RESPONDING), S.VERIFIED, NOW, zone=ZONE, is_verified=True)


@pytest.mark.parametrize("state", IncidentState)
def test_only_what_is_open_is_changed(state: IncidentState) -> None:
    if state in OPEN_STATES:
        check_open(an(state), NOW, zone=ZONE)
    else:
        with pytest.raises(Refused, match=f"incident i-1 has been {state.en} since 09:00"):
            check_open(an(state), NOW, zone=ZONE)


def test_what_people_lead_ends_by_their_word_alone() -> None:
    assert not any(is_led(an(state), None) for state in (S.REPORTED, S.VERIFIED, S.RESPONDING))
    assert is_led(an(S.CONTROLLED), None)
    assert is_led(an(S.RECOVERING), None)
    assert is_led(an(S.RESPONDING), Command("li", NOW))
    assert is_led(replace(an(S.RESPONDING), response_level=ResponseLevel.IV), None)


def told(*steps: tuple[IncidentState, ResponseLevel]) -> dict[str, float]:
    """Minutes after nine of each time, for one step a minute."""
    times = times_of((state, level, NOW + minutes(n)) for n, (state, level) in enumerate(steps))
    return {name: (at - NOW) / timedelta(minutes=1) for name, at in times.items()}


def test_each_state_has_the_time_it_was_first_reached_and_the_response_one_of_its_own() -> None:
    none, three, two = ResponseLevel.NONE, ResponseLevel.III, ResponseLevel.II
    assert told((S.REPORTED, none), (S.VERIFIED, none), (S.VERIFIED, three), (S.RESPONDING, three), (S.RESPONDING, two), (S.CLOSED, none)) == {
        "reported": 0, "verified": 1, "established": 2, "responding": 3, "closed": 5,
    }  # fmt: skip


def test_an_end_that_was_undone_leaves_no_time() -> None:
    none = ResponseLevel.NONE
    assert told((S.REPORTED, none), (S.MERGED, none), (S.REPORTED, none), (S.CLOSED, none)) == {"reported": 0, "closed": 3}
    assert told((S.REPORTED, none), (S.MERGED, none)) == {"reported": 0, "merged": 1}


def test_a_hazard_without_a_radius_takes_that_of_the_others() -> None:
    radii = Radii({"hazmat": 800.0}, 200.0)
    assert (radii.of("hazmat"), radii.of("fire")) == (800, 200)
