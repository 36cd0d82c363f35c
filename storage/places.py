"""Places of objects, as rights ask for them: district, hall, department, by what is stored. An object that is not known has none,
so that bounded rights do not reach it, and do not tell whether it is there."""

from __future__ import annotations

from uuid import UUID

from domain.rights import Place
from storage.connection import Connection


def place_of_incident(conn: Connection, incident_id: str) -> Place:
    """By the desk that reported it, whose id begins with its district."""
    row = conn.execute("SELECT split_part(device_id, '/', 1) FROM incident WHERE incident_id = %s", (incident_id,)).fetchone()
    return Place(district=row[0] or None) if row else Place()


def place_of_warning(conn: Connection, warning_id: str) -> Place:
    try:
        number = UUID(warning_id)
    except ValueError:
        return Place()
    row = conn.execute("SELECT district_code FROM warning WHERE warning_id = %s", (number,)).fetchone()
    return Place(district=row[0]) if row else Place()


def place_of_sending(conn: Connection, unit_id: str, incident_id: str) -> Place:
    """The district of the incident, the department of the unit."""
    row = conn.execute("SELECT department FROM unit WHERE unit_id = %s", (unit_id,)).fetchone()
    return Place(place_of_incident(conn, incident_id).district, department=row[0] if row else None)


def place_of_unit(conn: Connection, unit_id: str) -> Place:
    """By the device that it is, whose id begins with its district."""
    row = conn.execute("SELECT split_part(device_id, '/', 1), department FROM unit WHERE unit_id = %s", (unit_id,)).fetchone()
    return Place(district=row[0] or None, department=row[1]) if row else Place()


def place_of_order(conn: Connection, order_id: str) -> Place:
    row = conn.execute("SELECT unit_id, incident_id FROM dispatch_order WHERE order_id = %s", (order_id,)).fetchone()
    return place_of_sending(conn, row[0], row[1]) if row else Place()


def place_of_resource(conn: Connection, resource_id: str) -> Place:
    row = conn.execute("SELECT district_code, department FROM resource WHERE resource_id = %s", (resource_id,)).fetchone()
    return Place(district=row[0], department=row[1]) if row else Place()
