-- Nothing was kept in these so far.
DROP TABLE outbox;
DROP TABLE inbox;

-- Notifications to emit, at least once, those of a zone in this order.
CREATE TABLE outbox (
    id         BIGINT CONSTRAINT outbox_id PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    zone_id    UUID,
    priority   TEXT COLLATE "C" NOT NULL,
    body       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- What came of requests that must not be done twice.
CREATE TABLE inbox (
    once_key   TEXT COLLATE "C" CONSTRAINT inbox_once_key PRIMARY KEY,
    reply      TEXT COLLATE "C" NOT NULL,
    claimed_at BIGINT NOT NULL
);
CREATE INDEX inbox_claimed ON inbox (claimed_at);
