-- What is said outside the operations room, to whom, and what became of it; and what others say to us.

CREATE TABLE publication (                         -- one row a version; nothing in it ever changes
    publication_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exercise_id    text,
    warning_id     uuid NOT NULL REFERENCES warning,
    version        integer NOT NULL,
    step           text NOT NULL,
    level          text NOT NULL,
    mode           text NOT NULL,
    identifier     text NOT NULL UNIQUE,           -- 31 characters, of this version
    sender         text NOT NULL,
    sent_at        timestamptz NOT NULL,
    onset_at       timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    audiences      text[] NOT NULL,
    saying         jsonb NOT NULL,
    cap            text NOT NULL,                  -- the XML that was agreed to
    actor          text NOT NULL,
    approval_id    text,
    UNIQUE (warning_id, version)
);
CREATE INDEX publication_by_time ON publication (sent_at);
CREATE TRIGGER publication_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON publication
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE notice (                              -- on its way to one recipient by one channel
    notice_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key            text NOT NULL UNIQUE,           -- the same at every attempt, so that a recipient can tell
    exercise_id    text,
    publication_id bigint REFERENCES publication,
    warning_id     uuid REFERENCES warning,
    mass_id        text,                           -- words of a person instead of a warning
    channel        text NOT NULL,
    audience       text NOT NULL,
    lang           text NOT NULL,
    recipient      text NOT NULL,
    mode           text NOT NULL,
    urgency        integer NOT NULL,               -- rank of the level, 1 first; ends before everything
    subject        text NOT NULL,
    body           text NOT NULL,
    facts          jsonb NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL,
    due_at         timestamptz NOT NULL,
    state          text NOT NULL,
    attempts       integer NOT NULL DEFAULT 0,
    tries          integer NOT NULL DEFAULT 0,     -- since it was last given up
    taken_at       timestamptz,                    -- when the attempt under way began
    taken_by       text,
    sent_at        timestamptz,
    said_zh        text NOT NULL DEFAULT '',
    said_en        text NOT NULL DEFAULT ''
);
CREATE INDEX notice_to_send ON notice (due_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX notice_by_warning ON notice (warning_id);
CREATE INDEX notice_by_age ON notice (created_at);
CREATE INDEX notice_that_left ON notice (channel, audience, sent_at) WHERE sent_at IS NOT NULL;

-- What belongs to an exercise or a test never leaves, whoever tries.
CREATE FUNCTION refuse_leaving() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'notice %: what belongs to an exercise or a test is withheld, not %', NEW.key, NEW.state;
END $$;
CREATE TRIGGER notice_of_an_exercise_stays BEFORE INSERT OR UPDATE ON notice FOR EACH ROW
    WHEN ((NEW.mode <> 'actual' OR NEW.exercise_id IS NOT NULL) AND NEW.state <> 'withheld')
    EXECUTE FUNCTION refuse_leaving();

CREATE TABLE notice_attempt (
    notice_id bigint NOT NULL REFERENCES notice ON DELETE CASCADE,
    attempt   integer NOT NULL,
    began_at  timestamptz NOT NULL,
    ended_at  timestamptz,                         -- NULL: under way, or nobody knows what became of it
    outcome   text,
    said_zh   text,
    said_en   text,
    PRIMARY KEY (notice_id, attempt)
);

CREATE TABLE external_alert (                      -- every message that came, once
    external_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id   text NOT NULL,
    sender      text NOT NULL,
    identifier  text NOT NULL,
    sent_at     timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    status      text NOT NULL,
    msg_type    text NOT NULL,
    event       text NOT NULL,
    headline    text NOT NULL,
    expires_at  timestamptz,
    relation    text NOT NULL,
    warning_id  uuid REFERENCES warning,
    said_zh     text NOT NULL,
    said_en     text NOT NULL,
    cap         text NOT NULL,
    UNIQUE (sender, identifier, sent_at)
);
CREATE INDEX external_alert_by_warning ON external_alert (warning_id);
CREATE INDEX external_alert_by_age ON external_alert (received_at);

CREATE TABLE external_refusal (                    -- what could not be read, once by what it holds
    source_id   text NOT NULL,
    digest      bytea NOT NULL,
    received_at timestamptz NOT NULL,
    name        text NOT NULL,
    said_zh     text NOT NULL,
    said_en     text NOT NULL,
    PRIMARY KEY (source_id, digest)
);
CREATE INDEX external_refusal_by_age ON external_refusal (received_at);

CREATE TABLE external_source (                     -- when each was last asked, and what it said
    source_id text PRIMARY KEY,
    polled_at timestamptz NOT NULL,
    is_well   boolean NOT NULL,
    said_zh   text NOT NULL,
    said_en   text NOT NULL,
    etag      text
);
