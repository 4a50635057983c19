-- The original specification's two tables, with what fencing, leases, schedules and history need.
-- Timestamps are UTC "YYYY-MM-DD HH:MM:SS.ffffff" for people and tools that open the file;
-- what the queue computes with (run_after, last_heartbeat, lease_expires_at) is epoch seconds.

CREATE TABLE task_queue (
    id INTEGER PRIMARY KEY,
    task_id TEXT NOT NULL DEFAULT (lower(hex(randomblob(10)))),
    task_type TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'QUEUED'
        CHECK (status IN ('QUEUED', 'CLAIMED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    scheduled INTEGER NOT NULL DEFAULT 0,  -- 1 until run_after has passed
    priority INTEGER NOT NULL DEFAULT 0,
    claim_token INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    retry_count INTEGER NOT NULL DEFAULT 0,
    crash_count INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    run_after REAL,
    worker_id TEXT,
    claimed_at TIMESTAMP,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    last_heartbeat REAL,
    lease_expires_at REAL,
    error_code TEXT,
    error_message TEXT,
    idempotency_key TEXT,
    parameters TEXT NOT NULL DEFAULT '{}',
    result TEXT,
    -- The one index on the path of a claim. Due tasks of a type sit under its name, held ones right
    -- behind them under its name and '~': a claim of the newest task moves an entry within a page.
    -- Finished and scheduled tasks are not in it, so neither slows a claim down.
    queue_key TEXT GENERATED ALWAYS AS (
        CASE
            WHEN status = 'QUEUED' THEN CASE WHEN scheduled = 0 THEN task_type END
            WHEN status IN ('CLAIMED', 'RUNNING') THEN task_type || '~'
        END
    ) VIRTUAL
);

CREATE UNIQUE INDEX task_queue_task_id ON task_queue (task_id);
CREATE INDEX task_queue_open ON task_queue (queue_key) WHERE queue_key IS NOT NULL;
CREATE INDEX task_queue_prioritised ON task_queue (task_type, priority DESC)
    WHERE status = 'QUEUED' AND scheduled = 0 AND priority > 0;
CREATE INDEX task_queue_scheduled ON task_queue (task_type, run_after)
    WHERE status = 'QUEUED' AND scheduled = 1;
CREATE UNIQUE INDEX task_queue_idempotency_key ON task_queue (idempotency_key)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE results (
    id INTEGER PRIMARY KEY,
    result_id TEXT NOT NULL DEFAULT (lower(hex(randomblob(10)))),
    task_id TEXT NOT NULL REFERENCES task_queue (task_id),
    source_id TEXT,
    title TEXT,
    description TEXT,
    score REAL,
    url TEXT,
    views INTEGER,
    duration_s REAL,
    published_at TIMESTAMP,
    extra TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    copy INTEGER NOT NULL DEFAULT 0  -- numbers the doubles that an adopted database held
);

CREATE UNIQUE INDEX results_task_source ON results (task_id, source_id, copy);

-- Transitions that the task's row no longer shows. The row itself bears its creation and its
-- current attempt, so a task that is claimed, started and completed writes nothing here.
CREATE TABLE task_event (
    id INTEGER PRIMARY KEY,
    task INTEGER NOT NULL REFERENCES task_queue (id),
    event TEXT NOT NULL,
    at TIMESTAMP NOT NULL,
    worker_id TEXT,
    claim_token INTEGER NOT NULL,
    detail TEXT
);

CREATE INDEX task_event_task ON task_event (task);

-- Every transition: those of task_event between what the row bears.
CREATE VIEW task_history AS
SELECT id AS task, 0 AS part, 0 AS position, 'created' AS event, created_at AS at,
       NULL AS worker_id, 0 AS claim_token, NULL AS detail
FROM task_queue
UNION ALL
SELECT task, 1, id, event, at, worker_id, claim_token, detail FROM task_event
UNION ALL
SELECT id, 2, 0, 'claimed', claimed_at, worker_id, claim_token, NULL
FROM task_queue WHERE claimed_at IS NOT NULL
UNION ALL
SELECT id, 2, 1, 'started', started_at, worker_id, claim_token, NULL
FROM task_queue WHERE started_at IS NOT NULL
UNION ALL
SELECT id, 2, 2, lower(status), completed_at, worker_id, claim_token,
       CASE status WHEN 'FAILED' THEN error_message END
FROM task_queue WHERE completed_at IS NOT NULL;

CREATE TABLE worker (
    worker_id TEXT PRIMARY KEY,
    task_type TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at TIMESTAMP NOT NULL,
    last_seen REAL NOT NULL,
    stop_requested INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
