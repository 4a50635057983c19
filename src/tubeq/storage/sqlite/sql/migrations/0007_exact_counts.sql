-- Listings round counts of views, a video's own page does not. `views_exact` is 1 where views that
-- look rounded are exact, 0 where they may be rounded; NULL, as of all before, leaves it to the digits.
-- Adding a column changes no row: at once, also beside ten million items.

ALTER TABLE item ADD COLUMN views_exact INTEGER;

ALTER TABLE item_count ADD COLUMN views_exact INTEGER;
