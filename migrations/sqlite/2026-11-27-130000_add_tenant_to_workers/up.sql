-- Whom the worker belongs to. Those that were there before belong to the one tenant that there was.
ALTER TABLE workers ADD COLUMN tenant_id TEXT NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';

-- Lists the workers of a tenant newest first.
CREATE INDEX workers_tenant_id_created_at_idx ON workers (tenant_id, created_at, id);
