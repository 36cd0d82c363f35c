"""Dossiers: all that is kept about one incident or one warning, and what the last hours held, each in one consistent view.

Live screens, the time machine and drills ask the same functions; only the `Moment` differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.forecasts import Forecast
from domain.incidents import Command, DrawnArea, Incident, Source, SourceKind
from domain.moments import Moment
from domain.orders import Order
from domain.resources import Reservation, Resource, ResourceRequest
from domain.warnings import Warning, WarningLevel, WarningSource
from storage import audit, commands, evidence, forecasts, incidents, merges, orders, resources, rules, units, warnings
from storage.audit import LogEntry
from storage.connection import Connection, one_view
from storage.incidents import IncidentStep
from storage.merges import Merge
from storage.orders import OrderStep
from storage.rules import RuleVersion
from storage.units import StatusStep
from storage.warnings import PastWarning, RaisedWarning, WarningStep

SIMILAR = 12
"""Earlier warnings of the same rule and object in a dossier."""
LOG_LENGTH = 60
MARKS = 500
"""Of each kind on a timeline; the newest, when there were more."""
CLOSED = 500
ALARM_SLOT_S = 600
"""Alarm rates are told per ten minutes (ANSI/ISA-18.2-2016, clause 16; EEMUA 191)."""


@dataclass(frozen=True, slots=True)
class IncidentDossier:
    """An incident with every step of it and of the units sent to it, what it rests on and is part of, who commands, and what is
    held and asked for it. From: incident*, dispatch_order, order_history, unit_status, resource*."""

    moment: Moment
    incident: Incident
    steps: tuple[IncidentStep, ...]
    texts: tuple[tuple[datetime, str], ...]
    orders: tuple[Order, ...]
    order_steps: tuple[OrderStep, ...]
    statuses: tuple[StatusStep, ...]
    kinds: dict[str, str]
    """Of the units sent, by id."""
    command: Command | None = None
    area: DrawnArea | None = None
    merge: Merge | None = None
    """What it is part of."""
    children: tuple[tuple[Incident, Merge], ...] = ()
    """What is part of it."""
    child_texts: tuple[tuple[str, datetime, str], ...] = ()
    """What was said about those, with whose it was."""
    issued_for: Mapping[str, str] = field(default_factory=dict)
    """By order: the incident for which it was issued, where it goes on for this one now."""
    sources: tuple[Source, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    requests: tuple[ResourceRequest, ...] = ()
    resources: tuple[Resource, ...] = ()
    """Those of the reservations, and one of each type that is asked for."""


@dataclass(frozen=True, slots=True)
class WarningDossier:
    """A warning with every step of it, the rule as it was then, earlier ones like it, and the forecast on which it rests. From:
    warning, warning_history, rule, forecast."""

    moment: Moment
    warning: Warning
    steps: tuple[WarningStep, ...]
    rule: RuleVersion | None
    similar: tuple[PastWarning, ...]
    forecast: Forecast | None
    incidents: tuple[str, ...] = ()
    """That were made of it, or to which it was added."""


@dataclass(frozen=True, slots=True)
class WarningBoard:
    """What the list of warnings needs beside the open ones: who acknowledged them, what ended, how many were raised per slot.
    From: warning, warning_history."""

    moment: Moment
    since: datetime
    acknowledgements: dict[str, tuple[str, datetime]]
    closed: tuple[Warning, ...]
    raised: tuple[tuple[datetime, WarningLevel, int], ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened between `since` and the moment. From: incident*, warning*, dispatch_order."""

    moment: Moment
    since: datetime
    incidents: tuple[tuple[Incident, datetime], ...]
    warnings: tuple[RaisedWarning, ...]
    orders: tuple[Order, ...]


def incident_dossier(
    conn: Connection, moment: Moment, incident_id: str, exercise_id: str | None = None
) -> IncidentDossier | None:
    """None for an incident that was not known in this exercise at the moment."""
    with one_view(conn):
        incident = incidents.find_incident(conn, incident_id, moment)
        if incident is None or incident.exercise_id != exercise_id:
            return None
        sent = orders.list_orders_of(conn, incident_id, moment)
        order_ids = [order.order_id for order in sent]
        children = _children(conn, incident_id, moment)
        family = [incident_id, *(child.incident_id for child, _ in children)]
        held = resources.list_reservations(conn, moment, exercise_id, incident_ids=family, with_released=True)
        asked = resources.list_requests(conn, moment, exercise_id, incident_ids=family)
        return IncidentDossier(
            moment=moment,
            incident=incident,
            steps=tuple(incidents.list_steps(conn, incident_id, moment)),
            texts=tuple(incidents.list_texts(conn, incident_id, moment)),
            orders=tuple(sent),
            order_steps=tuple(orders.list_steps(conn, order_ids, moment)),
            statuses=tuple(units.list_statuses_on(conn, order_ids, moment)),
            kinds=units.list_kinds(conn, sorted({order.unit_id for order in sent})),
            command=commands.find_command(conn, incident_id, moment),
            area=commands.find_area(conn, incident_id, moment),
            merge=merges.find_merge(conn, incident_id, moment),
            children=children,
            child_texts=tuple(
                (child.incident_id, *said)
                for child, _ in children
                for said in incidents.list_texts(conn, child.incident_id, moment)
            ),
            issued_for=merges.list_issued_for(conn, order_ids),
            sources=tuple(evidence.list_sources(conn, family, moment)),
            reservations=tuple(held),
            requests=tuple(asked),
            resources=tuple(_resources_of(conn, moment, exercise_id, held, asked)),
        )


def _children(conn: Connection, root_id: str, moment: Moment) -> tuple[tuple[Incident, Merge], ...]:
    found = [
        (incidents.find_incident(conn, merge.incident_id, moment), merge) for merge in merges.list_merged(conn, root_id, moment)
    ]
    return tuple((child, merge) for child, merge in found if child is not None)


def _resources_of(
    conn: Connection, moment: Moment, exercise_id: str | None, held: list[Reservation], asked: list[ResourceRequest]
) -> list[Resource]:
    """The resources of reservations, and one of each type that is asked for, which says what the type is called."""
    ids = {reservation.resource_id for reservation in held} | set(
        resources.list_samples(conn, {request.type for request in asked})
    )
    return resources.list_resources(conn, moment, exercise_id, resource_ids=sorted(ids)) if ids else []


def warning_dossier(conn: Connection, moment: Moment, warning_id: str, exercise_id: str | None = None) -> WarningDossier | None:
    """None for a warning that was not known in this exercise at the moment."""
    with one_view(conn):
        warning = warnings.find_warning(conn, warning_id, moment)
        if warning is None or warning.exercise_id != exercise_id:
            return None
        return WarningDossier(
            moment=moment,
            warning=warning,
            steps=tuple(warnings.list_steps(conn, warning_id, moment)),
            rule=rules.find_version(conn, warning.rule_id, warning.rule_version),
            similar=tuple(warnings.list_similar(conn, warning, moment, limit=SIMILAR)),
            forecast=_basis(conn, warning),
            incidents=tuple(evidence.list_incidents_of(conn, SourceKind.WARNING, warning.warning_id, "", moment)),
        )


def warning_board(conn: Connection, moment: Moment, *, span: timedelta) -> WarningBoard:
    """The open warnings' acknowledgements, and what ended and was raised within `span` before the moment."""
    with one_view(conn):
        since = moment.at - span
        standing = [warning.warning_id for warning in warnings.list_open_warnings(conn, moment)]
        closed = warnings.list_closed(conn, moment, since, limit=CLOSED)
        asked = [*standing, *(warning.warning_id for warning in closed)]
        return WarningBoard(
            moment=moment,
            since=since,
            acknowledgements=warnings.list_acknowledgements(conn, asked, moment),
            closed=tuple(closed),
            raised=tuple(warnings.count_raised(conn, moment, since, step_s=ALARM_SLOT_S)),
        )


def timeline(conn: Connection, moment: Moment, *, span: timedelta) -> Timeline:
    """The marks of `span` before the moment, newest first, at most `MARKS` of a kind."""
    with one_view(conn):
        since = moment.at - span
        return Timeline(
            moment=moment,
            since=since,
            incidents=tuple(incidents.list_reported(conn, moment, since, limit=MARKS)),
            warnings=tuple(warnings.list_raised(conn, moment, since, limit=MARKS)),
            orders=tuple(orders.list_issued(conn, moment, since, limit=MARKS)),
        )


def log(conn: Connection, moment: Moment, *, incident_id: str | None = None) -> tuple[LogEntry, ...]:
    """The newest entries of the audit: all, or those about an incident and the orders to it."""
    with one_view(conn):
        objects = None
        if incident_id is not None:
            sent = orders.list_orders_of(conn, incident_id, moment)
            objects = [incident_id, *(order.order_id for order in sent)]
            objects += [r.request_id for r in resources.list_requests(conn, moment, incident_ids=[incident_id])]
            held = resources.list_reservations(conn, moment, incident_ids=[incident_id], with_released=True)
            objects += [r.reservation_id for r in held]
            if (merge := merges.find_merge(conn, incident_id, moment)) is not None:
                objects.append(f"{incident_id} → {merge.root_id}")
        return tuple(audit.list_log(conn, moment, limit=LOG_LENGTH, objects=objects, incident_id=incident_id))


def _basis(conn: Connection, warning: Warning) -> Forecast | None:
    """The forecast that a warning of one was raised on or last changed by; None for a warning of what was measured."""
    issued = warning.evidence.get("issued_at")
    if warning.source is not WarningSource.FORECAST or not isinstance(issued, str) or not warning.object_id.isdigit():
        return None
    return forecasts.find_issue(conn, int(warning.object_id), datetime.fromisoformat(issued))
