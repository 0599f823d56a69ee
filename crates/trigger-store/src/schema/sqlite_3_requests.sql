-- Requests on behalf of others, retries, parameters and containers on SQLite. postgres_3_requests.sql makes the same changes on
-- Postgres and gives the reasons.

ALTER TABLE runs ADD COLUMN requested_via TEXT;
ALTER TABLE runs ADD COLUMN retry_of TEXT;
ALTER TABLE runs ADD COLUMN containers TEXT;

ALTER TABLE run_events ADD COLUMN requested_via TEXT;
ALTER TABLE run_events ADD COLUMN retry_of TEXT;
ALTER TABLE run_events ADD COLUMN parameters TEXT;
ALTER TABLE run_events ADD COLUMN containers TEXT;

DROP TRIGGER run_created;
CREATE TRIGGER run_created AFTER INSERT ON runs
BEGIN
    UPDATE run_event_counter SET last = last + 1;
    INSERT INTO run_events SELECT
        last, NEW.saved_at, NEW.id, NEW.target, NEW.namespace, NEW.job_name, NEW.triggered_by, NEW.state,
        NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.requested_by, NEW.reason, NEW.request_id,
        NEW.fingerprint, NEW.created_at, NEW.started_at, NEW.finished_at, NEW.attempt, NEW.progress_percent,
        NEW.progress_note, NEW.requested_via, NEW.retry_of, NEW.parameters, NEW.containers
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
        NEW.progress_note, NEW.requested_via, NEW.retry_of, NEW.parameters, NEW.containers
    FROM run_event_counter;
END;
