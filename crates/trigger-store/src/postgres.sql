-- What trigger-api remembers, on Postgres. sqlite.sql is the same for SQLite: the same tables and columns.
-- COLLATE "C" orders and compares by bytes, as SQLite does; indexes then also survive an upgrade of the C library.

CREATE TABLE runs (
    id TEXT COLLATE "C" PRIMARY KEY,
    target TEXT COLLATE "C" NOT NULL,
    namespace TEXT NOT NULL,
    job_name TEXT COLLATE "C" NOT NULL,
    triggered_by TEXT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    cause_reason TEXT,
    cause_message TEXT,
    cause_exit_code INTEGER,
    requested_by TEXT,
    reason TEXT,
    request_id TEXT,
    fingerprint TEXT,
    -- Times are RFC 3339 in UTC with six decimals, so the order of the texts is the order of the times.
    created_at TEXT COLLATE "C" NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    saved_at TEXT NOT NULL,
    -- Counts the writes: who has read version n may write version n + 1.
    version BIGINT NOT NULL
);

-- One index for each list that is asked for, in the order in which it is told.
CREATE INDEX runs_newest ON runs (created_at, id);
CREATE INDEX runs_of_target ON runs (target, created_at, id);
CREATE INDEX runs_in_state ON runs (state, created_at, id);
CREATE INDEX runs_of_job ON runs (job_name, created_at, id);
CREATE INDEX runs_unfinished ON runs (target, created_at, id) WHERE state IN ('pending', 'running');

CREATE TABLE run_logs (
    run_id TEXT COLLATE "C" PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    text BYTEA NOT NULL,
    cut INTEGER NOT NULL,
    saved_at TEXT NOT NULL
);

-- No reference to runs: an event may outlive its run.
CREATE TABLE run_events (
    sequence BIGINT PRIMARY KEY,
    at TEXT NOT NULL,
    run_id TEXT NOT NULL,
    target TEXT NOT NULL,
    namespace TEXT NOT NULL,
    job_name TEXT NOT NULL,
    triggered_by TEXT NOT NULL,
    state TEXT NOT NULL,
    cause_reason TEXT,
    cause_message TEXT,
    cause_exit_code INTEGER,
    requested_by TEXT,
    reason TEXT,
    request_id TEXT,
    fingerprint TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT
);

-- The number of the last event, in the one row of this table. A sequence would not do: its numbers become visible in the
-- order of the commits, so a reader that has seen 8 might find 7 only later and would have passed it by. Who counts up
-- here holds the row until the commit, so the order of the numbers is the order of the commits, without gaps.
CREATE TABLE run_event_counter (
    last BIGINT NOT NULL
);
INSERT INTO run_event_counter (last) VALUES (0);

-- A change and its event are one statement: nothing can come between them, no client can keep the counter's row while it
-- is slow, and storing a new run takes one round trip.
CREATE FUNCTION note_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number BIGINT;
BEGIN
    UPDATE run_event_counter SET last = last + 1 RETURNING last INTO STRICT number;
    INSERT INTO run_events VALUES (
        number, NEW.saved_at, NEW.id, NEW.target, NEW.namespace, NEW.job_name, NEW.triggered_by, NEW.state,
        NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.requested_by, NEW.reason, NEW.request_id,
        NEW.fingerprint, NEW.created_at, NEW.started_at, NEW.finished_at
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER run_created AFTER INSERT ON runs FOR EACH ROW EXECUTE FUNCTION note_run_event();

CREATE TRIGGER run_changed AFTER UPDATE ON runs FOR EACH ROW
WHEN (
    (OLD.state, OLD.cause_reason, OLD.cause_message, OLD.cause_exit_code)
    IS DISTINCT FROM (NEW.state, NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code)
)
EXECUTE FUNCTION note_run_event();
