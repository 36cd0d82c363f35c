-- What one administrator must not do alone, and what a request says, in full.

-- A key can do in a role what its maker may not: it is given by two, as a role is.
INSERT INTO two_person_rule (action, is_required, expiry_s) VALUES ('key.create', true, 86400) ON CONFLICT DO NOTHING;

-- Where, when, for which exercise and whether with a broken glass belongs to what was asked for as well.
CREATE OR REPLACE TRIGGER approval_says_what_it_said BEFORE UPDATE ON approval FOR EACH ROW
    WHEN ((OLD.action, OLD.payload, OLD.payload_hash, OLD.initiator, OLD.initiator_role, OLD.reason, OLD.expires_at, OLD.districts,
           OLD.halls, OLD.department, OLD.requested_at, OLD.is_break_glass, OLD.exercise_id)
          IS DISTINCT FROM
          (NEW.action, NEW.payload, NEW.payload_hash, NEW.initiator, NEW.initiator_role, NEW.reason, NEW.expires_at, NEW.districts,
           NEW.halls, NEW.department, NEW.requested_at, NEW.is_break_glass, NEW.exercise_id)
          OR NEW.approver = NEW.initiator OR NEW.reviewer = NEW.initiator)
    EXECUTE FUNCTION refuse_other_request();
