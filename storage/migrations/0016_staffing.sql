-- Halls ahead: what is usual there, how long people will wait, windows proposed and what became of it, clerks and rosters, ratings
-- that ask for an answer.

CREATE TABLE hall_profile (                        -- what a hall's own past says: how long a customer keeps a window, how long people
    hall_id     text NOT NULL,                     -- wait before they leave, which windows are usually open when
    learned_at  timestamptz NOT NULL,
    since       timestamptz NOT NULL,              -- events from here on
    n_events    integer NOT NULL,
    content     jsonb NOT NULL,                    -- staffing/profiles.py
    PRIMARY KEY (hall_id, learned_at)
);

CREATE TABLE wait_forecast (                       -- how long somebody would wait who comes then; never rewritten
    hall_id     text NOT NULL,
    item        text NOT NULL,                     -- '': any item of the hall, each as often as people come for it
    issued_at   timestamptz NOT NULL,
    known_until timestamptz NOT NULL,              -- the newest event it knows of
    basis       text NOT NULL,                     -- simulation; snapshots, for halls that tell nothing else; or why there is none
    leads_s     integer[] NOT NULL,
    p10_s       real[] NOT NULL,                   -- calibrated bounds that eight in ten are to stay between; NaN: closed then,
    p50_s       real[] NOT NULL,                   -- Infinity: no window will call him
    p90_s       real[] NOT NULL,
    leave_share real[] NOT NULL,                   -- of those who come then, who is expected to give up
    raw_p10_s   real[] NOT NULL DEFAULT '{}',      -- before calibration
    raw_p50_s   real[] NOT NULL DEFAULT '{}',
    raw_p90_s   real[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (hall_id, item, issued_at)
);
CREATE INDEX wait_forecast_by_issue ON wait_forecast (issued_at);

CREATE TABLE wait_calibration (                    -- how the bounds of a hall are set right, and up to when its forecasts are judged
    hall_id      text PRIMARY KEY,
    judged_until timestamptz NOT NULL,
    content      jsonb NOT NULL                    -- staffing/waits.py: Calibration
);

CREATE TABLE wait_score (                          -- how forecasts of waits held, by local day
    hall_id      text NOT NULL,
    item         text NOT NULL,
    lead_s       integer NOT NULL,
    day          date NOT NULL,
    n            integer NOT NULL,
    n_inside     integer NOT NULL,                 -- of the interval that eight in ten are to fall into
    n_below      integer NOT NULL,
    abs_error_s  double precision NOT NULL,        -- sum, of the median forecast
    persist_s    double precision NOT NULL,        -- sum, of "as long as now"
    PRIMARY KEY (hall_id, item, lead_s, day)
);

CREATE TABLE window_proposal (                     -- which windows to open, close or turn to other items in the next hours
    proposal_id  text PRIMARY KEY,
    exercise_id  text,
    hall_id      text NOT NULL,
    issued_at    timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL,
    state        text NOT NULL,                    -- domain.staffing.ProposalState
    content      jsonb NOT NULL,                   -- staffing/proposals.py: steps, waits before and after, why, what it rests on
    decided_at   timestamptz,
    decided_by   text,
    reason       text,
    outcome      jsonb,                            -- what was followed, and what it did, once it is over
    judged_at    timestamptz
);
CREATE UNIQUE INDEX one_open_proposal_a_hall ON window_proposal (hall_id, exercise_id) NULLS NOT DISTINCT WHERE state = 'open';
CREATE INDEX window_proposal_by_hall ON window_proposal (hall_id, issued_at);

CREATE TABLE window_look (                         -- when the windows of a hall were last looked at, and why nothing is proposed
    hall_id     text PRIMARY KEY,
    looked_at   timestamptz NOT NULL,
    took_ms     integer NOT NULL,
    said        jsonb,                             -- {"zh": …, "en": …}; null: a proposal was made
    windows     integer[] NOT NULL DEFAULT '{}'    -- the numbers of the windows that were heard of in the last weeks
);

CREATE TABLE window_step (                         -- one command to one window, of an accepted proposal or by hand
    step_id     text PRIMARY KEY,                  -- the command's id over MQTT
    exercise_id text,
    proposal_id text REFERENCES window_proposal,
    hall_id     text NOT NULL,
    device_id   text NOT NULL,
    window_no   integer NOT NULL,
    wanted      text NOT NULL,                     -- domain.halls.WindowState: open, paused, closed
    items       text[] NOT NULL DEFAULT '{}',
    due_at      timestamptz NOT NULL,
    actor       text NOT NULL,
    decided_at  timestamptz NOT NULL,
    state       text NOT NULL,                     -- domain.staffing.StepState
    sent_at     timestamptz,
    answered_at timestamptz,
    answer      text,                              -- domain.halls.WindowAnswer, as the hall said it
    ended_at    timestamptz,
    follows     text REFERENCES window_step        -- the step that this one ends: without that it is not sent either
);
CREATE INDEX window_step_of_proposal ON window_step (proposal_id) WHERE proposal_id IS NOT NULL;
CREATE INDEX window_step_by_hall ON window_step (hall_id, due_at);
CREATE INDEX window_step_open ON window_step (due_at) WHERE state IN ('planned', 'sent');

CREATE TABLE hall_clerk (                          -- who can work at the windows, by pseudonym
    hall_id     text NOT NULL,
    clerk       text NOT NULL,
    skills      text[] NOT NULL,
    week_h      real NOT NULL,                     -- hours a week at most
    wishes      jsonb NOT NULL DEFAULT '{}',       -- {"off_weekdays": [5], "shifts": ["early"]}
    origin      text NOT NULL,                     -- seen at a window, or registered by a person
    since       timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL,
    retired_at  timestamptz,
    PRIMARY KEY (hall_id, clerk)
);

CREATE TABLE clerk_absence (
    absence_id  text PRIMARY KEY,
    hall_id     text NOT NULL,
    clerk       text NOT NULL,
    first_date  date NOT NULL,
    last_date   date NOT NULL,
    kind        text NOT NULL,                     -- domain.staffing.AbsenceKind
    actor       text NOT NULL,
    noted_at    timestamptz NOT NULL,
    cancelled_at timestamptz,
    cancelled_by text
);
CREATE INDEX clerk_absence_by_hall ON clerk_absence (hall_id, first_date);

CREATE TABLE roster (                              -- who works when in the coming days; of a day one is in force
    roster_id   text PRIMARY KEY,
    exercise_id text,
    hall_id     text NOT NULL,
    first_date  date NOT NULL,
    last_date   date NOT NULL,
    state       text NOT NULL,                     -- domain.staffing.RosterState
    asked_at    timestamptz NOT NULL,
    asked_by    text NOT NULL,
    wanted      jsonb NOT NULL,                    -- demand quantile, time limit, relaxations agreed to
    solved_at   timestamptz,
    content     jsonb,                             -- staffing/rosters: shifts, demand, shortfalls, comparison
    decided_at  timestamptz,
    decided_by  text
);
CREATE INDEX roster_by_hall ON roster (hall_id, first_date);
CREATE INDEX roster_asked ON roster (asked_at) WHERE state = 'asked';

CREATE TABLE rating_follow_up (                    -- every bad rating is answered: within 15 working days
    follow_up_id text PRIMARY KEY,
    exercise_id  text,
    hall_id      text NOT NULL,
    ticket       text NOT NULL,
    rated_at     timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    grade        smallint NOT NULL,
    item         text NOT NULL,
    window_no    integer,
    clerk        text,
    wait_s       real,
    opened_at    timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,             -- the end of the last working day
    state        text NOT NULL,                    -- domain.staffing.FollowUpState
    state_since  timestamptz NOT NULL,
    actor        text,
    UNIQUE NULLS NOT DISTINCT (hall_id, ticket, rated_at, exercise_id)
);
CREATE INDEX rating_follow_up_by_hall ON rating_follow_up (hall_id, opened_at);
CREATE INDEX rating_follow_up_open ON rating_follow_up (due_at) WHERE state <> 'closed';

CREATE TABLE rating_follow_up_step (               -- what was done about it; never rewritten
    follow_up_id text NOT NULL REFERENCES rating_follow_up,
    at           timestamptz NOT NULL,
    state        text NOT NULL,
    actor        text NOT NULL,
    words        text NOT NULL,                    -- free text: shown to those with the right alone
    PRIMARY KEY (follow_up_id, at)
);

CREATE TABLE hall_day (                            -- days of halls that are over, in figures
    hall_id     text NOT NULL,
    day         date NOT NULL,                     -- local
    made_at     timestamptz NOT NULL,
    n_events    bigint NOT NULL,                   -- made from so many: when others come, it is made anew
    content     jsonb NOT NULL,                    -- staffing/hall_days.py: who came, how long they waited, by item and hour
    PRIMARY KEY (hall_id, day)
);
CREATE INDEX hall_day_by_day ON hall_day (day);

CREATE TABLE hall_surge (                          -- services for which more people came than expected
    hall_id     text NOT NULL,                     -- '': in all halls together
    item        text NOT NULL,
    since       timestamptz NOT NULL,
    raised_at   timestamptz NOT NULL,
    shown_at    timestamptz NOT NULL,              -- last seen
    ended_at    timestamptz,
    content     jsonb NOT NULL,                    -- staffing/surges.py: people, expected, of how many minutes, by what chance
    PRIMARY KEY (hall_id, item, raised_at)
);
CREATE INDEX hall_surge_open ON hall_surge (hall_id, item) WHERE ended_at IS NULL;
CREATE INDEX hall_surge_by_begin ON hall_surge (raised_at);

CREATE TABLE hall_weeks (                          -- what the weeks say of all halls; the newest alone
    made_at     timestamptz PRIMARY KEY,
    content     jsonb NOT NULL                     -- staffing/city_desk.py: effects of rain, closed roads, eves; best times to come
);

-- What became of a unit that was told to wait somewhere else; what was said before nobody settles any more.
ALTER TABLE stand_by ADD COLUMN expires_at timestamptz,
    ADD COLUMN state text NOT NULL DEFAULT 'expired',  -- domain.orders.OrderState
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN why text;
CREATE INDEX stand_by_open ON stand_by (issued_at) WHERE state = 'issued';
