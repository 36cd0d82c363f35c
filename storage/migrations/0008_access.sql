-- Who may sign in, in which roles; their sessions; the second person; machines' keys.

CREATE TABLE account (
    name            text PRIMARY KEY,              -- a pseudonym, no person's contact
    department      text,
    password_hash   text,                          -- argon2id; NULL: no sign-in by password
    must_change     boolean NOT NULL DEFAULT false,
    password_set_at timestamptz,
    totp_secret     text,                          -- base32; NULL: none set
    totp_last_step  bigint,                        -- the newest step of 30 s whose code was taken: no code counts twice
    subject         text UNIQUE,                   -- who it is at the identity provider: its claim sub
    created_at      timestamptz NOT NULL,
    created_by      text NOT NULL,
    disabled_at     timestamptz
);

CREATE TABLE account_grant (
    grant_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL REFERENCES account,
    role        text NOT NULL,
    districts   text[],                            -- NULL: all
    halls       text[],                            -- NULL: all
    department  text,                              -- NULL: all
    granted_at  timestamptz NOT NULL,
    granted_by  text NOT NULL,
    approval_id text,
    revoked_at  timestamptz,
    revoked_by  text
);
CREATE UNIQUE INDEX one_grant_of_a_kind ON account_grant (name, role, districts, halls, department) NULLS NOT DISTINCT
    WHERE revoked_at IS NULL;

CREATE TABLE session (
    token_hash       bytea PRIMARY KEY,            -- SHA-256 of the cookie, which is nowhere kept
    name             text NOT NULL REFERENCES account,
    grant_id         bigint REFERENCES account_grant,
    how              text NOT NULL,                -- password, provider, demonstration
    created_at       timestamptz NOT NULL,         -- of the sign-in, whatever tokens followed it
    seen_at          timestamptz NOT NULL,
    second_factor_at timestamptz,
    ended_at         timestamptz
);
CREATE INDEX session_by_account ON session (name) WHERE ended_at IS NULL;
CREATE INDEX session_by_age ON session (created_at);

CREATE TABLE sign_in_attempt (                     -- counted before a password is looked at; a success clears what was before
    attempt_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attempted_at timestamptz NOT NULL,
    name_hash    bytea NOT NULL,                   -- of what was typed: people type passwords there too
    address      text NOT NULL,
    succeeded    boolean NOT NULL DEFAULT false
);
CREATE INDEX sign_in_attempt_by_name ON sign_in_attempt (name_hash, attempted_at);
CREATE INDEX sign_in_attempt_by_address ON sign_in_attempt (address, attempted_at);
CREATE INDEX sign_in_attempt_by_age ON sign_in_attempt (attempted_at);

CREATE TABLE two_person_rule (                     -- the policy, as data
    action      text PRIMARY KEY,
    is_required boolean NOT NULL,
    expiry_s    double precision NOT NULL,
    facts       jsonb NOT NULL DEFAULT '{}'        -- field of the act → values in which alone it is asked for
);
INSERT INTO two_person_rule (action, is_required, expiry_s, facts) VALUES
    ('warning.publish', true, 900, '{}'), ('warning.raise', true, 900, '{}'), ('warning.lower', true, 900, '{}'),
    ('warning.cancel', true, 900, '{}'), ('rule.change', true, 86400, '{}'), ('notice.mass', true, 900, '{}'),
    ('data.delete', true, 86400, '{}'), ('access.grant', true, 86400, '{}'), ('policy.change', true, 86400, '{}'),
    ('incident.response', true, 900, '{"level": ["I", "II"]}');

CREATE TABLE approval (
    approval_id     text PRIMARY KEY,
    exercise_id     text,
    action          text NOT NULL,
    payload         jsonb NOT NULL,
    payload_hash    text NOT NULL,
    initiator       text NOT NULL,
    initiator_role  text NOT NULL,
    districts       text[],                        -- where the initiator's grant held
    halls           text[],
    department      text,
    reason          text NOT NULL,
    requested_at    timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    state           text NOT NULL,
    approver        text,                          -- never the initiator
    approver_role   text,
    decided_at      timestamptz,
    decision_reason text,
    executed_at     timestamptz,
    is_break_glass  boolean NOT NULL DEFAULT false,
    reviewer        text,                          -- never the initiator
    reviewed_at     timestamptz,
    review          text
);
CREATE INDEX approval_waiting ON approval (requested_at) WHERE state = 'pending' OR (is_break_glass AND reviewed_at IS NULL);
CREATE INDEX approval_by_time ON approval (requested_at);

-- What was asked for never changes; what becomes of it does, by another person than who asked.
CREATE FUNCTION refuse_other_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'approval %: what was asked for cannot be changed, nor decided by who asked', OLD.approval_id;
END $$;
CREATE TRIGGER approval_says_what_it_said BEFORE UPDATE ON approval FOR EACH ROW
    WHEN ((OLD.action, OLD.payload, OLD.payload_hash, OLD.initiator, OLD.initiator_role, OLD.reason, OLD.expires_at)
          IS DISTINCT FROM
          (NEW.action, NEW.payload, NEW.payload_hash, NEW.initiator, NEW.initiator_role, NEW.reason, NEW.expires_at)
          OR NEW.approver = NEW.initiator OR NEW.reviewer = NEW.initiator)
    EXECUTE FUNCTION refuse_other_request();

CREATE TABLE api_key (
    key_id     text PRIMARY KEY,
    key_hash   bytea NOT NULL UNIQUE,              -- SHA-256: the key is made at random, there is nothing to guess
    role       text NOT NULL,
    actions    text[] NOT NULL,
    districts  text[],
    halls      text[],
    department text,
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz
);

-- Append-only also for a session that says it is a replica (session_replication_role), where ordinary triggers are silent.
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_append_only;
ALTER TABLE audit_chain ENABLE ALWAYS TRIGGER audit_chain_append_only;
