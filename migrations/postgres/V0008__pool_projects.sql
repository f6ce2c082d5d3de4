-- Pools: the project that one was made for.

ALTER TABLE pools ADD COLUMN project_id TEXT COLLATE "C";
