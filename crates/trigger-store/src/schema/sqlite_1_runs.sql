-- The history of runs on SQLite. postgres_1_runs.sql creates the same tables on Postgres and gives the reasons.

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
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
    -- Times are RFC 3339 in UTC with six decimals, so the texts sort in the order of the times.
    created_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    saved_at TEXT NOT NULL,
    -- Incremented by each write. A write of version n + 1 requires that version n was read.
    version INTEGER NOT NULL
) STRICT;

-- One index for each list, in the order of the list.
CREATE INDEX runs_newest ON runs (created_at, id);
CREATE INDEX runs_of_target ON runs (target, created_at, id);
CREATE INDEX runs_in_state ON runs (state, created_at, id);
CREATE INDEX runs_of_job ON runs (job_name, created_at, id);
CREATE INDEX runs_unfinished ON runs (target, created_at, id) WHERE state IN ('pending', 'running');

CREATE TABLE run_logs (
    run_id TEXT NOT NULL PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    text BLOB NOT NULL,
    cut INTEGER NOT NULL,
    saved_at TEXT NOT NULL
) STRICT;

-- No reference to runs, because events are kept after their run is deleted.
CREATE TABLE run_events (
    sequence INTEGER PRIMARY KEY,
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
) STRICT;

-- The number of the last event. The table has one row.
CREATE TABLE run_event_counter (
    last INTEGER NOT NULL
) STRICT;
INSERT INTO run_event_counter (last) VALUES (0);

-- A trigger stores the event in the statement that makes the change.
CREATE TRIGGER run_created AFTER INSERT ON runs
BEGIN
    UPDATE run_event_counter SET last = last + 1;
    INSERT INTO run_events SELECT
        last, NEW.saved_at, NEW.id, NEW.target, NEW.namespace, NEW.job_name, NEW.triggered_by, NEW.state,
        NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.requested_by, NEW.reason, NEW.request_id,
        NEW.fingerprint, NEW.created_at, NEW.started_at, NEW.finished_at
    FROM run_event_counter;
END;

CREATE TRIGGER run_changed AFTER UPDATE ON runs
WHEN (OLD.state, OLD.cause_reason, OLD.cause_message, OLD.cause_exit_code)
    IS NOT (NEW.state, NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code)
BEGIN
    UPDATE run_event_counter SET last = last + 1;
    INSERT INTO run_events SELECT
        last, NEW.saved_at, NEW.id, NEW.target, NEW.namespace, NEW.job_name, NEW.triggered_by, NEW.state,
        NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.requested_by, NEW.reason, NEW.request_id,
        NEW.fingerprint, NEW.created_at, NEW.started_at, NEW.finished_at
    FROM run_event_counter;
END;
