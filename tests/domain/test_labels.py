"""The words: every enumeration speaks both languages, keeps its values, and never drops what it does not know."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import domain
from domain.incidents import GRADE_BY_SEVERITY, HAZARD_CLASSES, OPEN_STATES, Grade, IncidentState
from domain.labels import Labelled
from domain.observations import USABLE_QUALITY_CODES, Quality
from domain.orders import OrderState
from domain.rights import Action
from domain.sensors import PROPERTIES, DeviceMode, SensorKind, find_kind
from domain.units import UnitKind, UnitStatus
from domain.warnings import OPEN_WARNING_STATES, WarningLevel, WarningState

MODULES = [importlib.import_module(f"domain.{module.name}") for module in pkgutil.iter_modules(domain.__path__)]
ENUMERATIONS = sorted(
    {
        member
        for module in MODULES
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Labelled) and member is not Labelled
    },
    key=lambda enumeration: enumeration.__name__,
)


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def test_there_are_enumerations_to_speak_of() -> None:
    assert len(ENUMERATIONS) >= 15


@pytest.mark.parametrize("enumeration", ENUMERATIONS)
def test_every_member_speaks_both_languages(enumeration: type[Labelled]) -> None:
    for member in enumeration:
        assert _is_chinese(member.label("zh"))
        assert member.label("en")
        assert member.label("en").isascii()
    for lang in ("zh", "en"):
        labels = [member.label(lang) for member in enumeration]
        assert len(set(labels)) == len(labels), "two members that read the same cannot be told apart"


@pytest.mark.parametrize("enumeration", ENUMERATIONS)
def test_a_stored_value_comes_back_as_its_member(enumeration: type[Labelled]) -> None:
    for member in enumeration:
        assert enumeration.of(str(member)) is enumeration.known(member.value) is member
        assert f"{member}" == member.value == str(member)


@pytest.mark.parametrize("enumeration", ENUMERATIONS)
def test_an_unknown_word_is_none_or_a_sentence(enumeration: type[Labelled]) -> None:
    assert enumeration.known("no such word") is None
    expected = f"{enumeration.__name__} is 'no such word': expected one of {next(iter(enumeration))}"
    with pytest.raises(ValueError, match=expected.replace(".", r"\.")):
        enumeration.of("no such word")


# What is stored and sent. A value that is changed or taken away here is a value that old rows still hold: add a migration.
STORED = {
    "Action": "order.issue order.cancel warning.acknowledge incident.close",
    "ClosureSource": "drawn sensor incident",
    "Cause": "range unit doubted rate stuck spike late missing skew twin",
    "DeviceMode": "periodic on_change",
    "DeviceState": "online offline unknown",
    "Freshness": "fresh late stale silent never",
    "Grade": "I II III IV",
    "HallEventKind": "arrive call recall start end no_show transfer park abandon window.open window.pause window.close window.fault "
    "rating",
    "IncidentState": "reported verified responding controlled recovering closed merged false_alarm",
    "SegmentKind": "processing answering turnout travel at_scene",
    "Lane": "quality insight warning",
    "SeriesMeasure": "value rate sum mean",
    "Subject": "property derived hall index quality silence events anomaly combination",
    "HallFigure": "waiting wait_p90_min longest_wait_min wait_ahead_p90_min",
    "ProposalState": "open accepted declined superseded expired withdrawn done",
    "StepState": "planned sent accepted refused unanswered cancelled",
    "AbsenceKind": "leave sick training duty",
    "RosterState": "asked draft failed in_force superseded withdrawn",
    "FollowUpState": "open contacted corrected closed",
    "CityIndex": "aqi traffic",
    "Happening": "incidents requests",
    "Acceptance": "usable good uncertain",
    "Days": "all workdays days_off",
    "NoticeState": "waiting sending sent dead withheld superseded",
    "PublicationStep": "publish update raise lower over withdrawn",
    "Relation": "opened changed ended linked duplicate own noted",
    "Audience": "operators leaders public",
    "Measure": "arrivals served requests incidents mean",
    "Oddity": "stuck silent jump drift shift unusual_hour unusual_level new_extreme restless breach station ceaseless limit",
    "OrderState": "issued sent accepted declined expired done cancelled",
    "Quality": "good uncertain bad simulated backfilled",
    "Reason": "unknown_topic unknown_kind too_large nul_character broken_json cut_short too_deep number_too_great no_object missing no_text no_number "
    "no_whole_number no_truth no_field_object no_array no_pair no_time too_long too_small not_above too_great unknown_word "
    "min_above_max unusable not_finite future clock_not_set impossible_position unknown_crs unknown_event unstorable "
    "rate_limited",
    "RejectionCode": "unknown_topic unknown_kind too_large nul_character broken_json malformed not_a_number future clock_not_set "
    "impossible_position unknown_crs unknown_event unstorable rate_limited",
    "ResponseLevel": "I II III IV none",
    "Role": "leader duty_officer commander dispatcher hall_manager operator auditor administrator wall system visitor",
    "ApprovalState": "pending approved rejected expired executed break_glass",
    "Verdict": "approve reject",
    "ReportChannel": "phone 110 119 120 122 12345 grid radio video department sensor warning other",
    "RequestState": "draft requested acknowledged committed declined deployed extended released returned cancelled",
    "ResourceKind": "team equipment supply shelter hospital",
    "ResourceStatus": "ready out_of_service",
    "SourceKind": "request detection warning",
    "ServiceItem": "social_security medical_insurance provident_fund tax business_licence real_estate construction_permit "
    "household_registration id_card entry_exit vehicle civil_affairs utilities enquiry",
    "TicketChannel": "walk_in appointment",
    "UnitKind": "ambulance engine police flood_rescue engineering",
    "UnitStatus": "available dispatched enroute on_scene working staging returning out_of_service",
    "Suspicion": "clock_ahead clock_behind two_sequences two_places contradictions",
    "AssigneeKind": "account role",
    "WarningTransition": "raised escalated downgraded noted verified published acknowledged handling lifted cancelled expired",
    "WarningVerdict": "right false_alarm test",
    "WarningLevel": "red orange yellow blue",
    "WarningMode": "actual exercise test draft system",
    "WarningSource": "rule forecast anomaly external_cap manual",
    "WarningState": "candidate verified pending_approval published acknowledged handling lifted cancelled expired",
    "WindowAnswer": "accepted no_such_window no_such_state no_such_command not_offered hall_closed window_fault window_closed no_clerk "
    "no_skill",
    "WindowState": "open paused closed fault",
}


@pytest.mark.parametrize("enumeration", ENUMERATIONS)
def test_stored_values_are_stable(enumeration: type[Labelled]) -> None:
    before = STORED[enumeration.__name__].split()
    assert [member.value for member in enumeration][: len(before)] == before, "values may be added at the end, never changed"


def test_quality_codes_are_those_in_the_database() -> None:
    assert {quality.value: quality.code for quality in Quality} == {
        "good": 0, "uncertain": 1, "bad": 2, "simulated": 3, "backfilled": 4,
    }  # fmt: skip
    assert [Quality.from_code(code) for code in range(5)] == list(Quality)
    assert USABLE_QUALITY_CODES == (0, 3, 4)


def test_open_states_and_ended_states_are_all_states() -> None:
    assert set(IncidentState) - set(OPEN_STATES) == {IncidentState.CLOSED, IncidentState.MERGED, IncidentState.FALSE_ALARM}
    assert set(WarningState) - set(OPEN_WARNING_STATES) == {WarningState.LIFTED, WarningState.CANCELLED, WarningState.EXPIRED}


def test_a_level_is_known_by_rank_severity_and_shape_and_not_by_colour_alone() -> None:
    assert [(level.rank, level.cap_severity) for level in WarningLevel] == [
        (1, "Extreme"), (2, "Severe"), (3, "Moderate"), (4, "Minor"),
    ]  # fmt: skip
    assert len({level.shape for level in WarningLevel}) == 4
    assert [level.zh for level in WarningLevel] == ["Ⅰ级 红色", "Ⅱ级 橙色", "Ⅲ级 黄色", "Ⅳ级 蓝色"]


def test_severity_one_is_the_gravest() -> None:
    assert [GRADE_BY_SEVERITY[severity] for severity in (1, 2, 3, 4)] == list(Grade)


def test_each_kind_of_unit_has_its_own_mark() -> None:
    marks = [kind.mark for kind in UnitKind]
    assert len(set(marks)) == len(marks)
    assert all(len(mark) == 1 and _is_chinese(mark) for mark in marks)


def test_hazards_speak_both_languages() -> None:
    for zh, en in HAZARD_CLASSES.values():
        assert _is_chinese(zh)
        assert en.isascii()


def test_every_sensor_kind_observes_known_properties() -> None:
    for kind in SensorKind:
        assert _is_chinese(kind.label("zh"))
        assert kind.label("en").isascii()
        assert set(kind.properties) <= PROPERTIES.keys()
        assert kind.interval_s > 0
        assert find_kind(kind.type_name) is kind
    assert find_kind("Teapot") is None
    assert set(PROPERTIES) == {name for kind in SensorKind for name in kind.properties}, "no property without a sensor"


def test_every_property_has_a_unit_limits_and_words() -> None:
    for name, prop in PROPERTIES.items():
        assert prop.name == name
        assert prop.low < prop.high
        assert prop.unit
        assert prop.label("zh")
        assert prop.label("en")
        assert prop.non_negative == (prop.low >= 0)


def test_words_that_are_compared_are_written_as_they_are_stored() -> None:
    assert (DeviceMode.ON_CHANGE, UnitStatus.OUT_OF_SERVICE, OrderState.SENT) == ("on_change", "out_of_service", "sent")
    assert Action.ISSUE_ORDER == "order.issue"
