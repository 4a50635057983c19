-- Statements that copy the rows of the original specification's tables, which were renamed to
-- `seed_task_queue` and `seed_results`, into the queue's own, in their old order.

-- Tasks that the old program had claimed or was running get an expired lease, so that the first
-- sweep requeues them. Empty ids and times get values.
-- name: copy_tasks
INSERT INTO task_queue (task_id, task_type, parameters, status, priority, created_at,
    worker_id, claimed_at, started_at, completed_at, error_message, result, retry_count,
    lease_expires_at)
SELECT coalesce(task_id, lower(hex(randomblob(10)))), coalesce(task_type, ''),
    coalesce(parameters, '{}'),
    upper(coalesce(status, 'QUEUED')), coalesce(priority, 0), coalesce(created_at, :now),
    worker_id, claimed_at, started_at,
    CASE WHEN upper(status) IN ('COMPLETED', 'FAILED', 'CANCELLED')
        THEN coalesce(completed_at, created_at, :now) END,
    error_message, result, coalesce(retry_count, 0),
    CASE WHEN upper(status) IN ('CLAIMED', 'RUNNING') THEN 0.0 END
FROM seed_task_queue ORDER BY created_at, rowid

-- Duplicates of a result stay.
-- name: copy_results
INSERT INTO results (result_id, task_id, source_id, title, description, score, created_at,
    copy)
SELECT coalesce(result_id, lower(hex(randomblob(10)))), task_id, source_id, title,
    description, score, coalesce(created_at, :now),
    row_number() OVER (PARTITION BY task_id, source_id ORDER BY rowid) - 1
FROM seed_results ORDER BY rowid
