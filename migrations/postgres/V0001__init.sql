-- The same tables as in SQLite. Times are microseconds since the epoch, lists and maps are JSON text; text compares by
-- octets, so that ranges of keys mean the same in both engines.

CREATE TABLE pools (
    id          UUID CONSTRAINT pools_id PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL CONSTRAINT pools_name UNIQUE,
    description TEXT COLLATE "C",
    attributes  TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT
);

CREATE TABLE pool_ns_records (
    id       UUID CONSTRAINT pool_ns_records_id PRIMARY KEY,
    pool_id  UUID NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    hostname TEXT COLLATE "C" NOT NULL,
    priority BIGINT NOT NULL,
    CONSTRAINT pool_ns_records_pool_id_hostname UNIQUE (pool_id, hostname)
);

CREATE TABLE pool_nameservers (
    id         UUID CONSTRAINT pool_nameservers_id PRIMARY KEY,
    pool_id    UUID NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    host       TEXT COLLATE "C" NOT NULL,
    port       BIGINT NOT NULL,
    tsigkey_id UUID,
    CONSTRAINT pool_nameservers_pool_id_host_port UNIQUE (pool_id, host, port)
);

CREATE TABLE pool_also_notifies (
    id      UUID CONSTRAINT pool_also_notifies_id PRIMARY KEY,
    pool_id UUID NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    host    TEXT COLLATE "C" NOT NULL,
    port    BIGINT NOT NULL,
    CONSTRAINT pool_also_notifies_pool_id_host_port UNIQUE (pool_id, host, port)
);

CREATE TABLE pool_targets (
    id          UUID CONSTRAINT pool_targets_id PRIMARY KEY,
    pool_id     UUID NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    place       BIGINT NOT NULL,
    driver      TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    masters     TEXT COLLATE "C" NOT NULL,
    options     TEXT COLLATE "C" NOT NULL,
    tsigkey_id  UUID
);
CREATE INDEX pool_targets_pool ON pool_targets (pool_id);

CREATE TABLE zones (
    id                    UUID CONSTRAINT zones_id PRIMARY KEY,
    shard                 BIGINT NOT NULL,
    pool_id               UUID NOT NULL,
    project_id            TEXT COLLATE "C",
    name                  TEXT COLLATE "C" NOT NULL,
    name_key              TEXT COLLATE "C" NOT NULL,
    name_rev              TEXT COLLATE "C" NOT NULL,
    kind                  TEXT COLLATE "C" NOT NULL,
    email                 TEXT COLLATE "C" NOT NULL,
    description           TEXT COLLATE "C",
    ttl                   BIGINT NOT NULL,
    published_ttl         BIGINT NOT NULL,
    refresh               BIGINT NOT NULL,
    retry                 BIGINT NOT NULL,
    expire                BIGINT NOT NULL,
    minimum               BIGINT NOT NULL,
    serial                BIGINT NOT NULL,
    action                TEXT COLLATE "C" NOT NULL,
    status                TEXT COLLATE "C" NOT NULL,
    generation            BIGINT NOT NULL,
    published_generation  BIGINT NOT NULL,
    propagated_generation BIGINT NOT NULL,
    failed_generation     BIGINT NOT NULL,
    attributes            TEXT COLLATE "C" NOT NULL,
    masters               TEXT COLLATE "C" NOT NULL,
    parent_id             UUID,
    recordset_count       BIGINT NOT NULL,
    record_count          BIGINT NOT NULL,
    hard_delete           BOOLEAN NOT NULL,
    version               BIGINT NOT NULL,
    created_at            BIGINT NOT NULL,
    updated_at            BIGINT,
    transferred_at        BIGINT,
    published_at          BIGINT,
    -- Recovery: how often it was tried in vain, and when to try next.
    attempts              BIGINT NOT NULL,
    next_attempt_at       BIGINT NOT NULL,
    -- Grows whenever what DNS shows of a zone changes: the name servers' change feed.
    feed_at               BIGINT NOT NULL,
    -- '0' while the zone is there, its id once it is gone: frees the name.
    deleted               TEXT COLLATE "C" NOT NULL,
    deleted_at            BIGINT,
    CONSTRAINT zones_name_key_pool_id_deleted UNIQUE (name_key, pool_id, deleted)
);
CREATE INDEX zones_project ON zones (project_id, created_at, id) WHERE deleted = '0';
CREATE INDEX zones_created ON zones (created_at, id) WHERE deleted = '0';
CREATE INDEX zones_name_rev ON zones (name_rev) WHERE deleted = '0';
CREATE INDEX zones_parent ON zones (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX zones_pool ON zones (pool_id, id) WHERE deleted = '0';
CREATE INDEX zones_lagging ON zones (next_attempt_at) WHERE deleted = '0' AND propagated_generation < generation;
CREATE INDEX zones_refresh ON zones (transferred_at) WHERE deleted = '0' AND kind = 'SECONDARY';
CREATE INDEX zones_feed ON zones (feed_at);

-- The next position of the change feed: `at`, or one more than the greatest so far. One transaction at a time takes
-- positions, until its end, and sees those of all before it: so no position becomes visible after a later one.
CREATE FUNCTION next_feed_position(at BIGINT) RETURNS BIGINT LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(8029462309906120707);
    RETURN (SELECT GREATEST(at, MAX(f.feed_at) + 1) FROM zones f);
END
$$;
CREATE INDEX zones_gone ON zones (deleted_at) WHERE deleted <> '0';

CREATE TABLE recordsets (
    id          UUID CONSTRAINT recordsets_id PRIMARY KEY,
    zone_id     UUID NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    project_id  TEXT COLLATE "C",
    name        TEXT COLLATE "C" NOT NULL,
    name_key    TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    ttl         BIGINT,
    description TEXT COLLATE "C",
    records     TEXT COLLATE "C" NOT NULL,
    managed     BOOLEAN NOT NULL,
    generation  BIGINT NOT NULL,
    change      TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT,
    CONSTRAINT recordsets_zone_id_name_key_kind UNIQUE (zone_id, name_key, kind)
);
CREATE INDEX recordsets_zone_created ON recordsets (zone_id, created_at, id);
CREATE INDEX recordsets_project ON recordsets (project_id, created_at, id);
CREATE INDEX recordsets_created ON recordsets (created_at, id);
CREATE INDEX recordsets_name ON recordsets (name_key);

-- Who asked for a managed record; several sources may share one recordset.
CREATE TABLE managed_records (
    id              UUID CONSTRAINT managed_records_id PRIMARY KEY,
    recordset_id    UUID NOT NULL REFERENCES recordsets (id) ON DELETE CASCADE,
    data            TEXT COLLATE "C" NOT NULL,
    plugin          TEXT COLLATE "C" NOT NULL,
    resource_type   TEXT COLLATE "C" NOT NULL,
    resource_id     TEXT COLLATE "C" NOT NULL,
    resource_region TEXT COLLATE "C" NOT NULL,
    tenant          TEXT COLLATE "C",
    extra           TEXT COLLATE "C",
    created_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX managed_records_source
    ON managed_records (recordset_id, data, plugin, resource_type, resource_id, resource_region);
CREATE INDEX managed_records_resource ON managed_records (resource_type, resource_id);

CREATE TABLE zone_journal (
    zone_id        UUID NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    generation     BIGINT NOT NULL,
    seq            BIGINT NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    before_ttl     BIGINT,
    before_records TEXT COLLATE "C",
    after_ttl      BIGINT,
    after_records  TEXT COLLATE "C",
    at             BIGINT NOT NULL,
    CONSTRAINT zone_journal_zone_id_generation_seq PRIMARY KEY (zone_id, generation, seq)
);
CREATE INDEX zone_journal_at ON zone_journal (at);

CREATE TABLE zone_versions (
    zone_id      UUID NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    serial       BIGINT NOT NULL,
    generation   BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    CONSTRAINT zone_versions_zone_id_serial PRIMARY KEY (zone_id, serial)
);

CREATE TABLE zone_claims (
    zone_id    UUID CONSTRAINT zone_claims_zone_id PRIMARY KEY REFERENCES zones (id) ON DELETE CASCADE,
    worker     UUID NOT NULL,
    fence      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE nameserver_states (
    zone_id       UUID NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    nameserver_id UUID NOT NULL,
    serial        BIGINT,
    status        TEXT COLLATE "C" NOT NULL,
    seen_at       BIGINT NOT NULL,
    CONSTRAINT nameserver_states_zone_id_nameserver_id PRIMARY KEY (zone_id, nameserver_id)
);

CREATE TABLE shares (
    id                UUID CONSTRAINT shares_id PRIMARY KEY,
    zone_id           UUID NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    project_id        TEXT COLLATE "C" NOT NULL,
    target_project_id TEXT COLLATE "C" NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT,
    CONSTRAINT shares_zone_id_target_project_id UNIQUE (zone_id, target_project_id)
);
CREATE INDEX shares_target ON shares (target_project_id);

CREATE TABLE quotas (
    project_id TEXT COLLATE "C" NOT NULL,
    resource   TEXT COLLATE "C" NOT NULL,
    hard_limit BIGINT NOT NULL,
    CONSTRAINT quotas_project_id_resource PRIMARY KEY (project_id, resource)
);

CREATE TABLE tsig_keys (
    id          UUID CONSTRAINT tsig_keys_id PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL CONSTRAINT tsig_keys_name UNIQUE,
    algorithm   TEXT COLLATE "C" NOT NULL,
    secret      TEXT COLLATE "C" NOT NULL,
    scope       TEXT COLLATE "C" NOT NULL,
    resource_id UUID NOT NULL,
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT
);

CREATE TABLE tlds (
    id          UUID CONSTRAINT tlds_id PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL CONSTRAINT tlds_name UNIQUE,
    description TEXT COLLATE "C",
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT
);

CREATE TABLE blacklists (
    id          UUID CONSTRAINT blacklists_id PRIMARY KEY,
    pattern     TEXT COLLATE "C" NOT NULL CONSTRAINT blacklists_pattern UNIQUE,
    description TEXT COLLATE "C",
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT
);

-- Imports and exports as durable jobs.
CREATE TABLE tasks (
    id          UUID CONSTRAINT tasks_id PRIMARY KEY,
    kind        TEXT COLLATE "C" NOT NULL,
    project_id  TEXT COLLATE "C",
    zone_id     UUID,
    status      TEXT COLLATE "C" NOT NULL,
    message     TEXT COLLATE "C",
    location    TEXT COLLATE "C",
    body        TEXT COLLATE "C",
    progress    BIGINT NOT NULL,
    owner       UUID,
    fence       BIGINT NOT NULL,
    expires_at  BIGINT,
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT
);
CREATE INDEX tasks_list ON tasks (kind, project_id, created_at, id);
CREATE INDEX tasks_open ON tasks (expires_at) WHERE status = 'PENDING';

-- Notifications to emit, at least once.
CREATE TABLE outbox (
    id         BIGINT CONSTRAINT outbox_id PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    topic      TEXT COLLATE "C" NOT NULL,
    body       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Keys of requests that must not run twice.
CREATE TABLE inbox (
    once_key   TEXT COLLATE "C" CONSTRAINT inbox_once_key PRIMARY KEY,
    claimed_at BIGINT NOT NULL
);
CREATE INDEX inbox_claimed ON inbox (claimed_at);

CREATE TABLE fences (
    resource TEXT COLLATE "C" CONSTRAINT fences_resource PRIMARY KEY,
    token    BIGINT NOT NULL
);

CREATE TABLE service_statuses (
    id             UUID CONSTRAINT service_statuses_id PRIMARY KEY,
    service_name   TEXT COLLATE "C" NOT NULL,
    hostname       TEXT COLLATE "C" NOT NULL,
    instance       UUID NOT NULL,
    status         TEXT COLLATE "C" NOT NULL,
    stats          TEXT COLLATE "C" NOT NULL,
    capabilities   TEXT COLLATE "C" NOT NULL,
    heartbeated_at BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT,
    CONSTRAINT service_statuses_service_name_hostname_instance UNIQUE (service_name, hostname, instance)
);
