-- Which task was made by which other, once for each thing that it is about; a task without children
-- or parent has no row. Children come in the order of their row ids, so that rows are appended.
CREATE TABLE task_child (
    child INTEGER PRIMARY KEY REFERENCES task_queue (id),
    parent INTEGER NOT NULL REFERENCES task_queue (id),
    source_id TEXT NOT NULL
);

CREATE UNIQUE INDEX task_child_parent ON task_child (parent, source_id);

-- Where a task that saves while it runs goes on in its next attempt.
CREATE TABLE task_cursor (
    task INTEGER PRIMARY KEY REFERENCES task_queue (id),
    cursor TEXT NOT NULL
);
