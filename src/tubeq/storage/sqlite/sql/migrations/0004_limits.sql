-- Politeness: what is limited, who holds a part of it, and what is paused. Times are epoch seconds.

CREATE TABLE limit_rule (
    key TEXT PRIMARY KEY,  -- or a prefix that ends in '*'
    concurrency INTEGER CHECK (concurrency > 0),
    per_s REAL CHECK (per_s > 0),
    burst INTEGER NOT NULL DEFAULT 1 CHECK (burst > 0),
    CHECK (concurrency IS NOT NULL OR per_s IS NOT NULL)
) WITHOUT ROWID;

-- One row a permit of a rule with a concurrency. Ids are never used again, so that whoever gives
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
) WITHOUT ROWID;

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
) WITHOUT ROWID;
