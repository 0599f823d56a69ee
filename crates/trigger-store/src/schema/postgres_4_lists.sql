-- Lists and counts of runs on Postgres. sqlite_4_lists.sql makes the same changes on SQLite.

-- A list of several states, targets or triggers is merged from parts. Each part is read in the order of one of these indexes, and
-- stays fast if only a few of very many runs are selected.
DROP INDEX runs_in_state;
CREATE INDEX runs_in_state ON runs (state, triggered_by, created_at, id);
CREATE INDEX runs_of_target_in_state ON runs (target, state, triggered_by, created_at, id);
-- Scheduled runs have no caller.
CREATE INDEX runs_of_caller ON runs (requested_by, state, created_at, id) WHERE requested_by IS NOT NULL;

-- How many runs there are. Counting a million rows would take too long.
CREATE TABLE run_counts (
    target TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    triggered_by TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (target, state, triggered_by)
);

INSERT INTO run_counts (target, state, triggered_by, number)
SELECT target, state, triggered_by, COUNT(*) FROM runs GROUP BY target, state, triggered_by;

CREATE FUNCTION count_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        UPDATE run_counts SET number = number - 1
        WHERE target = OLD.target AND state = OLD.state AND triggered_by = OLD.triggered_by;
    END IF;
    INSERT INTO run_counts (target, state, triggered_by, number) VALUES (NEW.target, NEW.state, NEW.triggered_by, 1)
    ON CONFLICT (target, state, triggered_by) DO UPDATE SET number = run_counts.number + 1;
    RETURN NULL;
END
$$;

-- The triggers of a statement run in the order of their names. These run after those of the events: all writers lock the counter
-- of the events first and then the counts, so that they do not deadlock.
CREATE TRIGGER runs_counted_after_insert AFTER INSERT ON runs FOR EACH ROW EXECUTE FUNCTION count_run();

CREATE TRIGGER runs_counted_after_update AFTER UPDATE ON runs FOR EACH ROW
WHEN ((OLD.target, OLD.state, OLD.triggered_by) IS DISTINCT FROM (NEW.target, NEW.state, NEW.triggered_by))
EXECUTE FUNCTION count_run();

-- Once per statement, because retention deletes many runs in one.
CREATE FUNCTION subtract_deleted_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM last FROM run_event_counter FOR UPDATE;
    UPDATE run_counts AS counted SET number = counted.number - deleted.number
    FROM (
        SELECT target, state, triggered_by, COUNT(*) AS number FROM deleted_runs GROUP BY target, state, triggered_by
    ) AS deleted
    WHERE counted.target = deleted.target AND counted.state = deleted.state
        AND counted.triggered_by = deleted.triggered_by;
    RETURN NULL;
END
$$;

CREATE TRIGGER runs_counted_after_delete AFTER DELETE ON runs REFERENCING OLD TABLE AS deleted_runs
FOR EACH STATEMENT EXECUTE FUNCTION subtract_deleted_runs();
