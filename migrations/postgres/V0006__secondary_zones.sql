-- When the masters were last heard of, and whether that is so long ago that the zone is served no more.
ALTER TABLE zone_refreshes ADD COLUMN checked_at BIGINT;
ALTER TABLE zone_refreshes ADD COLUMN expired BOOLEAN NOT NULL DEFAULT FALSE;
INSERT INTO zone_refreshes (zone_id, shard, due_at, forced, attempts, expired)
    SELECT id, shard, 0, FALSE, 0, FALSE FROM zones WHERE kind = 'SECONDARY' AND deleted = '0'
    ON CONFLICT (zone_id) DO NOTHING;
