from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.identifier import Allotter, compose

AGENCY = "99010000100100"
NEW_YEAR_IN_BEIJING = datetime(2025, 12, 31, 16, 0, 5, tzinfo=UTC)


def test_an_identifier_has_31_characters_and_beijing_time() -> None:
    identifier = compose(AGENCY, NEW_YEAR_IN_BEIJING, 7)
    assert identifier == "99010000100100_20260101000005_7"
    assert len(identifier) == 31


@pytest.mark.parametrize("agency", ["", "9901000010010", "9901000010010A"])
def test_a_wrong_agency_is_named(agency: str) -> None:
    with pytest.raises(ValueError, match=f"the agency of warnings is '{agency}': expected 14 digits"):
        Allotter(agency)


def test_a_storm_gets_identifiers_of_the_seconds_that_follow() -> None:
    allotter = Allotter(AGENCY)
    given = [allotter.allot(NEW_YEAR_IN_BEIJING, k % 10) for k in range(25)]
    assert len(set(given)) == 25
    assert given[24] == "99010000100100_20260101000007_4"
    assert given[10] == "99010000100100_20260101000006_0"
