-- The reference of the server class: a verb is one statement, and so one transaction.

-- schema
CREATE TABLE task (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status smallint NOT NULL DEFAULT 0,
    payload text NOT NULL,
    worker text,
    claimed_at timestamptz,
    done_at timestamptz
);
CREATE INDEX task_ready ON task (id) WHERE status = 0;
CREATE TABLE result (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, task bigint, body text);

-- insert
INSERT INTO task (payload) VALUES (%s)

-- claim
UPDATE task SET status = 1, worker = %s, claimed_at = now()
WHERE id = (SELECT id FROM task WHERE status = 0 ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id, payload

-- complete
WITH done AS (UPDATE task SET status = 2, done_at = now() WHERE id = %s RETURNING id)
INSERT INTO result (task, body) SELECT id, %s FROM done
