-- How often a worker was changed. An update names the revision that it was decided on.
ALTER TABLE workers ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- Finds the worker that a snapshot is of.
CREATE INDEX workers_snapshot_id_idx ON workers (snapshot_id);
