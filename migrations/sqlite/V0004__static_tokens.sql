-- Tokens of the strategy "token": their hashes, never they themselves.
CREATE TABLE static_tokens (
    id         BLOB PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL UNIQUE,
    user_id    TEXT,
    project_id TEXT,
    roles      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
