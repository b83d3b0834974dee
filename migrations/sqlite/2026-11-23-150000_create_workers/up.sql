-- A deployed worker. Times are UTC, as text that sorts: 2026-11-23 15:00:00.000001.
CREATE TABLE workers (
    -- The hyphenated form, in lower case.
    id                  TEXT         PRIMARY KEY NOT NULL,
    name                VARCHAR(255) NOT NULL CHECK (length(name) <= 255),
    -- Empty until the worker is ready.
    snapshot_id         VARCHAR(255) NOT NULL CHECK (length(snapshot_id) <= 255),
    -- A JSON array of strings.
    functions           TEXT         NOT NULL,
    -- creating, ready, error or expired.
    status              VARCHAR(50)  NOT NULL CHECK (length(status) <= 50),
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
