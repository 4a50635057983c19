-- Every statement that the SQLite storage executes, by name. "$name" stands for another entry.
-- Verbs that hold a claim are fenced: "$held" is in their WHERE, and a count of 0 means ClaimLost.

-- name: task_columns
id, task_id, task_type, parameters, status, priority, created_at, run_after, worker_id, claimed_at,
started_at, completed_at, last_heartbeat, lease_expires_at, claim_token, cancel_requested,
retry_count, crash_count, error_code, error_message, result, idempotency_key

-- name: result_columns
result_id, task_id, source_id, title, description, score, url, views, duration_s, published_at,
extra, created_at

-- The row id finds the row, the token identifies the claim. The task's own id is for a restored
-- database: a task created there since may have the row id, and token, of a task that was lost.
-- name: held
id = :id AND claim_token = :token AND task_id = :task_id AND status IN ('CLAIMED', 'RUNNING')

-- name: back_to_queue
status = 'QUEUED', worker_id = NULL, claimed_at = NULL, started_at = NULL, completed_at = NULL,
lease_expires_at = NULL, boot = NULL, lease_ends_uptime_s = NULL, cancel_requested = 0

-- A new error replaces the one of an earlier attempt, code and message; without one it stays.
-- name: error
error_code = coalesce(:code, error_code),
error_message = CASE WHEN :code IS NULL THEN error_message ELSE :message END

-- Creating ----------------------------------------------------------------------------------------

-- name: task_values
(?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_task
INSERT INTO task_queue
    (task_id, task_type, parameters, priority, created_at, run_after, scheduled, idempotency_key)
VALUES $task_values

-- Due at once and without a key, as most are. Binding fewer values saves time, NULLs most of all:
-- Python's sqlite3 calls its adapters for each.
-- name: due_values
(?, ?, ?, ?, ?)

-- name: insert_due
INSERT INTO task_queue (task_id, task_type, parameters, priority, created_at) VALUES $due_values

-- name: task_id_of_key
SELECT task_id FROM task_queue WHERE idempotency_key = ?

-- Looking -----------------------------------------------------------------------------------------

-- name: get_task
SELECT $task_columns FROM task_queue WHERE task_id = ?

-- name: get_row
SELECT $task_columns FROM task_queue WHERE id = ?

-- name: row_id_of
SELECT id FROM task_queue WHERE task_id = ?

-- name: list_tasks
SELECT $task_columns FROM task_queue
WHERE id < :before
  AND (:status IS NULL OR status = :status)
  AND (:task_type IS NULL OR task_type = :task_type)
  AND (:error_code IS NULL OR error_code = :error_code)
ORDER BY id DESC LIMIT :limit

-- name: results_of_task
SELECT $result_columns FROM results WHERE task_id = :task_id ORDER BY id LIMIT :limit

-- name: all_results
SELECT $result_columns FROM results ORDER BY id LIMIT :limit

-- name: history
SELECT event, at, worker_id, claim_token, detail FROM task_history
WHERE task = :id ORDER BY part, position

-- Claiming ----------------------------------------------------------------------------------------
-- The most frequent path: its parameters are bound by position.

-- name: pick_lifo
SELECT id FROM task_queue WHERE queue_key = ? ORDER BY id DESC LIMIT ?

-- name: pick_fifo
SELECT id FROM task_queue WHERE queue_key = ? ORDER BY id LIMIT ?

-- Tasks of priority 0 are not in its index: when it finds none, pick_fifo follows.
-- name: pick_prioritised
SELECT id FROM task_queue
WHERE task_type = ? AND status = 'QUEUED' AND scheduled = 0 AND priority > 0
ORDER BY priority DESC, id LIMIT ?

-- name: pick_best
coalesce(($pick_prioritised), ($pick_fifo))

-- name: pick_given
?

-- name: ready_bounds
SELECT (SELECT id FROM task_queue WHERE queue_key = :task_type ORDER BY id LIMIT 1),
       (SELECT id FROM task_queue WHERE queue_key = :task_type ORDER BY id DESC LIMIT 1)

-- name: neighbours
SELECT id, priority FROM task_queue WHERE queue_key = ? AND id >= ? ORDER BY id LIMIT ?

-- Two statements, as binding a NULL or an enum member in Python takes longer than reading it.
-- name: change_to_claimed
UPDATE task_queue SET
    status = 'CLAIMED', worker_id = ?, claimed_at = ?, started_at = NULL, last_heartbeat = ?,
    lease_expires_at = ?, boot = ?, lease_ends_uptime_s = ?, claim_token = claim_token + 1

-- name: change_to_running
UPDATE task_queue SET
    status = 'RUNNING', worker_id = ?, claimed_at = ?, started_at = ?, last_heartbeat = ?,
    lease_expires_at = ?, boot = ?, lease_ends_uptime_s = ?, claim_token = claim_token + 1

-- name: claimed_columns
id, task_id, parameters, priority, created_at, run_after, claim_token, retry_count, crash_count,
error_code, error_message, idempotency_key

-- name: claim_one
$change WHERE id = ($pick) RETURNING $claimed_columns

-- name: claim_drawn
$change WHERE id = ? AND queue_key = ? RETURNING $claimed_columns

-- name: claim_many
$change WHERE id IN ($pick) RETURNING $claimed_columns

-- name: promote_due
UPDATE task_queue SET scheduled = 0
WHERE id IN (
    SELECT id FROM task_queue
    WHERE task_type = :task_type AND status = 'QUEUED' AND scheduled = 1 AND run_after <= :now
    ORDER BY run_after LIMIT 1000)

-- A delay that was set later than now was set by a clock that was wrong: it begins now, unless the
-- task was due already.
-- name: restart_delays
UPDATE task_queue SET
    run_after = CASE WHEN status = 'QUEUED' AND scheduled = 1
        THEN :now + (run_after - run_after_set_at) ELSE min(run_after, :now) END,
    run_after_set_at = :now
WHERE id IN (SELECT id FROM task_queue WHERE run_after_set_at > :now LIMIT 1000)

-- name: is_any_due
SELECT EXISTS (SELECT 1 FROM task_queue WHERE queue_key = :task_type)
    OR EXISTS (SELECT 1 FROM task_queue
               WHERE status = 'QUEUED' AND scheduled = 1 AND task_type = :task_type
                 AND run_after <= :now)
    OR EXISTS (SELECT 1 FROM task_queue WHERE run_after_set_at > :now)

-- Tasks that a clock that was ahead made due too early: first the claimed one, then all of the
-- type.
-- name: put_back
UPDATE task_queue SET $back_to_queue, scheduled = 1 WHERE $held

-- name: unpromote
UPDATE task_queue SET scheduled = 1 WHERE queue_key = :task_type AND run_after > :now

-- name: next_due_at
SELECT min(run_after) FROM task_queue
WHERE status = 'QUEUED' AND scheduled = 1 AND task_type = :task_type AND run_after > :now

-- name: has_open_tasks
SELECT EXISTS (SELECT 1 FROM task_queue WHERE queue_key = :task_type)
    OR EXISTS (SELECT 1 FROM task_queue WHERE queue_key = :task_type || '~')
    OR EXISTS (SELECT 1 FROM task_queue
               WHERE status = 'QUEUED' AND scheduled = 1 AND task_type = :task_type)

-- Working -----------------------------------------------------------------------------------------

-- name: start
UPDATE task_queue SET status = 'RUNNING', started_at = :at
WHERE id = :id AND claim_token = :token AND task_id = :task_id AND status = 'CLAIMED'
RETURNING last_heartbeat, lease_expires_at, cancel_requested

-- name: is_held
SELECT 1 FROM task_queue WHERE $held

-- name: heartbeat
UPDATE task_queue SET last_heartbeat = :now, lease_expires_at = :expires_at, boot = :boot,
    lease_ends_uptime_s = :ends_uptime_s
WHERE $held RETURNING cancel_requested

-- Like a claim, it is executed for every task, and bound by position.
-- name: complete
UPDATE task_queue SET status = 'COMPLETED', completed_at = ?, lease_expires_at = NULL,
    result = ?, error_code = NULL, error_message = NULL
WHERE id = ? AND claim_token = ? AND task_id = ? AND status IN ('CLAIMED', 'RUNNING')

-- name: finish
UPDATE task_queue SET status = :status, completed_at = :at, lease_expires_at = NULL,
    retry_count = retry_count + :counted, crash_count = crash_count + :crashed,
    $error
WHERE $held

-- name: return_to_queue
UPDATE task_queue SET $back_to_queue, run_after = :run_after,
    run_after_set_at = coalesce(:set_at, run_after_set_at), scheduled = :scheduled,
    retry_count = retry_count + :counted, crash_count = crash_count + :crashed, $error
WHERE $held

-- name: requeue
UPDATE task_queue SET $back_to_queue, run_after = NULL, run_after_set_at = NULL, scheduled = 0,
    retry_count = 0, crash_count = 0, error_code = NULL, error_message = NULL, result = NULL
WHERE id = :id

-- name: cancel_queued
UPDATE task_queue SET status = 'CANCELLED', completed_at = :at WHERE id = :id

-- name: request_cancel
UPDATE task_queue SET cancel_requested = 1 WHERE id = :id

-- name: upsert_result
INSERT INTO results (result_id, task_id, source_id, title, description, score, url, views,
                     duration_s, published_at, extra, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id, source_id, copy) DO UPDATE SET
    title = excluded.title, description = excluded.description, score = excluded.score,
    url = excluded.url, views = excluded.views, duration_s = excluded.duration_s,
    published_at = excluded.published_at, extra = excluded.extra

-- History -----------------------------------------------------------------------------------------
-- Before a transition overwrites the data of an attempt in the row, these copy them.

-- name: archive_attempt
INSERT INTO task_event (task, event, at, worker_id, claim_token, detail)
SELECT task, event, at, worker_id, claim_token, detail FROM task_history
WHERE task = :id AND part = 2 ORDER BY position

-- name: archive_event
INSERT INTO task_event (task, event, at, worker_id, claim_token, detail)
VALUES (:id, :event, :at, :worker_id, :token, :message)

-- Housekeeping ------------------------------------------------------------------------------------

-- Skips from one key of the index to the next, so that its cost grows with the number of keys.
-- name: queue_keys
WITH RECURSIVE keys (queue_key) AS (
    SELECT (SELECT min(queue_key) FROM task_queue WHERE queue_key IS NOT NULL)
    UNION ALL
    SELECT (SELECT min(queue_key) FROM task_queue WHERE queue_key > keys.queue_key)
    FROM keys WHERE keys.queue_key IS NOT NULL)
SELECT queue_key FROM keys WHERE queue_key IS NOT NULL

-- One statement, and so one snapshot: a task that changes its state is not missed. Keys of held
-- tasks end in '~'; each scheduled type is returned with its earliest time of all and its earliest
-- time in the future.
-- name: open_types
WITH RECURSIVE scheduled_types (task_type) AS (
    SELECT (SELECT min(task_type) FROM task_queue WHERE status = 'QUEUED' AND scheduled = 1)
    UNION ALL
    SELECT (SELECT min(task_type) FROM task_queue
            WHERE status = 'QUEUED' AND scheduled = 1 AND task_type > scheduled_types.task_type)
    FROM scheduled_types WHERE scheduled_types.task_type IS NOT NULL)
SELECT queue_key, NULL, NULL FROM ($queue_keys)
UNION ALL
SELECT task_type,
       (SELECT min(run_after) FROM task_queue
        WHERE status = 'QUEUED' AND scheduled = 1 AND task_type = scheduled_types.task_type),
       (SELECT min(run_after) FROM task_queue
        WHERE status = 'QUEUED' AND scheduled = 1 AND task_type = scheduled_types.task_type
          AND run_after > :now)
FROM scheduled_types WHERE task_type IS NOT NULL

-- name: count_queued
SELECT (SELECT count(*) FROM task_queue WHERE queue_key = :task_type)
       + count(*) FILTER (WHERE run_after <= :now),
       count(*) FILTER (WHERE run_after > :now)
FROM task_queue WHERE status = 'QUEUED' AND scheduled = 1 AND task_type = :task_type

-- As in Lease.has_ended: in the same boot the monotonic clock decides, processes of an earlier boot
-- of the same host no longer run, for others the wall clock decides.
-- name: has_expired
CASE WHEN (boot & 0xFFFFFFFF) = (:boot & 0xFFFFFFFF) THEN lease_ends_uptime_s <= :uptime_s
     WHEN (boot >> 32) = (:boot >> 32) THEN 1
     ELSE lease_expires_at <= :now END

-- Set later than now, by a clock that was wrong, and without a monotonic clock to use.
-- name: is_out_of_time
(last_heartbeat > :now
 AND NOT coalesce((boot & 0xFFFFFFFF) = (:boot & 0xFFFFFFFF) OR (boot >> 32) = (:boot >> 32), 0))

-- name: expired
SELECT $task_columns FROM task_queue WHERE queue_key = :queue_key AND $has_expired LIMIT 1000

-- name: is_any_expired
SELECT 1 FROM task_queue
WHERE queue_key = :queue_key AND ($has_expired OR $is_out_of_time) LIMIT 1

-- name: restart_leases
UPDATE task_queue SET
    lease_expires_at = :now + (lease_expires_at - last_heartbeat), last_heartbeat = :now
WHERE queue_key = :queue_key AND $is_out_of_time

-- name: held_by
SELECT $task_columns FROM task_queue
WHERE queue_key = :queue_key AND worker_id = :worker_id LIMIT 1000

-- By type and status: how many, how many not yet due, and since when the oldest due one waits.
-- name: counts
SELECT task_type, status, count(*), sum(status = 'QUEUED' AND run_after > :now),
       min(CASE WHEN status = 'QUEUED' AND coalesce(run_after, 0) <= :now THEN
           max(created_at, coalesce(strftime('%Y-%m-%d %H:%M:%f', run_after, 'unixepoch'), ''))
       END)
FROM task_queue GROUP BY task_type, status

-- name: count_results
SELECT count(*) FROM results

-- name: error_codes
SELECT error_code, count(*) FROM task_queue
WHERE status = 'FAILED' AND error_code IS NOT NULL GROUP BY 1 ORDER BY 2 DESC

-- Workers -----------------------------------------------------------------------------------------

-- name: register_worker
INSERT OR REPLACE INTO worker
    (worker_id, task_type, host, pid, started_at, last_seen, stop_requested)
VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: worker_seen
UPDATE worker SET last_seen = :now WHERE worker_id = :worker_id RETURNING stop_requested

-- name: forget_worker
DELETE FROM worker WHERE worker_id = :worker_id

-- name: request_stop
UPDATE worker SET stop_requested = 1 WHERE :worker_id IS NULL OR worker_id = :worker_id

-- name: workers
SELECT worker_id, task_type, host, pid, started_at, last_seen, stop_requested
FROM worker ORDER BY worker_id

-- Checking ----------------------------------------------------------------------------------------

-- name: broken_rules
SELECT 'task ' || task_id || ' is ' || status || ' without a worker and a lease' FROM task_queue
WHERE status IN ('CLAIMED', 'RUNNING') AND (worker_id IS NULL OR lease_expires_at IS NULL)
UNION ALL
SELECT 'task ' || task_id || ' is ' || status || ' without a time of its end' FROM task_queue
WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND completed_at IS NULL
UNION ALL
SELECT 'task ' || task_id || ' is QUEUED, but bears a lease' FROM task_queue
WHERE status = 'QUEUED' AND lease_expires_at IS NOT NULL
