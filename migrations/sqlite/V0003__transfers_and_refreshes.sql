-- Offers of a zone to another project; one of a zone is ACTIVE at most.
CREATE TABLE zone_transfer_requests (
    id                BLOB PRIMARY KEY,
    zone_id           BLOB NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    project_id        TEXT,
    target_project_id TEXT,
    secret            TEXT NOT NULL,
    description       TEXT,
    status            TEXT NOT NULL,
    version           INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER
) STRICT;
CREATE UNIQUE INDEX zone_transfer_requests_zone_id ON zone_transfer_requests (zone_id) WHERE status = 'ACTIVE';
CREATE INDEX zone_transfer_requests_zone ON zone_transfer_requests (zone_id);
CREATE INDEX zone_transfer_requests_project ON zone_transfer_requests (project_id, created_at, id);
CREATE INDEX zone_transfer_requests_target ON zone_transfer_requests (target_project_id);

CREATE TABLE zone_transfer_accepts (
    id         BLOB PRIMARY KEY,
    request_id BLOB NOT NULL REFERENCES zone_transfer_requests (id) ON DELETE CASCADE,
    zone_id    BLOB NOT NULL,
    project_id TEXT NOT NULL,
    status     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER
) STRICT;
CREATE INDEX zone_transfer_accepts_request ON zone_transfer_accepts (request_id);
CREATE INDEX zone_transfer_accepts_created ON zone_transfer_accepts (created_at, id);

-- When secondary zones are to be asked of their masters next.
CREATE TABLE zone_refreshes (
    zone_id  BLOB PRIMARY KEY REFERENCES zones (id) ON DELETE CASCADE,
    shard    INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    -- Transfer whatever the masters' serial is.
    forced   INTEGER NOT NULL,
    attempts INTEGER NOT NULL
) STRICT;
CREATE INDEX zone_refreshes_due ON zone_refreshes (due_at);
