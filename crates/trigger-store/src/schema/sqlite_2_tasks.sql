-- Runs of tasks on SQLite. postgres_2_tasks.sql makes the same changes on Postgres and gives the reasons.

ALTER TABLE runs ADD COLUMN attempt INTEGER;
ALTER TABLE runs ADD COLUMN progress_percent INTEGER;
ALTER TABLE runs ADD COLUMN progress_note TEXT;
ALTER TABLE runs ADD COLUMN parameters TEXT;
ALTER TABLE runs ADD COLUMN worker TEXT;
ALTER TABLE runs ADD COLUMN slot INTEGER;
ALTER TABLE runs ADD COLUMN beat INTEGER;

CREATE UNIQUE INDEX runs_of_task ON runs (target, job_name) WHERE attempt IS NOT NULL;
CREATE UNIQUE INDEX runs_slots ON runs (target, slot) WHERE slot IS NOT NULL;

CREATE TABLE run_results (
    run_id TEXT NOT NULL PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    result TEXT NOT NULL,
    saved_at TEXT NOT NULL
) STRICT;

ALTER TABLE run_events ADD COLUMN attempt INTEGER;
ALTER TABLE run_events ADD COLUMN progress_percent INTEGER;
ALTER TABLE run_events ADD COLUMN progress_note TEXT;

DROP TRIGGER run_created;
CREATE TRIGGER run_created AFTER INSERT ON runs
BEGIN
    UPDATE run_event_counter SET last = last + 1;
    INSERT INTO run_events SELECT
        last, NEW.saved_at, NEW.id, NEW.target, NEW.namespace, NEW.job_name, NEW.triggered_by, NEW.state,
        NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.requested_by, NEW.reason, NEW.request_id,
        NEW.fingerprint, NEW.created_at, NEW.started_at, NEW.finished_at, NEW.attempt, NEW.progress_percent,
        NEW.progress_note
    FROM run_event_counter;
END;

DROP TRIGGER run_changed;
CREATE TRIGGER run_changed AFTER UPDATE ON runs
WHEN (OLD.state, OLD.cause_reason, OLD.cause_message, OLD.cause_exit_code, OLD.progress_percent, OLD.progress_note)
    IS NOT
    (NEW.state, NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.progress_percent, NEW.progress_note)
BEGIN
    UPDATE run_event_counter SET last = last + 1;
    INSERT INTO run_events SELECT
        last, NEW.saved_at, NEW.id, NEW.target, NEW.namespace, NEW.job_name, NEW.triggered_by, NEW.state,
        NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.requested_by, NEW.reason, NEW.request_id,
        NEW.fingerprint, NEW.created_at, NEW.started_at, NEW.finished_at, NEW.attempt, NEW.progress_percent,
        NEW.progress_note
    FROM run_event_counter;
END;
