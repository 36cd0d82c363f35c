"""Words that stand in SQL as literals are the words of domain; what is stored as a number keeps its number."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from domain.incidents import Grade
from domain.labels import Labelled
from domain.observations import USABLE_QUALITY_CODES
from domain.orders import OPEN_ORDER_STATES, OrderState
from domain.quality import CAUSE_BITS, FIRST_OF_NEIGHBOURS, READING_CAUSES, Cause
from domain.sensors import DeviceMode, DeviceState, SensorKind
from domain.units import ATTENDING, SENDABLE, UnitStatus
from tests.support.source import ROOT

SQL = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*(ROOT / "storage").glob("*.py"), *(ROOT / "storage/migrations").glob("*.sql")])
}


def _lists(pattern: str) -> list[tuple[str, tuple[str, ...]]]:
    """(file, words) of every `pattern IN ('a', 'b')`."""
    return [
        (path, tuple(word.strip(" '") for word in found.split(",")))
        for path, text in SQL.items()
        for found in re.findall(rf"{pattern} (?:NOT )?IN \(([^)]*)\)", text)
    ]


def test_usable_qualities_in_sql_are_those_of_domain() -> None:
    found = _lists(r"\bquality")
    assert len(found) >= 4
    assert {words for _, words in found} == {tuple(str(code) for code in USABLE_QUALITY_CODES)}


def test_statuses_in_sql_that_mean_free_or_there_are_those_of_domain() -> None:
    found = [words for path, words in _lists(r"s\.status") if path == "storage/orders.py"]
    assert found
    assert {frozenset(words) for words in found} == {frozenset(s.value for s in group) for group in (SENDABLE, ATTENDING)}


def test_order_states_in_sql_are_those_of_domain() -> None:
    (open_states,) = [words for _, words in _lists(r"state\.state")]
    assert open_states == tuple(state.value for state in OPEN_ORDER_STATES)
    (answered,) = [words for _, words in _lists(r"h\.state")]
    assert answered == (OrderState.ACCEPTED.value, OrderState.DECLINED.value)
    assert f"h.state = '{OrderState.SENT.value}'" in SQL["storage/orders.py"]


def test_grades_in_sql_are_ordered_as_in_domain() -> None:
    (order,) = re.findall(r"array_position\(ARRAY\[([^\]]*)\], status\.grade\)", SQL["storage/incidents.py"])
    assert [word.strip(" '") for word in order.split(",")] == [grade.value for grade in Grade]


@pytest.mark.parametrize(
    ("path", "literal", "word"),
    [
        ("storage/snapshots.py", "type_name <> '{}'", SensorKind.UNIT.type_name),
        ("storage/units.py", "coalesce(status.status, '{}')", UnitStatus.OUT_OF_SERVICE.value),
        ("storage/health.py", "mode = '{}'", DeviceMode.ON_CHANGE),
        ("storage/devices.py", "mode = '{}'", DeviceMode.PERIODIC),
        ("storage/migrations/0001_observations.sql", "mode           text NOT NULL DEFAULT '{}'", DeviceMode.PERIODIC.value),
        ("storage/migrations/0001_observations.sql", "state          text NOT NULL DEFAULT '{}'", DeviceState.UNKNOWN.value),
    ],
)
def test_a_word_in_sql_is_a_word_of_domain(path: str, literal: str, word: str) -> None:
    assert literal.format(word) in SQL[path]


def test_no_enumeration_is_frozen_into_the_schema() -> None:
    """A word that a newer device sends must be storable: enumerations live in domain, not as types or checks in the database."""
    for path, text in SQL.items():
        if path.endswith(".sql"):
            assert "CREATE TYPE" not in text.upper(), path
            assert not re.search(r"\bCHECK\s*\(", text, re.IGNORECASE), path


def test_labelled_words_travel_as_plain_text() -> None:
    """They are stored through `.value`; a member is a str all the same, so that JSON and SQL see the same word."""
    import json

    class Colour(Labelled):
        RED = "red", "红", "red"

    assert json.dumps([Colour.RED, OrderState.SENT]) == '["red", "sent"]'
    assert {Colour.RED: 1}["red"] == 1  # type: ignore[index]


def test_causes_in_sql_are_those_of_domain() -> None:
    counted = SQL["storage/migrations/0007_account.sql"]
    assert re.findall(r"WHERE cause = (\d)\)", counted) == [str(cause.code) for cause in READING_CAUSES]
    assert f"THEN 0 ELSE {Cause.DOUBTED.code} END AS cause" in counted
    assert {int(mask) for text in SQL.values() for mask in re.findall(r"doubt & (\d+)", text)} == {(1 << CAUSE_BITS) - 1}
    assert set(re.findall(r"doubt & 15 >= (\d)", SQL["storage/series.py"])) == {str(FIRST_OF_NEIGHBOURS)}


def test_every_advisory_lock_has_a_number_of_its_own() -> None:
    """Of two that share one, one would wait for what it knows nothing of."""
    places = [(number, path) for path, text in SQL.items() for number in re.findall(r"LOCK\w* = (7_205_\d{3})", text)]
    assert len(places) > 10
    numbers = Counter(number for number, _ in places)
    assert [place for place in places if numbers[place[0]] > 1] == []
