-- Statements that import the tables of an older program: `tasks`, `results` and counts read its
-- file, the others work on the queue.

-- Rows without a time come first, as when a database is converted in place. A row without an id gets
-- one from its other columns, so that it does not depend on when it is read.
-- name: tasks
SELECT task_id, coalesce(task_type, ''), coalesce(parameters, '{}'),
    upper(coalesce(status, 'QUEUED')), coalesce(priority, 0),
    coalesce(created_at, completed_at, started_at, claimed_at, '1970-01-01 00:00:00'),
    CASE WHEN upper(status) IN ('CLAIMED', 'RUNNING') THEN coalesce(worker_id, 'unknown')
        ELSE worker_id END,
    claimed_at, started_at,
    CASE WHEN upper(status) IN ('COMPLETED', 'FAILED', 'CANCELLED')
        THEN coalesce(completed_at, created_at, '1970-01-01 00:00:00') END,
    error_message, result, coalesce(retry_count, 0),
    CASE WHEN upper(status) IN ('CLAIMED', 'RUNNING') THEN 0.0 END
FROM task_queue ORDER BY created_at, rowid

-- name: results
SELECT result_id, task_id, source_id, title, description, score,
    coalesce(created_at, '1970-01-01 00:00:00'),
    row_number() OVER (PARTITION BY task_id, source_id ORDER BY rowid) - 1
FROM results
WHERE task_id IN (SELECT task_id FROM task_queue)
ORDER BY rowid

-- name: count_task_queue
SELECT count(*) FROM task_queue

-- name: count_results
SELECT count(*) FROM results

-- name: count_orphans
SELECT count(*) FROM results
WHERE NOT EXISTS (SELECT 1 FROM task_queue WHERE task_queue.task_id = results.task_id)

-- name: known_task
SELECT task_type, parameters, created_at FROM task_queue WHERE task_id = ?

-- name: insert_task
INSERT INTO task_queue (task_id, task_type, parameters, status, priority, created_at, worker_id,
    claimed_at, started_at, completed_at, error_message, result, retry_count, lease_expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: is_result_known
SELECT EXISTS (SELECT 1 FROM results WHERE task_id = ? AND source_id IS ? AND copy = ?)

-- name: insert_result
INSERT INTO results (result_id, task_id, source_id, title, description, score, created_at, copy)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
