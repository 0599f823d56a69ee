-- Runs of tasks, on Postgres. sqlite_tasks.sql is the same for SQLite.
-- They are rows of the table of all runs, so that the history, its events and its clean-up have them like the others. A
-- run that waits is the queue's entry; whoever does it holds one of its target's slots.

-- How often a worker has begun the run; NULL for a Job's run.
ALTER TABLE runs ADD COLUMN attempt INTEGER;
ALTER TABLE runs ADD COLUMN progress_percent INTEGER;
ALTER TABLE runs ADD COLUMN progress_note TEXT;
-- A JSON object: what the request asked for.
ALTER TABLE runs ADD COLUMN parameters TEXT;
-- Who does the run, and in which slot. Both stay until the worker has let go, also when the run was cancelled before.
ALTER TABLE runs ADD COLUMN worker TEXT;
ALTER TABLE runs ADD COLUMN slot INTEGER;
-- Counts the worker's signs of life. A clock of its own would have to agree with those of others.
ALTER TABLE runs ADD COLUMN beat BIGINT;

-- Of two requests with one idempotency key one makes the run.
CREATE UNIQUE INDEX runs_of_task ON runs (target, job_name) WHERE attempt IS NOT NULL;
-- A slot is held once, whoever claims it at the same moment.
CREATE UNIQUE INDEX runs_slots ON runs (target, slot) WHERE slot IS NOT NULL;

CREATE TABLE run_results (
    run_id TEXT COLLATE "C" PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    -- JSON.
    result TEXT NOT NULL,
    saved_at TEXT NOT NULL
);

ALTER TABLE run_events ADD COLUMN attempt INTEGER;
ALTER TABLE run_events ADD COLUMN progress_percent INTEGER;
ALTER TABLE run_events ADD COLUMN progress_note TEXT;

CREATE OR REPLACE FUNCTION note_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number BIGINT;
BEGIN
    UPDATE run_event_counter SET last = last + 1 RETURNING last INTO STRICT number;
    INSERT INTO run_events VALUES (
        number, NEW.saved_at, NEW.id, NEW.target, NEW.namespace, NEW.job_name, NEW.triggered_by, NEW.state,
        NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.requested_by, NEW.reason, NEW.request_id,
        NEW.fingerprint, NEW.created_at, NEW.started_at, NEW.finished_at, NEW.attempt, NEW.progress_percent,
        NEW.progress_note
    );
    RETURN NULL;
END
$$;

DROP TRIGGER run_changed ON runs;
CREATE TRIGGER run_changed AFTER UPDATE ON runs FOR EACH ROW
WHEN (
    (OLD.state, OLD.cause_reason, OLD.cause_message, OLD.cause_exit_code, OLD.progress_percent, OLD.progress_note)
    IS DISTINCT FROM
    (NEW.state, NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.progress_percent, NEW.progress_note)
)
EXECUTE FUNCTION note_run_event();
