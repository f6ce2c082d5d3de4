-- Who made each change of a zone, in which request. Lines written before say nothing of it.
ALTER TABLE zone_journal ADD COLUMN request_id TEXT COLLATE "C";
ALTER TABLE zone_journal ADD COLUMN user_id TEXT COLLATE "C";
ALTER TABLE zone_journal ADD COLUMN project_id TEXT COLLATE "C";
