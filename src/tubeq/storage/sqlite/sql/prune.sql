-- Removing old tasks. The rows that belong to one are removed in bounded numbers, the
-- task itself last. "$before" and the like are bound by name; ":tasks" and ":ids" are JSON arrays.

-- A child is kept while its parent is not finished, a parent while one of its children is not. So is
-- the newest row, as SQLite would use its id again.
-- name: is_prunable
id > :after AND status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND completed_at < :before
  AND id < (SELECT max(id) FROM task_queue)
  AND NOT EXISTS (
    SELECT 1 FROM task_child JOIN task_queue AS relative ON relative.id = task_child.parent
    WHERE task_child.child = task_queue.id
      AND relative.status IN ('QUEUED', 'CLAIMED', 'RUNNING'))
  AND NOT EXISTS (
    SELECT 1 FROM task_child JOIN task_queue AS relative ON relative.id = task_child.child
    WHERE task_child.parent = task_queue.id
      AND relative.status IN ('QUEUED', 'CLAIMED', 'RUNNING'))

-- name: prunable
SELECT id, task_id FROM task_queue WHERE $is_prunable ORDER BY id LIMIT :limit

-- name: preview
SELECT task_type, status, count(*), min(completed_at), max(completed_at),
       sum((SELECT count(*) FROM results WHERE results.task_id = chosen.task_id))
FROM (SELECT task_id, task_type, status, completed_at FROM task_queue
      WHERE $is_prunable ORDER BY id LIMIT :limit) AS chosen
GROUP BY task_type, status ORDER BY task_type, status

-- name: still_finished
SELECT id, task_id FROM task_queue
WHERE id IN (SELECT value FROM json_each(:ids)) AND status IN ('COMPLETED', 'FAILED', 'CANCELLED')
ORDER BY id

-- name: some_results
SELECT id FROM results WHERE task_id IN (SELECT value FROM json_each(:tasks)) LIMIT :limit

-- Whether each of these results is folded as it is now.
-- name: is_any_unfolded
SELECT EXISTS (SELECT 1 FROM json_each(:ids) WHERE value > (SELECT through FROM item_fold))
    OR EXISTS (SELECT 1 FROM item_again WHERE result IN (SELECT value FROM json_each(:ids)))

-- name: delete_results
DELETE FROM results WHERE id IN (SELECT value FROM json_each(:ids))

-- name: delete_events
DELETE FROM task_event WHERE id IN (
    SELECT id FROM task_event WHERE task IN (SELECT value FROM json_each(:ids)) LIMIT :limit)

-- name: delete_children
DELETE FROM task_child WHERE child IN (
    SELECT child FROM task_child WHERE parent IN (SELECT value FROM json_each(:ids)) LIMIT :limit)

-- name: delete_parents
DELETE FROM task_child WHERE child IN (SELECT value FROM json_each(:ids))

-- name: delete_cursors
DELETE FROM task_cursor WHERE task IN (SELECT value FROM json_each(:ids))

-- name: delete_tasks
DELETE FROM task_queue WHERE id IN (SELECT value FROM json_each(:ids))
