DROP INDEX workers_tenant_id_created_at_idx;
ALTER TABLE workers DROP COLUMN tenant_id;
