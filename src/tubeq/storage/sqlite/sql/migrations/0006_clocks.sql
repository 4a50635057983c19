-- What tells an interval from a jump of the wall clock: see domain/leases.py. Rows that were written
-- before have NULLs, and are judged by the wall clock.

-- When a delay that the queue itself set, such as a retry's, was set; NULL for a date that somebody
-- gave.
ALTER TABLE task_queue ADD COLUMN run_after_set_at REAL;
ALTER TABLE task_queue ADD COLUMN boot INTEGER;
ALTER TABLE task_queue ADD COLUMN lease_ends_uptime_s REAL;

-- Its condition names no column that a claim changes, so that claims need not look at it. No row is
-- in it yet, so it is made empty, of another table, and given to this one by the schema's text: at
-- once, where CREATE INDEX would read ten million tasks for nothing.
CREATE TABLE no_delay (run_after_set_at REAL);
CREATE INDEX task_queue_delayed ON no_delay (run_after_set_at)
    WHERE run_after_set_at IS NOT NULL;

PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET tbl_name = 'task_queue', sql = replace(sql, 'ON no_delay', 'ON task_queue')
WHERE type = 'index' AND name = 'task_queue_delayed';

PRAGMA writable_schema = RESET;

DROP TABLE no_delay;

ALTER TABLE limit_permit ADD COLUMN boot INTEGER;
ALTER TABLE limit_permit ADD COLUMN ends_uptime_s REAL;

ALTER TABLE limit_breaker ADD COLUMN probe_boot INTEGER;
ALTER TABLE limit_breaker ADD COLUMN probe_ends_uptime_s REAL;
