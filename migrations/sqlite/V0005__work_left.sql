-- What a project had made for its floating IPs, and pools whose zones do not all show the pool's NS set yet.

CREATE INDEX managed_records_tenant ON managed_records (tenant, resource_type);

CREATE TABLE pool_work (
    pool_id    BLOB PRIMARY KEY REFERENCES pools (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    after_zone BLOB,
    due_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pool_work_due ON pool_work (due_at);
