-- Runs of tasks on Postgres. sqlite_2_tasks.sql makes the same changes on SQLite.
-- They are rows of the table of all runs, so lists, events and retention include them. A pending row is an entry of the
-- queue. The worker that executes a run holds a lease: the row has the worker's name and one of the target's slots.

-- How often a worker has started the run. NULL if it is the run of a Job.
ALTER TABLE runs ADD COLUMN attempt INTEGER;
ALTER TABLE runs ADD COLUMN progress_percent INTEGER;
ALTER TABLE runs ADD COLUMN progress_note TEXT;
-- The parameters of the request, a JSON object.
ALTER TABLE runs ADD COLUMN parameters TEXT;
-- The worker that holds the lease, and its slot. Both are set until the lease is released, even if the run is cancelled
-- before.
ALTER TABLE runs ADD COLUMN worker TEXT;
ALTER TABLE runs ADD COLUMN slot INTEGER;
-- Counts the heartbeats of the worker. A time would require synchronized clocks.
ALTER TABLE runs ADD COLUMN beat BIGINT;

-- Of two requests with the same idempotency key, only one creates a run.
CREATE UNIQUE INDEX runs_of_task ON runs (target, job_name) WHERE attempt IS NOT NULL;
-- Of two workers that claim a slot at the same moment, only one gets it.
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
