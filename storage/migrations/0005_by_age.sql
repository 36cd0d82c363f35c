-- What is looked for by its age or by what it was about.
-- Rows that retirement finds by their age, in tables that are not cut into days: written in the order of time, so that the smallest
-- kind of index is enough.
CREATE INDEX device_state_by_age ON device_state USING brin (received_time);
CREATE INDEX command_ack_by_age ON command_ack USING brin (received_time);
CREATE INDEX observation_superseded_by_age ON observation_superseded USING brin (superseded_at);
CREATE INDEX request_by_age ON request USING brin (received_time);
CREATE INDEX detection_by_age ON detection USING brin (received_time);
CREATE INDEX outbox_by_age ON outbox USING brin (sent_at);

-- What a rule said of an object before.
CREATE INDEX warning_by_object ON warning (rule_id, object_id, raised_at);
