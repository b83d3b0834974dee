-- A worker belongs to a tenant, and is found through it: what is no id would hide it from every call. SQLite keeps
-- whatever is written, and adds no CHECK to a column that is there.
CREATE TRIGGER workers_check_new_tenant BEFORE INSERT ON workers
WHEN typeof(NEW.tenant_id) <> 'text' OR NEW.tenant_id NOT GLOB
    '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
BEGIN
    SELECT RAISE(ABORT, 'tenant_id is no UUID in hyphenated form and lower case');
END;

CREATE TRIGGER workers_check_tenant BEFORE UPDATE OF tenant_id ON workers
WHEN typeof(NEW.tenant_id) <> 'text' OR NEW.tenant_id NOT GLOB
    '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
BEGIN
    SELECT RAISE(ABORT, 'tenant_id is no UUID in hyphenated form and lower case');
END;
