-- Offsets of logs, and the deletion of runs as events, on SQLite. postgres_5_streams.sql makes the same changes on Postgres and
-- gives the reasons.

ALTER TABLE run_logs ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run_logs ADD COLUMN parts TEXT;

CREATE TRIGGER run_pruned AFTER DELETE ON runs
BEGIN
    UPDATE run_event_counter SET last = last + 1;
    INSERT INTO run_events (sequence, at, run_id, target, namespace, job_name, triggered_by, state, created_at)
    SELECT
        last, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'), OLD.id, OLD.target, OLD.namespace, OLD.job_name,
        OLD.triggered_by, 'pruned', OLD.created_at
    FROM run_event_counter;
END;
