"""The words of access: whatever an act asks for has a name that the page of approvals can show."""

from __future__ import annotations

import pytest

from dashboard.acts import ACTS
from domain.rights import Action
from layouts.words import CATALOGUE
from storage.approvals import list_rules
from storage.connection import Connection


@pytest.mark.parametrize("action", ACTS, ids=str)
def test_every_field_of_an_act_has_a_name(action: Action) -> None:
    fields, _ = ACTS[action]
    assert [field.name for field in fields if f"field.{field.name}" not in CATALOGUE] == []


def test_every_fact_of_the_policy_has_a_name(conn: Connection) -> None:
    facts = [name for rule in list_rules(conn) for name in rule.facts]
    assert facts
    assert [name for name in facts if f"field.{name}" not in CATALOGUE] == []
