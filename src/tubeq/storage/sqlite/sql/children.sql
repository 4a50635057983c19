-- Tasks that have children, and tasks that resume. "$task_columns", "$result_columns" and "$held"
-- are those of queries.sql.

-- Saving ------------------------------------------------------------------------------------------

-- name: held_for_saving
SELECT cancel_requested FROM task_queue WHERE $held

-- name: is_stored
SELECT 1 FROM results WHERE task_id = ? AND source_id = ?

-- name: count_ideas
SELECT count(*) FROM results WHERE task_id = ?

-- name: is_child
SELECT 1 FROM task_child WHERE parent = ? AND source_id = ?

-- name: insert_child
INSERT INTO task_child (child, parent, source_id)
SELECT id, ?, ? FROM task_queue WHERE task_id = ?

-- name: save_cursor
INSERT INTO task_cursor (task, cursor) VALUES (?, ?)
ON CONFLICT (task) DO UPDATE SET cursor = excluded.cursor

-- name: gets_on
UPDATE task_queue SET retry_count = 0, crash_count = 0
WHERE id = :id AND (retry_count > 0 OR crash_count > 0)

-- name: cursor
SELECT cursor FROM task_cursor WHERE task = ?

-- Looking -----------------------------------------------------------------------------------------

-- name: progress
SELECT status, CASE status WHEN 'FAILED' THEN error_code END, count(*)
FROM task_child CROSS JOIN task_queue ON task_queue.id = task_child.child
WHERE parent = ? GROUP BY 1, 2 ORDER BY 3 DESC

-- name: children
SELECT $task_columns FROM task_queue
WHERE id IN (SELECT child FROM task_child WHERE parent = :parent)
  AND (:status IS NULL OR status = :status)
ORDER BY id DESC LIMIT :limit

-- name: child_results
SELECT $result_columns FROM results WHERE task_id = ? ORDER BY id

-- name: child_task_ids
SELECT task_id FROM task_queue
WHERE id IN (SELECT child FROM task_child WHERE parent = ?) ORDER BY id

-- name: parent_of
SELECT parent.task_id FROM task_queue AS child
JOIN task_child ON task_child.child = child.id
JOIN task_queue AS parent ON parent.id = task_child.parent
WHERE child.task_id = ?

-- name: has_children
SELECT 1 FROM task_child
WHERE parent = (SELECT id FROM task_queue WHERE task_id = ?) LIMIT 1

-- Steering ----------------------------------------------------------------------------------------

-- name: some_children
SELECT child, source_id FROM task_child
WHERE parent = ? AND source_id > ? ORDER BY source_id LIMIT ?

-- name: status_of
SELECT status FROM task_queue WHERE id = ?

-- A requeued task begins again: its finished children are unlinked, and stay as independent tasks.
-- name: let_go_of_finished
DELETE FROM task_child WHERE parent = :id AND EXISTS (
    SELECT 1 FROM task_queue
    WHERE id = task_child.child AND status IN ('COMPLETED', 'FAILED', 'CANCELLED'))

-- name: forget_cursor
DELETE FROM task_cursor WHERE task = :id
