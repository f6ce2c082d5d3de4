-- Nothing was kept in these so far.
DROP TABLE outbox;
DROP TABLE inbox;

-- Notifications to emit, at least once, those of a zone in this order.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    zone_id    BLOB,
    priority   TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- What came of requests that must not be done twice.
CREATE TABLE inbox (
    once_key   TEXT PRIMARY KEY,
    reply      TEXT NOT NULL,
    claimed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_claimed ON inbox (claimed_at);
