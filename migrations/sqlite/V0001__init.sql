-- Ids are 16 octets, times are microseconds since the epoch, booleans are 0 or 1, lists and maps are JSON text.
-- Unique constraints are reported as table_column_column; the PostgreSQL migration names them so.

CREATE TABLE pools (
    id          BLOB PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    description TEXT,
    attributes  TEXT NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER
) STRICT;

CREATE TABLE pool_ns_records (
    id       BLOB PRIMARY KEY,
    pool_id  BLOB NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    hostname TEXT NOT NULL,
    priority INTEGER NOT NULL,
    UNIQUE (pool_id, hostname)
) STRICT;

CREATE TABLE pool_nameservers (
    id         BLOB PRIMARY KEY,
    pool_id    BLOB NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    host       TEXT NOT NULL,
    port       INTEGER NOT NULL,
    tsigkey_id BLOB,
    UNIQUE (pool_id, host, port)
) STRICT;

CREATE TABLE pool_also_notifies (
    id      BLOB PRIMARY KEY,
    pool_id BLOB NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    host    TEXT NOT NULL,
    port    INTEGER NOT NULL,
    UNIQUE (pool_id, host, port)
) STRICT;

CREATE TABLE pool_targets (
    id          BLOB PRIMARY KEY,
    pool_id     BLOB NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    place       INTEGER NOT NULL,
    driver      TEXT NOT NULL,
    description TEXT,
    masters     TEXT NOT NULL,
    options     TEXT NOT NULL,
    tsigkey_id  BLOB
) STRICT;
CREATE INDEX pool_targets_pool ON pool_targets (pool_id);

CREATE TABLE zones (
    id                    BLOB PRIMARY KEY,
    shard                 INTEGER NOT NULL,
    pool_id               BLOB NOT NULL,
    project_id            TEXT,
    name                  TEXT NOT NULL,
    name_key              TEXT NOT NULL,
    name_rev              TEXT NOT NULL,
    kind                  TEXT NOT NULL,
    email                 TEXT NOT NULL,
    description           TEXT,
    ttl                   INTEGER NOT NULL,
    published_ttl         INTEGER NOT NULL,
    refresh               INTEGER NOT NULL,
    retry                 INTEGER NOT NULL,
    expire                INTEGER NOT NULL,
    minimum               INTEGER NOT NULL,
    serial                INTEGER NOT NULL,
    action                TEXT NOT NULL,
    status                TEXT NOT NULL,
    generation            INTEGER NOT NULL,
    published_generation  INTEGER NOT NULL,
    propagated_generation INTEGER NOT NULL,
    failed_generation     INTEGER NOT NULL,
    attributes            TEXT NOT NULL,
    masters               TEXT NOT NULL,
    parent_id             BLOB,
    recordset_count       INTEGER NOT NULL,
    record_count          INTEGER NOT NULL,
    hard_delete           INTEGER NOT NULL,
    version               INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER,
    transferred_at        INTEGER,
    published_at          INTEGER,
    -- Recovery: how often it was tried in vain, and when to try next.
    attempts              INTEGER NOT NULL,
    next_attempt_at       INTEGER NOT NULL,
    -- Grows whenever what DNS shows of a zone changes: the name servers' change feed.
    feed_at               INTEGER NOT NULL,
    -- '0' while the zone is there, its id once it is gone: frees the name.
    deleted               TEXT NOT NULL,
    deleted_at            INTEGER,
    UNIQUE (name_key, pool_id, deleted)
) STRICT;
CREATE INDEX zones_project ON zones (project_id, created_at, id) WHERE deleted = '0';
CREATE INDEX zones_created ON zones (created_at, id) WHERE deleted = '0';
CREATE INDEX zones_name_rev ON zones (name_rev) WHERE deleted = '0';
CREATE INDEX zones_parent ON zones (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX zones_pool ON zones (pool_id, id) WHERE deleted = '0';
CREATE INDEX zones_lagging ON zones (next_attempt_at) WHERE deleted = '0' AND propagated_generation < generation;
CREATE INDEX zones_refresh ON zones (transferred_at) WHERE deleted = '0' AND kind = 'SECONDARY';
CREATE INDEX zones_feed ON zones (feed_at);
CREATE INDEX zones_gone ON zones (deleted_at) WHERE deleted <> '0';

CREATE TABLE recordsets (
    id          BLOB PRIMARY KEY,
    zone_id     BLOB NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    project_id  TEXT,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL,
    kind        TEXT NOT NULL,
    ttl         INTEGER,
    description TEXT,
    records     TEXT NOT NULL,
    managed     INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    change      TEXT NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER,
    UNIQUE (zone_id, name_key, kind)
) STRICT;
CREATE INDEX recordsets_zone_created ON recordsets (zone_id, created_at, id);
CREATE INDEX recordsets_project ON recordsets (project_id, created_at, id);
CREATE INDEX recordsets_created ON recordsets (created_at, id);
CREATE INDEX recordsets_name ON recordsets (name_key);

-- Who asked for a managed record; several sources may share one recordset.
CREATE TABLE managed_records (
    id              BLOB PRIMARY KEY,
    recordset_id    BLOB NOT NULL REFERENCES recordsets (id) ON DELETE CASCADE,
    data            TEXT NOT NULL,
    plugin          TEXT NOT NULL,
    resource_type   TEXT NOT NULL,
    resource_id     TEXT NOT NULL,
    resource_region TEXT NOT NULL,
    tenant          TEXT,
    extra           TEXT,
    created_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX managed_records_source
    ON managed_records (recordset_id, data, plugin, resource_type, resource_id, resource_region);
CREATE INDEX managed_records_resource ON managed_records (resource_type, resource_id);

CREATE TABLE zone_journal (
    zone_id        BLOB NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    generation     INTEGER NOT NULL,
    seq            INTEGER NOT NULL,
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL,
    before_ttl     INTEGER,
    before_records TEXT,
    after_ttl      INTEGER,
    after_records  TEXT,
    at             INTEGER NOT NULL,
    PRIMARY KEY (zone_id, generation, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX zone_journal_at ON zone_journal (at);

CREATE TABLE zone_versions (
    zone_id      BLOB NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    serial       INTEGER NOT NULL,
    generation   INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (zone_id, serial)
) STRICT, WITHOUT ROWID;

CREATE TABLE zone_claims (
    zone_id    BLOB PRIMARY KEY REFERENCES zones (id) ON DELETE CASCADE,
    worker     BLOB NOT NULL,
    fence      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE nameserver_states (
    zone_id       BLOB NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    nameserver_id BLOB NOT NULL,
    serial        INTEGER,
    status        TEXT NOT NULL,
    seen_at       INTEGER NOT NULL,
    PRIMARY KEY (zone_id, nameserver_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE shares (
    id                BLOB PRIMARY KEY,
    zone_id           BLOB NOT NULL REFERENCES zones (id) ON DELETE CASCADE,
    project_id        TEXT NOT NULL,
    target_project_id TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER,
    UNIQUE (zone_id, target_project_id)
) STRICT;
CREATE INDEX shares_target ON shares (target_project_id);

CREATE TABLE quotas (
    project_id TEXT NOT NULL,
    resource   TEXT NOT NULL,
    hard_limit INTEGER NOT NULL,
    PRIMARY KEY (project_id, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE tsig_keys (
    id          BLOB PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    algorithm   TEXT NOT NULL,
    secret      TEXT NOT NULL,
    scope       TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER
) STRICT;

CREATE TABLE tlds (
    id          BLOB PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    description TEXT,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER
) STRICT;

CREATE TABLE blacklists (
    id          BLOB PRIMARY KEY,
    pattern     TEXT NOT NULL UNIQUE,
    description TEXT,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER
) STRICT;

-- Imports and exports as durable jobs.
CREATE TABLE tasks (
    id          BLOB PRIMARY KEY,
    kind        TEXT NOT NULL,
    project_id  TEXT,
    zone_id     BLOB,
    status      TEXT NOT NULL,
    message     TEXT,
    location    TEXT,
    body        TEXT,
    progress    INTEGER NOT NULL,
    owner       BLOB,
    fence       INTEGER NOT NULL,
    expires_at  INTEGER,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER
) STRICT;
CREATE INDEX tasks_list ON tasks (kind, project_id, created_at, id);
CREATE INDEX tasks_open ON tasks (expires_at) WHERE status = 'PENDING';

-- Notifications to emit, at least once.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    topic      TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Keys of requests that must not run twice.
CREATE TABLE inbox (
    once_key   TEXT PRIMARY KEY,
    claimed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_claimed ON inbox (claimed_at);

CREATE TABLE fences (
    resource TEXT PRIMARY KEY,
    token    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE service_statuses (
    id             BLOB PRIMARY KEY,
    service_name   TEXT NOT NULL,
    hostname       TEXT NOT NULL,
    instance       BLOB NOT NULL,
    status         TEXT NOT NULL,
    stats          TEXT NOT NULL,
    capabilities   TEXT NOT NULL,
    heartbeated_at INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER,
    UNIQUE (service_name, hostname, instance)
) STRICT;
