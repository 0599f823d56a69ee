-- Requests on behalf of others, retries, parameters and containers on Postgres. sqlite_3_requests.sql makes the same changes on
-- SQLite.

-- The caller that sent the request on behalf of requested_by.
ALTER TABLE runs ADD COLUMN requested_via TEXT;
-- The id of the run that this one repeats. No reference to runs, because retention can delete that run first.
ALTER TABLE runs ADD COLUMN retry_of TEXT;
-- The names of the containers of its pods, a JSON array.
ALTER TABLE runs ADD COLUMN containers TEXT;

ALTER TABLE run_events ADD COLUMN requested_via TEXT;
ALTER TABLE run_events ADD COLUMN retry_of TEXT;
ALTER TABLE run_events ADD COLUMN parameters TEXT;
ALTER TABLE run_events ADD COLUMN containers TEXT;

CREATE OR REPLACE FUNCTION note_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number BIGINT;
BEGIN
    UPDATE run_event_counter SET last = last + 1 RETURNING last INTO STRICT number;
    INSERT INTO run_events VALUES (
        number, NEW.saved_at, NEW.id, NEW.target, NEW.namespace, NEW.job_name, NEW.triggered_by, NEW.state,
        NEW.cause_reason, NEW.cause_message, NEW.cause_exit_code, NEW.requested_by, NEW.reason, NEW.request_id,
        NEW.fingerprint, NEW.created_at, NEW.started_at, NEW.finished_at, NEW.attempt, NEW.progress_percent,
        NEW.progress_note, NEW.requested_via, NEW.retry_of, NEW.parameters, NEW.containers
    );
    RETURN NULL;
END
$$;
