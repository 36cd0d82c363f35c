"""The policy file: what is delivered is well-formed, and every mistake in it is named with file, key, value and expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.incidents import Grade
from domain.indices import DELIVERED as BORN_WITH
from domain.units import CAPABILITIES
from domain.warnings import WarningLevel, WarningSource
from forecasting.calendar import ALWAYS
from runtime.policy import Policy, PolicyError, load_calendar, load_policy
from staffing.practice import HallPractice

DELIVERED = Path(__file__).parents[2] / "config/city.toml"


def faults_of(path: Path) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    return [fault.removeprefix(f"{path}: ") for fault in caught.value.faults]


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of the delivered file, to be spoilt."""
    path = tmp_path / "city.toml"
    path.write_bytes(DELIVERED.read_bytes())
    return path


def spoil(path: Path, *changes: tuple[str, str]) -> list[str]:
    """What is said of the delivered file after these changes."""
    text = path.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    path.write_text(text, encoding="utf-8")
    return faults_of(path)


def test_the_delivered_policy_is_well_formed() -> None:
    policy = load_policy(DELIVERED)
    assert isinstance(policy, Policy)
    assert (policy.retention_days, policy.sign_in_days, policy.order_expiry_s) == (400, 90, 120.0)
    assert (policy.unattended_after_s, policy.unattended_grades) == (6 * 3600.0, (Grade.IV,))
    assert policy.hall_target_s == 900
    dust = next(rule for rule in policy.rules if rule.rule_id == "pm25_high")
    assert [(t.level, t.raise_at, t.clear_at) for t in dust.thresholds][:2] == [
        (WarningLevel.RED, 250, 235), (WarningLevel.ORANGE, 150, 140),
    ]  # fmt: skip
    assert {rule.source for rule in policy.rules} == {WarningSource.RULE, WarningSource.FORECAST}


def test_the_delivered_practice_of_halls_is_what_they_have_without_a_file() -> None:
    """In the file in minutes and hours, in the halls' process in seconds."""
    practice = load_policy(DELIVERED).hall_practice
    assert practice == HallPractice()
    assert (practice.target_s, practice.advice_horizon_s, practice.least_open_s) == (900, 4 * 3600, 1800)
    assert [(shift.id, shift.paid_h) for shift in practice.shifts] == [("day", 7.75), ("morning", 4), ("afternoon", 4)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lunch_min = 45", "lunch_min = 200"),  # longer than the time between its bounds
        ("lunch_from = 11:15:00", "lunch_from = 08:15:00"),  # before the day begins
        ('id = "morning"', 'id = "day"'),  # twice the same
        ("end = 12:45:00", "end = 08:45:00"),  # over before it begins
        ("end = 12:45:00", 'end = "12:45"'),  # no time of the day
        ("lunch_until = 13:45:00\n", ""),  # a break without an end
    ],
)
def test_a_shift_that_nobody_can_work_is_named(changed: Path, before: str, after: str) -> None:
    (fault,) = spoil(changed, (before, after))
    assert fault.startswith("hall.shift is [")
    assert "expected a table for each shift with id (each once)" in fault


def test_a_key_of_the_halls_is_checked_as_all_others(changed: Path) -> None:
    faults = spoil(changed, ("answer_s = 60  ", "answer_s = 1  "), ("days_in_a_row = 6  ", "days_a_row = 6  "))
    assert [fault.partition(":")[0] for fault in sorted(faults)] == [
        "hall.answer_s is 1", "hall.days_a_row is not a key of the policy", "hall.days_in_a_row is missing",
    ]  # fmt: skip


def test_the_delivered_run_cards_ask_only_for_what_units_can_do() -> None:
    practice = load_policy(DELIVERED).practice
    assert {need for card in practice.run_cards for need in card.needs} <= set(CAPABILITIES)
    assert practice.wading_depth_m == 0.27, "the one of the index"
    (shared,) = [card for card in practice.run_cards if card.is_shared]
    assert (shared.hazard_class, shared.grade, shared.needs["engine"]) == ("fire", Grade.II, 4)


def test_the_delivered_index_is_the_one_the_product_is_born_with() -> None:
    assert load_policy(DELIVERED).index == BORN_WITH


def test_an_index_of_nothing_is_refused(changed: Path) -> None:
    weights = ("20", "15", "15", "15", "15", "10", "10")
    (said,) = spoil(changed, *((f"{{ weight = {weight},", "{ weight = 0,") for weight in weights))
    assert said.startswith("index has no part that weighs anything: expected a weight above 0")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("retention_days = 400", "retention_days = 6", "ingest.retention_days is 6: expected a whole number of days from 7 to 36500, such as 400"),
        ("retention_days = 400", "retention_days = true", "ingest.retention_days is True: expected a whole number"),
        ("retention_days = 400", "", "ingest.retention_days is missing: expected a whole number of days"),
        ("retention_days = 400", "retention_day = 400\nretention_days = 400", "ingest.retention_day is not a key of the policy: expected one of retention_days"),
        ("sign_in_days = 90", "sign_in_days = 30", "access.sign_in_days is 30: expected a whole number of days from 31 to 36500, such as 90"),
        ("target_p90_min = 15", "target_p90_min = 0", "hall.target_p90_min is 0: expected a number of minutes from 1 to 240, such as 15"),
        ("[dispatch]", "[dispach]\na = 1\n[dispatch]", "[dispach] is not a table of the policy: expected one of access, cap_feed, channel, dispatch, "),
        ("order_expiry_s = 120", "order_expiry_s = nan", "dispatch.order_expiry_s is nan: expected a number of seconds from 10 to 3600"),
        ("unattended_after_h = 6", "unattended_after_h = -1", "incident.unattended_after_h is -1: expected a number of hours from 0 (never)"),
        ('unattended_grades = ["IV"]', 'unattended_grades = ["V"]', "incident.unattended_grades is ['V']: expected a list of grades, each one of I, II, III, IV"),
        ('unattended_grades = ["IV"]', 'unattended_grades = "IV"', "incident.unattended_grades is 'IV': expected a list of grades"),
        ("grade_weights = { I = 8, II = 4, III = 2, IV = 1 }", "grade_weights = { I = 8 }", "dispatch.grade_weights is {'I': 8}: expected a number above 0 for each grade"),
        ("coverage_target_s = { ambulance = 720", "coverage_target_s = { ambulance = 5", "dispatch.coverage_target_s is {'ambulance': 5, "),
        ("crew_rests_out = false", 'crew_rests_out = "no"', "dispatch.crew_rests_out is 'no': expected true or false, such as false"),
        ("needs = { ambulance = 1 }", "needs = { ambulance = 0 }", "run_card[medical IV].needs is {'ambulance': 0}: expected how many units, 1 to 50, of each capability"),
        ('hazard = "medical"\ngrade = "I"', 'hazard = "medical"\ngrade = "IV"', "run_card[medical IV] is given twice: expected one card for a hazard and a grade"),
        ("shared = true", "shares = true", "run_card[fire II].shares is not a key of a run card: expected one of grade, hazard, needs, shared, whole"),
        ("damping = 5", "damping = -1", "index.damping is -1: expected a number from 0 to 1000, such as 5"),
        ("damping = 5", "damping = 5\ndampening = 5", "index.dampening is not a key of the policy: expected one of traffic, air, "),
        ("[[0, 0], [80, 40], [95, 80], [100, 100]]", "[[0, 0], [95, 40], [80, 80]]", "index.devices is {'weight': 10, 'anchors': [[0, 0], [95, 40], [80, 80]]}: expected a weight from 0 to 100 and two anchors"),
        ("[[0, 0], [80, 40], [95, 80], [100, 100]]", "[[0, 0], [80, 90], [95, 80]]", "index.devices is {'weight': 10, 'anchors': [[0, 0], [80, 90], [95, 80]]}: expected a weight"),
        ("[[0, 0], [80, 40], [95, 80], [100, 100]]", "[[0, 0], [100, 101]]", "index.devices is {'weight': 10, 'anchors': [[0, 0], [100, 101]]}: expected a weight"),
        ("[[0, 0], [80, 40], [95, 80], [100, 100]]", "[[0, 0]]", "index.devices is {'weight': 10, 'anchors': [[0, 0]]}: expected a weight"),
        ("traffic = { weight = 20", "traffic = { weight = -1", "index.traffic is {'weight': -1"),
        ("grade_points = { I = 30, II = 10, III = 3, IV = 1 }", "grade_points = { I = 30 }", "index.grade_points is {'I': 30}: expected a number from 0 to 1000 for each grade"),
        ("river_guarantee_m = 4.0", "river_guarantee_m = 2.5", "index.river_warning_m is 3.0: expected less than index.river_guarantee_m, which is 2.5"),
        ('agency = "99010000100100"', 'agency = "9901"', "warning.agency is '9901': expected 14 digits in quotes"),
        ('direction = "above"', 'direction = "up"', "rule[pm25_high].direction is 'up': expected above or below"),
        ("yellow = { raise = 115, clear = 108 }", "yellow = { raise = 115, clear = 116 }", "rule[pm25_high].yellow is {'raise': 115, 'clear': 116}: expected two numbers, the clear value below or at the raise value"),
        ("yellow = { raise = 115, clear = 108 }", "yellow = { raise = 60, clear = 55 }", "rule[pm25_high].blue raises at 75: expected it on the near side of 60, where yellow raises"),
        ('id = "water_level_high"', 'id = "pm25_high"', "rule[pm25_high] is given 2 times: expected each id once"),
        ("raise_hold_s = 20", "raise_hold_s = 20\nhold = 3", "rule[pm25_high].hold is not a key of a rule: expected one of "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_key_value_and_expectation(changed: Path, before: str, after: str, fault: str) -> None:
    (said,) = spoil(changed, (before, after))
    assert said.startswith(fault)


def test_all_mistakes_are_named_at_once(changed: Path) -> None:
    said = spoil(
        changed, ("horizon_h = 24", "horizon_h = 0"), ("detour = 1.3", "detour = 9"), ("raise_hold_s = 60", 'raise_hold_s = "1m"')
    )
    assert [fault.partition(" is ")[0] for fault in said] == [
        "forecast.horizon_h", "dispatch.detour", "rule[water_level_high].raise_hold_s",
    ]  # fmt: skip


def test_a_file_that_is_not_there_or_no_toml_is_a_sentence(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path / "none.toml")
    assert fault.startswith(f"{tmp_path / 'none.toml'} does not exist: expected the policy file; set CITYHELM_CONFIG")
    (tmp_path / "half.toml").write_text("[ingest\n")
    (fault,) = faults_of(tmp_path / "half.toml")
    assert fault.startswith(f"{tmp_path / 'half.toml'} cannot be read (")


def test_a_calendar_that_cannot_be_used_is_told_with_all_its_faults(tmp_path: Path) -> None:
    (tmp_path / "calendar.toml").write_text('country = "ZZ"\nworkdays = "mon-fry"\nholiday = 1\n')
    with pytest.raises(PolicyError) as told:
        load_calendar(tmp_path / "city.toml")
    assert len(told.value.faults) == 3
    assert all("calendar.toml" in fault and "expected" in fault for fault in told.value.faults)


def test_without_a_calendar_no_day_is_a_holiday(tmp_path: Path) -> None:
    assert load_calendar(tmp_path / "city.toml") == ALWAYS
