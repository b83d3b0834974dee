CREATE OR REPLACE FUNCTION workers_tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
