-- Offers of a zone to another project; one of a zone is ACTIVE at most.
CREATE TABLE zone_transfer_requests (
    id                UUID CONSTRAINT zone_transfer_requests_id PRIMARY KEY,
    zone_id           UUID NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    project_id        TEXT COLLATE "C",
    target_project_id TEXT COLLATE "C",
    secret            TEXT COLLATE "C" NOT NULL,
    description       TEXT COLLATE "C",
    status            TEXT COLLATE "C" NOT NULL,
    version           BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT
);
CREATE UNIQUE INDEX zone_transfer_requests_zone_id ON zone_transfer_requests (zone_id) WHERE status = 'ACTIVE';
CREATE INDEX zone_transfer_requests_zone ON zone_transfer_requests (zone_id);
CREATE INDEX zone_transfer_requests_project ON zone_transfer_requests (project_id, created_at, id);
CREATE INDEX zone_transfer_requests_target ON zone_transfer_requests (target_project_id);

CREATE TABLE zone_transfer_accepts (
    id         UUID CONSTRAINT zone_transfer_accepts_id PRIMARY KEY,
    request_id UUID NOT NULL REFERENCES zone_transfer_requests (id) ON DELETE CASCADE,
    zone_id    UUID NOT NULL,
    project_id TEXT COLLATE "C" NOT NULL,
    status     TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT
);
CREATE INDEX zone_transfer_accepts_request ON zone_transfer_accepts (request_id);
CREATE INDEX zone_transfer_accepts_created ON zone_transfer_accepts (created_at, id);

-- When secondary zones are to be asked of their masters next.
CREATE TABLE zone_refreshes (
    zone_id  UUID CONSTRAINT zone_refreshes_zone_id PRIMARY KEY REFERENCES zones (id) ON DELETE CASCADE,
    shard    BIGINT NOT NULL,
    due_at   BIGINT NOT NULL,
    -- Transfer whatever the masters' serial is.
    forced   BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL
);
CREATE INDEX zone_refreshes_due ON zone_refreshes (due_at);
