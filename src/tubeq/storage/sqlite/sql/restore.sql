-- Statements that read the replaced database, and that prepare the copy of a backup.

-- name: application_id
PRAGMA application_id

-- name: highest_token
SELECT max(coalesce((SELECT max(claim_token) FROM task_queue), 0),
           coalesce((SELECT max(claim_token) FROM task_event), 0))

-- name: registered_workers
SELECT worker_id, host, pid, last_seen FROM worker ORDER BY worker_id

-- name: request_stop
UPDATE worker SET stop_requested = 1

-- name: held
SELECT task_id FROM task_queue WHERE status IN ('CLAIMED', 'RUNNING') ORDER BY id

-- What was held when the backup was taken is released.
-- name: raise_tokens
UPDATE task_queue SET claim_token = :token

-- name: forget_workers
DELETE FROM worker

-- name: forget_slots
DELETE FROM limit_permit

-- name: forget_probes
UPDATE limit_breaker SET probe_worker_id = NULL, probe_task = NULL, probe_claim_token = NULL,
    probe_lease_s = NULL, probe_expires_at = NULL, probe_boot = NULL, probe_ends_uptime_s = NULL

-- name: count_tasks
SELECT count(*) FROM task_queue
