-- When the masters were last heard of, and whether that is so long ago that the zone is served no more.
ALTER TABLE zone_refreshes ADD COLUMN checked_at INTEGER;
ALTER TABLE zone_refreshes ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
INSERT INTO zone_refreshes (zone_id, shard, due_at, forced, attempts, expired)
    SELECT id, shard, 0, 0, 0, 0 FROM zones WHERE kind = 'SECONDARY' AND deleted = '0'
    ON CONFLICT (zone_id) DO NOTHING;
