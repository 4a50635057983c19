-- The original specification's two tables, with what fencing, leases, schedules and history need.
-- Timestamps are UTC "YYYY-MM-DD HH:MM:SS.ffffff" for people and tools that open the file;
-- what the queue computes with (run_after, last_heartbeat, lease_expires_at) is epoch seconds.

CREATE TABLE task_queue (
    id INTEGER PRIMARY KEY,
    task_id TEXT NOT NULL DEFAULT (lower(hex(randomblob(10)))),
    task_type TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'QUEUED'
        CHECK (status = 'COMPLETED' OR status = 'RUNNING' OR status = 'QUEUED'
            OR status = 'CLAIMED' OR status = 'FAILED' OR status = 'CANCELLED'),
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
, run_after_set_at REAL, boot INTEGER, lease_ends_uptime_s REAL);
-- run_after_set_at: when a delay that the queue itself set, such as a retry's, was set; NULL for a
-- date that somebody gave. boot and lease_ends_uptime_s: when the lease ends by the monotonic clock,
-- and of which boot of which host (domain/leases.py).

CREATE UNIQUE INDEX task_queue_task_id ON task_queue (task_id);
CREATE INDEX task_queue_open ON task_queue (queue_key) WHERE queue_key IS NOT NULL;
CREATE INDEX task_queue_prioritised ON task_queue (task_type, priority DESC)
    WHERE status = 'QUEUED' AND scheduled = 0 AND priority > 0;
CREATE INDEX task_queue_scheduled ON task_queue (task_type, run_after)
    WHERE status = 'QUEUED' AND scheduled = 1;
CREATE UNIQUE INDEX task_queue_idempotency_key ON task_queue (idempotency_key)
    WHERE idempotency_key IS NOT NULL;
-- Its condition names no column that a claim changes, so that claims need not look at it.
CREATE INDEX task_queue_delayed ON task_queue (run_after_set_at)
    WHERE run_after_set_at IS NOT NULL;

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

-- What is known of one thing, such as a video, over the results of all tasks. Filled from results
-- by folding (storage/sqlite_items.py), never on the path of a completion. `views_exact` is 1 where
-- views that look rounded are exact, 0 where they may be rounded, NULL where nobody said. (A column
-- that came later stands as SQLite adds it.)
CREATE TABLE item (
    id INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    channel TEXT,
    channel_id TEXT,
    handle TEXT,
    url TEXT,
    duration_s REAL,
    published_at TIMESTAMP,
    extra TEXT,
    first_seen_at TIMESTAMP NOT NULL,
    score REAL,
    views INTEGER,
    likes INTEGER,
    comments INTEGER,
    last_seen_at TIMESTAMP NOT NULL,
    times_seen INTEGER NOT NULL,
    counted_at TIMESTAMP,  -- when counts were last kept in item_count
    uncounted INTEGER NOT NULL  -- 1 where they have changed since
, views_exact INTEGER);

CREATE UNIQUE INDEX item_source ON item (source_id);
CREATE INDEX item_views ON item (views);
CREATE INDEX item_score ON item (score);
CREATE INDEX item_newest ON item (published_at);

-- Counts over time: a row where they changed, and the last one is an hour old or more.
CREATE TABLE item_count (
    item INTEGER NOT NULL REFERENCES item (id),
    at TIMESTAMP NOT NULL,
    views INTEGER,
    likes INTEGER,
    comments INTEGER, views_exact INTEGER,
    PRIMARY KEY (item, at)
) WITHOUT ROWID;

CREATE INDEX item_count_at ON item_count (at);

-- How far folding has come, in one row.
CREATE TABLE item_fold (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    through INTEGER NOT NULL,  -- no row of results up to this id is new
    generation INTEGER NOT NULL,  -- changes whenever items do, or `through`
    indexed_through INTEGER  -- the last item in item_search; NULL where that is to be made anew
);
INSERT INTO item_fold VALUES (0, 0, 0, NULL);

-- Results that were overwritten, perhaps after they were folded.
CREATE TABLE item_again (
    result INTEGER PRIMARY KEY,
    changes INTEGER NOT NULL DEFAULT 1
);

CREATE TRIGGER results_overwritten AFTER UPDATE ON results
BEGIN
    INSERT INTO item_again (result) VALUES (new.id)
    ON CONFLICT (result) DO UPDATE SET changes = changes + 1;
END;

-- SQLite gives the largest id again once its row is gone: what bears it then must count as new.
CREATE TRIGGER results_deleted AFTER DELETE ON results
WHEN old.id >= (SELECT through FROM item_fold)
BEGIN
    UPDATE item_fold SET
        through = min(through, coalesce((SELECT max(id) FROM results), 0)),
        generation = generation + 1;
END;

-- Politeness: what is limited, who holds a part of it, and what is paused. Times are epoch seconds.

CREATE TABLE limit_rule (
    key TEXT PRIMARY KEY,  -- or a prefix that ends in '*'
    concurrency INTEGER CHECK (concurrency > 0),
    per_s REAL CHECK (per_s > 0),
    burst INTEGER NOT NULL DEFAULT 1 CHECK (burst > 0),
    CHECK (concurrency IS NOT NULL OR per_s IS NOT NULL)
) WITHOUT ROWID;

-- One row a slot of a rule with a concurrency. Ids are never used again, so that whoever gives
-- one back late cannot give back somebody else's.
CREATE TABLE limit_permit (
    permit_id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    task INTEGER,  -- with claim_token: for which claim
    claim_token INTEGER,
    taken_at REAL NOT NULL,
    lease_s REAL NOT NULL,
    expires_at REAL NOT NULL
, boot INTEGER, ends_uptime_s REAL) WITHOUT ROWID;

CREATE INDEX limit_permit_key ON limit_permit (key, taken_at);

-- The one number of the GCRA for each key with a rate. A time that has passed says nothing.
CREATE TABLE limit_rate (
    key TEXT PRIMARY KEY,
    due_at REAL NOT NULL
) WITHOUT ROWID;

-- Circuit breakers that are not closed.
CREATE TABLE limit_breaker (
    key TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    trips INTEGER NOT NULL,
    opened_at REAL NOT NULL,
    pause_s REAL NOT NULL,
    probe_worker_id TEXT,
    probe_task INTEGER,
    probe_claim_token INTEGER,
    probe_lease_s REAL,
    probe_expires_at REAL
, probe_boot INTEGER, probe_ends_uptime_s REAL) WITHOUT ROWID;

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
