-- What a project had made for its floating IPs, and pools whose zones do not all show the pool's NS set yet.

CREATE INDEX managed_records_tenant ON managed_records (tenant, resource_type);

CREATE TABLE pool_work (
    pool_id    UUID CONSTRAINT pool_work_pool_id PRIMARY KEY REFERENCES pools (id) ON DELETE CASCADE,
    version    BIGINT NOT NULL,
    after_zone UUID,
    due_at     BIGINT NOT NULL
);
CREATE INDEX pool_work_due ON pool_work (due_at);
