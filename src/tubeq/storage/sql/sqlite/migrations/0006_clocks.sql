-- What tells an interval from a jump of the wall clock: see domain/leases.py. Rows that were written
-- before have NULLs, and are judged by the wall clock.

-- When a delay that the queue itself set, such as a retry's, was set; NULL for a date that somebody
-- gave.
ALTER TABLE task_queue ADD COLUMN run_after_set_at REAL;
ALTER TABLE task_queue ADD COLUMN boot INTEGER;
ALTER TABLE task_queue ADD COLUMN lease_ends_uptime_s REAL;

-- Its condition names no column that a claim changes, so that claims need not look at it.
CREATE INDEX task_queue_delayed ON task_queue (run_after_set_at)
    WHERE run_after_set_at IS NOT NULL;

ALTER TABLE limit_permit ADD COLUMN boot INTEGER;
ALTER TABLE limit_permit ADD COLUMN ends_uptime_s REAL;

ALTER TABLE limit_breaker ADD COLUMN probe_boot INTEGER;
ALTER TABLE limit_breaker ADD COLUMN probe_ends_uptime_s REAL;
