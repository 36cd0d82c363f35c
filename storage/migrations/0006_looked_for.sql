-- What retirement finds by its age, and acts by what they were about.
CREATE INDEX unit_status_by_age ON unit_status USING brin (recorded_at);
CREATE INDEX incident_text_by_age ON incident_text USING brin (recorded_at);

CREATE INDEX audit_entry_by_object ON audit_entry (object);
-- The object of an order's entry is "unit → incident" (dispatch/orders.py).
CREATE INDEX audit_entry_by_incident ON audit_entry (split_part(object, ' → ', 2)) WHERE split_part(object, ' → ', 2) <> '';
