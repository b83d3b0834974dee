-- A deployed worker. Times are UTC.
CREATE TABLE workers (
    id                  UUID         PRIMARY KEY,
    name                VARCHAR(255) NOT NULL,
    -- Empty until the worker is ready.
    snapshot_id         VARCHAR(255) NOT NULL,
    functions           TEXT[]       NOT NULL,
    -- creating, ready, error or expired.
    status              VARCHAR(50)  NOT NULL,
    -- Set in state error only.
    error_message       TEXT,
    source_code         TEXT         NOT NULL,
    created_at          TIMESTAMP    NOT NULL,
    -- Set in states ready and expired.
    snapshot_expires_at TIMESTAMP,
    last_invoked_at     TIMESTAMP
);

-- Lists workers newest first.
CREATE INDEX workers_created_at_idx ON workers (created_at, id);

-- Finds the ready workers whose time has passed, and the few that are being created.
CREATE INDEX workers_status_idx ON workers (status, snapshot_expires_at, id);
