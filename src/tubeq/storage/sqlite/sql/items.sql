-- The statements of the catalogue of items, by name. "$name" stands for another entry.

-- name: item_columns
item.source_id, item.title, item.description, item.channel, item.channel_id, item.handle, item.url,
item.duration_s, item.published_at, item.extra, item.first_seen_at, item.score, item.views,
item.likes, item.comments, item.views_exact, item.last_seen_at, item.times_seen, item.counted_at, item.uncounted

-- Folding ------------------------------------------------------------------------------------------
-- What is read here is written later, under the write lock, if the generation is still the same.

-- name: fold_state
SELECT through, generation, indexed_through, (SELECT coalesce(max(id), 0) FROM item)
FROM item_fold

-- name: last_result
SELECT coalesce(max(id), 0) FROM results

-- New results, and overwritten ones. A result has the time when it was first stored; where it was
-- overwritten, the last heartbeat of its task is the time of that.
-- name: unfolded
WITH chosen (id) AS (
    SELECT id FROM (SELECT id FROM results WHERE id > :through ORDER BY id LIMIT :limit)
    UNION ALL
    SELECT id FROM (SELECT result AS id FROM item_again WHERE result <= :through LIMIT :limit))
SELECT chosen.id, again.changes, results.source_id,
    CASE WHEN again.changes IS NULL THEN results.created_at ELSE
        (SELECT max(results.created_at, coalesce(completed_at, ''),
                    coalesce(strftime('%Y-%m-%d %H:%M:%f000', last_heartbeat, 'unixepoch'), ''))
         FROM task_queue WHERE task_id = results.task_id) END AS at,
    results.title, results.description, results.score, results.url, results.views,
    results.duration_s, results.published_at, results.extra, item.id, $item_columns, NULL
FROM chosen
CROSS JOIN results ON results.id = chosen.id
LEFT JOIN item_again AS again ON again.result = chosen.id
LEFT JOIN item ON item.source_id = results.source_id

-- name: advance
UPDATE item_fold SET through = max(through, :through), generation = generation + 1,
    indexed_through = :indexed_through
WHERE generation = :generation

-- name: insert_item
INSERT INTO item (source_id, title, description, channel, channel_id, handle, url, duration_s,
                  published_at, extra, first_seen_at, score, views, likes, comments, views_exact,
                  last_seen_at, times_seen, counted_at, uncounted, id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: update_item
UPDATE item SET source_id = ?, title = ?, description = ?, channel = ?, channel_id = ?, handle = ?,
    url = ?, duration_s = ?, published_at = ?, extra = ?, first_seen_at = ?, score = ?, views = ?,
    likes = ?, comments = ?, views_exact = ?, last_seen_at = ?, times_seen = ?, counted_at = ?,
    uncounted = ?
WHERE id = ?

-- What is most often all that is new: the indexes of the other columns are not written.
-- name: update_counts
UPDATE item SET score = ?, views = ?, likes = ?, comments = ?, views_exact = ?, last_seen_at = ?,
    times_seen = ?, counted_at = ?, uncounted = ?
WHERE id = ?

-- name: update_seen
UPDATE item SET last_seen_at = ?, times_seen = ?, counted_at = ?, uncounted = ? WHERE id = ?

-- name: insert_count
INSERT OR IGNORE INTO item_count (item, at, views, likes, comments, views_exact)
VALUES (?, ?, ?, ?, ?, ?)

-- One that was overwritten again since it was read stays.
-- name: forget_again
DELETE FROM item_again WHERE result = ? AND changes = ?

-- Notes of results that are gone.
-- name: forget_gone
DELETE FROM item_again WHERE result IN (
    SELECT result FROM item_again WHERE NOT EXISTS (SELECT 1 FROM results WHERE id = result)
    LIMIT :limit)

-- name: is_any_gone
SELECT EXISTS (
    SELECT 1 FROM item_again WHERE NOT EXISTS (SELECT 1 FROM results WHERE id = result))

-- name: count_unfolded
SELECT (SELECT count(*) FROM results WHERE id > (SELECT through FROM item_fold))
     + (SELECT count(*) FROM item_again CROSS JOIN results ON results.id = item_again.result
        WHERE result <= (SELECT through FROM item_fold))

-- Searching ----------------------------------------------------------------------------------------
-- item_search is not part of the schema: a SQLite without FTS5 could not create it. It holds no
-- text of its own, so a deletion must give the text as it was.

-- name: has_fts5
SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'fts5')

-- name: drop_index
DROP TABLE IF EXISTS item_search

-- name: create_index
CREATE VIRTUAL TABLE item_search USING fts5 (
    title, description, channel, handle, channel_id, content = 'item', content_rowid = 'id',
    tokenize = 'unicode61 remove_diacritics 2')

-- A word in the title weighs as much as ten in the description, one in the channel's name as much as four.
-- name: weigh_index
INSERT INTO item_search (item_search, rank) VALUES ('rank', 'bm25(10.0, 1.0, 4.0)')

-- name: is_indexed
SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'item_search')

-- name: index_item
INSERT INTO item_search (rowid, title, description, channel, handle, channel_id)
VALUES (?, ?, ?, ?, ?, ?)

-- name: unindex_item
INSERT INTO item_search (item_search, rowid, title, description, channel, handle, channel_id)
VALUES ('delete', ?, ?, ?, ?, ?, ?)

-- name: unindexed
SELECT id, title, description, channel, handle, channel_id FROM item WHERE id > :after ORDER BY id LIMIT :limit

-- Looking ------------------------------------------------------------------------------------------

-- The multiple to which a count may have been rounded, as in domain/counts.py; -1 for an exact one,
-- so that even a difference of 0 is larger.
-- name: step_of_item
CASE WHEN coalesce(item.views_exact, item.views < 10000) OR item.views < 1000 THEN -1
    WHEN item.views < 10000 THEN iif(item.views % 100 = 0, 100, iif(item.views % 10 = 0, 10, -1))
    WHEN item.views < 100000 THEN iif(item.views % 1000 = 0, 1000, iif(item.views % 100 = 0, 100, -1))
    WHEN item.views < 1000000 THEN iif(item.views % 1000 = 0, 1000, -1)
    WHEN item.views < 10000000 THEN iif(item.views % 100000 = 0, 100000, iif(item.views % 10000 = 0, 10000, -1))
    WHEN item.views < 100000000 THEN iif(item.views % 1000000 = 0, 1000000, iif(item.views % 100000 = 0, 100000, -1))
    WHEN item.views < 1000000000 THEN iif(item.views % 1000000 = 0, 1000000, -1)
    WHEN item.views < 10000000000 THEN iif(item.views % 100000000 = 0, 100000000, iif(item.views % 10000000 = 0, 10000000, -1))
    ELSE iif(item.views % 1000000000 = 0, 1000000000, iif(item.views % 100000000 = 0, 100000000, -1)) END

-- name: step_of_kept
CASE WHEN coalesce(kept.views_exact, kept.views < 10000) OR kept.views < 1000 THEN -1
    WHEN kept.views < 10000 THEN iif(kept.views % 100 = 0, 100, iif(kept.views % 10 = 0, 10, -1))
    WHEN kept.views < 100000 THEN iif(kept.views % 1000 = 0, 1000, iif(kept.views % 100 = 0, 100, -1))
    WHEN kept.views < 1000000 THEN iif(kept.views % 1000 = 0, 1000, -1)
    WHEN kept.views < 10000000 THEN iif(kept.views % 100000 = 0, 100000, iif(kept.views % 10000 = 0, 10000, -1))
    WHEN kept.views < 100000000 THEN iif(kept.views % 1000000 = 0, 1000000, iif(kept.views % 100000 = 0, 100000, -1))
    WHEN kept.views < 1000000000 THEN iif(kept.views % 1000000 = 0, 1000000, -1)
    WHEN kept.views < 10000000000 THEN iif(kept.views % 100000000 = 0, 100000000, iif(kept.views % 10000000 = 0, 10000000, -1))
    ELSE iif(kept.views % 1000000000 = 0, 1000000000, iif(kept.views % 100000000 = 0, 100000000, -1)) END

-- name: comparable
abs(item.views - kept.views) > max($step_of_item, $step_of_kept)

-- Views gained since :since, or since the first comparable count if that is later.
-- name: growth
item.views - coalesce(
    (SELECT CASE WHEN $comparable THEN kept.views END FROM item_count AS kept
     WHERE kept.item = item.id AND kept.at <= :since AND kept.views IS NOT NULL
     ORDER BY kept.at DESC LIMIT 1),
    (SELECT kept.views FROM item_count AS kept
     WHERE kept.item = item.id AND kept.at > :since AND kept.views IS NOT NULL AND $comparable
     ORDER BY kept.at LIMIT 1))

-- name: of_channel
(item.channel = :channel COLLATE NOCASE OR item.channel_id = :channel COLLATE NOCASE
 OR item.handle = :channel COLLATE NOCASE)

-- All spellings of a name beyond ASCII, whose upper and lower case SQLite does not know.
-- name: of_channel_spelled
(item.channel IN (SELECT value FROM json_each(:spellings))
 OR item.handle IN (SELECT value FROM json_each(:spellings)))

-- name: channel_names
SELECT channel FROM item WHERE channel IS NOT NULL
UNION SELECT handle FROM item WHERE handle IS NOT NULL

-- name: channel_names_found
WITH found AS (
    SELECT channel, handle FROM item
    WHERE item.id IN (SELECT rowid FROM item_search WHERE item_search MATCH :channel_words)
)
SELECT channel FROM found WHERE channel IS NOT NULL
UNION SELECT handle FROM found WHERE handle IS NOT NULL

-- Candidates, so that not every item must be read: the index takes half the time, and a third of
-- the space, of three ordinary ones on these columns.
-- name: maybe_of_channel
item.id IN (SELECT rowid FROM item_search WHERE item_search MATCH :channel_words)

-- name: found
item.id IN (SELECT rowid FROM item_search WHERE item_search MATCH :search)

-- Items that were seen more than once, and counted in the period, or so shortly before it that a
-- change within it is not kept yet: no growth is known of the others.
-- name: moved
item.times_seen > 1 AND item.id IN (SELECT item FROM item_count WHERE at >= :counted_since)

-- name: listed
SELECT $item_columns, $growth AS growth FROM item

-- name: listed_by_relevance
SELECT $item_columns, $growth AS growth
FROM (SELECT rowid AS found, rank FROM item_search WHERE item_search MATCH :search
      ORDER BY rank LIMIT :limit) AS best
CROSS JOIN item ON item.id = best.found
ORDER BY best.rank, item.id

-- name: listed_by_relevance_within
SELECT $item_columns, $growth AS growth
FROM item_search CROSS JOIN item ON item.id = item_search.rowid

-- name: by_relevance
ORDER BY item_search.rank, item.id LIMIT :limit

-- name: by_views
ORDER BY item.views DESC, item.id DESC LIMIT :limit

-- name: by_score
ORDER BY item.score DESC, item.id DESC LIMIT :limit

-- name: by_newest
ORDER BY item.published_at DESC, item.id DESC LIMIT :limit

-- name: by_growth
ORDER BY growth DESC, item.id DESC LIMIT :limit

-- name: get_item
SELECT $item_columns, $growth FROM item WHERE source_id = :source_id

-- name: counts
SELECT at, views, likes, comments, views_exact FROM item_count
WHERE item = (SELECT id FROM item WHERE source_id = :source_id) ORDER BY at

-- name: count_items
SELECT count(*) FROM item

-- Pages of everything ------------------------------------------------------------------------------

-- name: item_page
SELECT id, $item_columns, NULL FROM item WHERE id > :after ORDER BY id LIMIT :limit

-- name: counts_between
SELECT source_id, at, kept.views, kept.likes, kept.comments, kept.views_exact
FROM item CROSS JOIN item_count AS kept ON kept.item = item.id
WHERE item.id > :after AND item.id <= :last ORDER BY item.id, at

-- name: result_page
SELECT id, result_id, task_id, source_id, title, description, score, url, views, duration_s,
       published_at, extra, created_at
FROM results WHERE id > :after ORDER BY id LIMIT :limit
