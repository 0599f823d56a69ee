-- The history of runs on Postgres. sqlite_1_runs.sql creates the same tables and columns on SQLite.
-- COLLATE "C" sorts and compares bytes, as SQLite does. It also keeps indexes valid after an upgrade of the C library.

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
    -- Times are RFC 3339 in UTC with six decimals, so the texts sort in the order of the times.
    created_at TEXT COLLATE "C" NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    saved_at TEXT NOT NULL,
    -- Incremented by each write. A write of version n + 1 requires that version n was read.
    version BIGINT NOT NULL
);

-- One index for each list, in the order of the list.
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

-- No reference to runs, because events are kept after their run is deleted.
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

-- The number of the last event. The table has one row. A sequence is not used: its numbers become visible in the order of
-- the commits, so a reader that has read event 8 could miss an event 7 that is committed later. An update of this row locks
-- it until the commit, so the numbers have the order of the commits and no gaps.
CREATE TABLE run_event_counter (
    last BIGINT NOT NULL
);
INSERT INTO run_event_counter (last) VALUES (0);

-- A trigger stores the event in the statement that makes the change: both are atomic, a slow client does not hold the lock
-- on the counter, and storing a new run takes one round trip.
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
