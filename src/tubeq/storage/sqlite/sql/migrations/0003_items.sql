-- Results that are worth keeping: one row a source id, over all tasks, with its counts over time.
-- Inserting a result costs what it did; overwriting one notes its id, deleting the newest one moves
-- a mark.

-- What is known of one thing, such as a video, over the results of all tasks. Filled from results
-- by folding (storage/sqlite_items.py), never on the path of a completion.
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
);

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
    comments INTEGER,
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
