"""Operations of the past: who was sent, how it went, in messages that the ingester understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from operator import itemgetter

import numpy as np
import pytest

from domain.incidents import IncidentReport
from domain.units import CommandAck, UnitKind, UnitStatus, UnitStatusReport
from gis_data.city import City
from ingest.parse import parse
from iot.payloads import Birth, DispatchCommand, Event, encode
from iot.simulated.driving import Roads
from iot.simulated.fleet import muster
from iot.simulated.operations import NEEDS, Message, Operation, messages_of, operations
from iot.simulated.units import Command, advance, at_home, decode_command
from iot.topics import topic_of
from tests.iot.test_units import SEED

END = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
START = END - timedelta(days=3)


@pytest.fixture(scope="module")
def city(paper_city: City) -> City:
    """Ten times as many people as units: there is always something to do."""
    return replace(paper_city, districts=tuple(replace(d, population=10 * (d.population or 0)) for d in paper_city.districts))


@pytest.fixture(scope="module")
def past(city: City) -> list[Operation]:
    return list(operations(city, SEED, START, END))


@pytest.fixture(scope="module")
def messages(city: City, past: Sequence[Operation]) -> list[Message]:
    births = [(START.timestamp(), v.device_id, "birth", v.birth(START)) for v in muster(city, Roads(city), SEED)]
    said = chain.from_iterable(messages_of(operation, order_expiry_s=120) for operation in past)
    return [*births, *sorted(said, key=itemgetter(0))]


def crew(operation: Operation) -> Counter[UnitKind]:
    return Counter(sortie.vehicle.kind for sortie in operation.sorties)


def test_every_class_and_grade_gets_whom_it_needs(past: Sequence[Operation]) -> None:
    assert len(past) > 500
    for operation in past:
        event = operation.call.event
        if operation.sorties:
            needed = NEEDS[str(event.class_)][{4: 0, 3: 1}.get(event.severity or 0, 2)]
            available = {UnitKind.FLOOD_RESCUE: 2, UnitKind.ENGINEERING: 2}  # two warehouses, one unit of each at either
            assert crew(operation) == {kind: min(n, available.get(kind, n)) for kind, n in needed}


def test_no_unit_is_in_two_places_and_each_goes_through_its_statuses_in_order(past: Sequence[Operation]) -> None:
    spans: dict[str, list[tuple[float, float]]] = {}
    for operation in past:
        for sortie in operation.sorties:
            times = [sortie.issued_s, *sortie.since_s.values()]
            assert list(sortie.since_s) == [
                UnitStatus.DISPATCHED, UnitStatus.ENROUTE, UnitStatus.ON_SCENE, UnitStatus.WORKING, UnitStatus.RETURNING,
                UnitStatus.AVAILABLE,
            ]  # fmt: skip
            assert times == sorted(times)
            assert sortie.issued_s > operation.call.event.ts.timestamp()
            spans.setdefault(sortie.vehicle.unit_id, []).append((sortie.issued_s, sortie.free_s))
    for each in spans.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(each)))


def test_what_would_not_be_over_is_left_to_the_living(past: Sequence[Operation]) -> None:
    assert all(sortie.free_s < END.timestamp() for operation in past for sortie in operation.sorties)
    left = [operation for operation in past if not operation.sorties]
    assert left
    assert len(left) < 0.1 * len(past)
    assert all(operation.call.event.ts > END - timedelta(hours=3) for operation in left)
    assert past[-1] in left


def test_of_free_units_the_one_that_is_there_first_is_sent(past: Sequence[Operation], city: City) -> None:
    """The very first ambulance: all are free, so nobody has a shorter way."""
    roads = Roads(city)
    operation = next(o for o in past if o.sorties and o.call.event.class_ == "medical")
    assert operation.call.event.position is not None
    goal = roads.nearest(*operation.call.event.position)
    homes = {v.home_node for v in muster(city, roads, SEED) if v.kind is UnitKind.AMBULANCE}
    ways = {home: roads.route(home, goal) for home in homes}
    quickest = min(homes, key=lambda home: way.travel_s if (way := ways[home]) else np.inf)
    assert operation.sorties[0].vehicle.home_node == quickest


def test_a_sortie_goes_as_the_same_order_would_go_live(past: Sequence[Operation], city: City) -> None:
    """At night, when roads are empty: the unit in the live city says the same at the same times, to the second."""
    roads = Roads(city)
    fleet = {vehicle.unit_id: vehicle for vehicle in muster(city, roads, SEED)}
    at_night = [
        (operation, sortie)
        for operation in past
        for sortie in operation.sorties
        if operation.call.event.ts.hour == 18 and sortie.vehicle.beat is None  # two in the morning in Shanghai
    ][:12]
    assert len(at_night) > 4
    for operation, sortie in at_night:
        vehicle = fleet[sortie.vehicle.unit_id]
        heard_s = sortie.since_s[UnitStatus.DISPATCHED]
        order = Command(id=sortie.order_id, cmd="dispatch", position=operation.call.event.position)
        state, said = advance(vehicle, at_home(vehicle, heard_s, roads), heard_s, [order], roads)
        _, later = advance(vehicle, state, heard_s + 14_400, (), roads)
        live = {e.status: e.ts.timestamp() for _, e in [*said, *later] if isinstance(e, Event)}
        for status, since_s in sortie.since_s.items():
            assert live[status.value] == pytest.approx(since_s, abs=2 + 0.02 * (since_s - heard_s)), (status, sortie.order_id)


def test_messages_come_in_order_and_are_understood(messages: Sequence[Message], past: Sequence[Operation]) -> None:
    assert all(before[0] <= after[0] for before, after in pairwise(messages))
    reports = [
        report
        for received_s, device_id, kind, payload in messages
        for report in parse(topic_of(device_id, kind), encode(payload), datetime.fromtimestamp(received_s, UTC))
    ]
    kinds = Counter(type(report).__name__ for report in reports)
    n_sorties = sum(len(operation.sorties) for operation in past)
    assert kinds["IncidentReport"] == len(past)
    assert kinds["UnitStatusReport"] == 6 * n_sorties
    assert kinds["CommandAck"] == n_sorties
    assert "Rejection" not in kinds
    incidents = {report.incident_id for report in reports if isinstance(report, IncidentReport)}
    assert incidents == {operation.incident_id for operation in past}
    orders = {r.order_id for r in reports if isinstance(r, UnitStatusReport)} - {None}
    assert orders == {r.command_id for r in reports if isinstance(r, CommandAck)}


def test_an_order_is_given_after_its_incident_and_before_its_unit_answers(messages: Sequence[Message]) -> None:
    reported: set[str] = set()
    ordered: dict[str, str] = {}
    for _, device_id, kind, payload in messages:
        if isinstance(payload, DispatchCommand):
            assert kind == "cmd"
            assert payload.incident in reported
            assert decode_command(encode(payload)).id == payload.id
            ordered[payload.id] = device_id
        elif isinstance(payload, Event) and payload.event == "incident.reported":
            reported.add(f"{device_id.rsplit('/', 1)[1]}-{payload.id}")
        elif not isinstance(payload, Birth):
            order_id = getattr(payload, "ack", None) or getattr(payload, "order", None)
            assert order_id is None or ordered[order_id] == device_id
    assert ordered


def test_the_same_past_twice(city: City, past: Sequence[Operation]) -> None:
    again = operations(city, SEED, START, END)
    assert [list(messages_of(o, order_expiry_s=120)) for o in again] == [list(messages_of(o, order_expiry_s=120)) for o in past]
