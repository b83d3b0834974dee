DROP TRIGGER workers_tell_change ON workers;
DROP FUNCTION workers_tell_change();
DROP INDEX workers_snapshot_id_idx;
ALTER TABLE workers DROP COLUMN revision;
