-- Offsets of logs, and the deletion of runs as events, on Postgres. sqlite_5_streams.sql makes the same changes on SQLite.

-- The offset of the first byte of the text in the run's log.
ALTER TABLE run_logs ADD COLUMN start BIGINT NOT NULL DEFAULT 0;
-- Which parts of the text come from which container, a JSON array. NULL if it is not known.
ALTER TABLE run_logs ADD COLUMN parts TEXT;

-- The event of a deleted run has no state of a run. It is a row of the same table, so it has the order of all events.
CREATE FUNCTION note_pruned_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number BIGINT;
BEGIN
    UPDATE run_event_counter SET last = last + 1 RETURNING last INTO STRICT number;
    INSERT INTO run_events (sequence, at, run_id, target, namespace, job_name, triggered_by, state, created_at)
    VALUES (
        number, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), OLD.id, OLD.target,
        OLD.namespace, OLD.job_name, OLD.triggered_by, 'pruned', OLD.created_at
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER run_pruned AFTER DELETE ON runs FOR EACH ROW EXECUTE FUNCTION note_pruned_run();
