DROP INDEX workers_snapshot_id_idx;
ALTER TABLE workers DROP COLUMN revision;
