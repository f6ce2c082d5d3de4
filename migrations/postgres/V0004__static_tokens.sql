-- Tokens of the strategy "token": their hashes, never they themselves.
CREATE TABLE static_tokens (
    id         UUID CONSTRAINT static_tokens_id PRIMARY KEY,
    hash       TEXT COLLATE "C" NOT NULL CONSTRAINT static_tokens_hash UNIQUE,
    name       TEXT COLLATE "C" NOT NULL CONSTRAINT static_tokens_name UNIQUE,
    user_id    TEXT COLLATE "C",
    project_id TEXT COLLATE "C",
    roles      TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
