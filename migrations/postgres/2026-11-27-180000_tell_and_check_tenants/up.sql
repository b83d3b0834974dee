-- Tells every server what was changed about a worker, by any server and by hand: what, its tenant, the worker, and the
-- snapshot that it does not need any more. A server that knows the earlier form takes one that begins with a capital
-- letter for a change that it has missed.
CREATE OR REPLACE FUNCTION workers_tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify('workers_changes', 'D' || OLD.tenant_id || OLD.id || OLD.snapshot_id);
    ELSIF TG_OP = 'UPDATE' AND (OLD.snapshot_id <> NEW.snapshot_id OR NEW.status = 'expired') THEN
        PERFORM pg_notify('workers_changes', 'C' || NEW.tenant_id || NEW.id || OLD.snapshot_id);
    ELSE
        PERFORM pg_notify('workers_changes', 'C' || NEW.tenant_id || NEW.id);
    END IF;
    RETURN NULL;
END
$$;
