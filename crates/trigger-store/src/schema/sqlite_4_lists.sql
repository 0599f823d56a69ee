-- Lists and counts of runs on SQLite. postgres_4_lists.sql makes the same changes on Postgres and gives the reasons.

DROP INDEX runs_in_state;
CREATE INDEX runs_in_state ON runs (state, triggered_by, created_at, id);
CREATE INDEX runs_of_target_in_state ON runs (target, state, triggered_by, created_at, id);
CREATE INDEX runs_of_caller ON runs (requested_by, state, created_at, id) WHERE requested_by IS NOT NULL;

CREATE TABLE run_counts (
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    triggered_by TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (target, state, triggered_by)
) STRICT, WITHOUT ROWID;

INSERT INTO run_counts (target, state, triggered_by, number)
SELECT target, state, triggered_by, COUNT(*) FROM runs GROUP BY target, state, triggered_by;

CREATE TRIGGER runs_counted_after_insert AFTER INSERT ON runs
BEGIN
    INSERT INTO run_counts (target, state, triggered_by, number) VALUES (NEW.target, NEW.state, NEW.triggered_by, 1)
    ON CONFLICT (target, state, triggered_by) DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER runs_counted_after_update AFTER UPDATE ON runs
WHEN (OLD.target, OLD.state, OLD.triggered_by) IS NOT (NEW.target, NEW.state, NEW.triggered_by)
BEGIN
    UPDATE run_counts SET number = number - 1
    WHERE target = OLD.target AND state = OLD.state AND triggered_by = OLD.triggered_by;
    INSERT INTO run_counts (target, state, triggered_by, number) VALUES (NEW.target, NEW.state, NEW.triggered_by, 1)
    ON CONFLICT (target, state, triggered_by) DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER runs_counted_after_delete AFTER DELETE ON runs
BEGIN
    UPDATE run_counts SET number = number - 1
    WHERE target = OLD.target AND state = OLD.state AND triggered_by = OLD.triggered_by;
END;
