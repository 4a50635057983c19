"""The floor's SQL: the least that a queue in one SQLite file can do, three transactions a task.

A rowid table with a partial index on the ready rows; one UPDATE ... RETURNING claims; a completion
writes the status and one result. No tokens, no leases, no history, no way back from a crash.
"""

SCHEMA = """
CREATE TABLE task (
    id INTEGER PRIMARY KEY,
    status INTEGER NOT NULL DEFAULT 0,
    payload TEXT NOT NULL,
    worker TEXT,
    claimed_at REAL,
    done_at REAL
);
CREATE INDEX task_ready ON task (id) WHERE status = 0;
CREATE TABLE result (id INTEGER PRIMARY KEY, task INTEGER NOT NULL, body TEXT NOT NULL);
"""
INSERT = "INSERT INTO task (payload) VALUES (?)"
CLAIM = """
UPDATE task SET status = 1, worker = ?, claimed_at = ?
WHERE id = (SELECT id FROM task WHERE status = 0 ORDER BY id LIMIT 1)
RETURNING id, payload
"""
COMPLETE = "UPDATE task SET status = 2, done_at = ? WHERE id = ?"
STORE_RESULT = "INSERT INTO result (task, body) VALUES (?, ?)"
CLAIM_MANY = """
UPDATE task SET status = 1, worker = ?, claimed_at = ?
WHERE id IN (SELECT id FROM task WHERE status = 0 ORDER BY id LIMIT ?)
RETURNING id, payload
"""
COMPLETE_MANY = """
UPDATE task SET status = 2, done_at = ? WHERE id IN (SELECT value FROM json_each(?))
"""
COMPLETED = "SELECT payload FROM task WHERE status = 2"
SYNCHRONOUS = {"normal": "NORMAL", "full": "FULL"}
