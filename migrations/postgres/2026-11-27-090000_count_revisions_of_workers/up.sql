-- How often a worker was changed. An update names the revision that it was decided on.
ALTER TABLE workers ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- Finds the worker that a snapshot is of.
CREATE INDEX workers_snapshot_id_idx ON workers (snapshot_id);

-- Tells every server what was changed about a worker, by any server and by hand: what, the worker, and the snapshot that
-- it does not need any more.
CREATE FUNCTION workers_tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify('workers_changes', 'd' || OLD.id || OLD.snapshot_id);
    ELSIF TG_OP = 'UPDATE' AND (OLD.snapshot_id <> NEW.snapshot_id OR NEW.status = 'expired') THEN
        PERFORM pg_notify('workers_changes', 'c' || NEW.id || OLD.snapshot_id);
    ELSE
        PERFORM pg_notify('workers_changes', 'c' || NEW.id);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER workers_tell_change
    AFTER INSERT OR DELETE OR UPDATE OF name, snapshot_id, functions, status, error_message, snapshot_expires_at
    ON workers FOR EACH ROW EXECUTE FUNCTION workers_tell_change();
