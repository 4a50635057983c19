-- The statements of limits and pauses: see domain/limits.py and domain/breaker.py.

-- name: rule_columns
key, concurrency, per_s, burst

-- name: slot_columns
permit_id, key, worker_id, task, claim_token, taken_at, lease_s, expires_at, boot, ends_uptime_s

-- name: breaker_columns
key, code, trips, opened_at, pause_s, probe_worker_id, probe_task, probe_claim_token,
probe_lease_s, probe_expires_at, probe_boot, probe_ends_uptime_s

-- Rules -------------------------------------------------------------------------------------------

-- name: is_anything
SELECT EXISTS (SELECT 1 FROM limit_rule) OR EXISTS (SELECT 1 FROM limit_breaker)

-- name: rules
SELECT $rule_columns FROM limit_rule ORDER BY key

-- name: put_rule
INSERT OR REPLACE INTO limit_rule ($rule_columns) VALUES (?, ?, ?, ?)

-- name: delete_rule
DELETE FROM limit_rule WHERE key = ?

-- Slots -----------------------------------------------------------------------------------------

-- name: slots
SELECT $slot_columns FROM limit_permit ORDER BY key, taken_at, permit_id

-- name: slots_of_key
SELECT $slot_columns FROM limit_permit WHERE key = ? ORDER BY taken_at, permit_id

-- name: insert_slot
INSERT INTO limit_permit ($slot_columns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: clamp_slot
UPDATE limit_permit SET taken_at = ?, expires_at = ?, boot = ?, ends_uptime_s = ?
WHERE permit_id = ?

-- name: delete_slot
DELETE FROM limit_permit WHERE permit_id = ?

-- As in Lease.has_ended; see $has_expired of queries.sql.
-- name: delete_expired_slots
DELETE FROM limit_permit WHERE
CASE WHEN (boot & 0xFFFFFFFF) = (:boot & 0xFFFFFFFF) THEN ends_uptime_s <= :uptime_s
     WHEN (boot >> 32) = (:boot >> 32) THEN 1
     ELSE expires_at <= :now END

-- A slot that has expired, but is not deleted yet, was not given to another holder either.
-- name: extend_slots
UPDATE limit_permit SET lease_s = :lease_s, expires_at = :expires_at, boot = :boot,
    ends_uptime_s = :ends_uptime_s
WHERE worker_id = :worker_id AND task IS :task AND claim_token IS :claim_token

-- name: is_worker_holding
SELECT EXISTS (SELECT 1 FROM limit_permit WHERE worker_id = :worker_id)
    OR EXISTS (SELECT 1 FROM limit_breaker WHERE probe_worker_id = :worker_id)

-- name: free_slots
DELETE FROM limit_permit WHERE worker_id = ?

-- Rates -------------------------------------------------------------------------------------------

-- name: due_at
SELECT due_at FROM limit_rate WHERE key = ?

-- name: put_due_at
INSERT OR REPLACE INTO limit_rate (key, due_at) VALUES (?, ?)

-- name: delete_old_rates
DELETE FROM limit_rate WHERE due_at <= ?

-- Breakers ----------------------------------------------------------------------------------------

-- name: breakers
SELECT $breaker_columns FROM limit_breaker ORDER BY key

-- name: breaker
SELECT $breaker_columns FROM limit_breaker WHERE key = ?

-- name: put_breaker
INSERT OR REPLACE INTO limit_breaker ($breaker_columns)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delete_breaker
DELETE FROM limit_breaker WHERE key = ?
