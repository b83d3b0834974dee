-- How new each invocation of the worker has to be at least, as its owner demands: `sandbox` or `process`. Null where
-- the owner demands nothing.
ALTER TABLE workers ADD COLUMN isolation VARCHAR(50) CHECK (length(isolation) <= 50);
