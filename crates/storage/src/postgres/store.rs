//! The store on Postgres.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;
use tracing::instrument;
use workers_domain::ports::{
    ExistingWorkers, RepositoryError, SchemaAdmin, SetupOutcome, Store, StoredChanges, Transaction, WorkerRepository,
};

use super::migrations;
use super::pool::PgPool;
use super::session::{PgSession, map_error};
use super::transaction::PgTransaction;
use super::url::PostgresUrl;
use super::workers::PgWorkers;
use crate::error::ConnectError;
use crate::options::{ConnectionLimits, StorageOptions};

/// Reads the minimum of what the server, the database and the user allow. A limit below 0 means no limit.
/// `reserved_connections` exists since version 16.
const ALLOWED: &str = "\
    SELECT LEAST( \
        CASE WHEN role.rolsuper THEN server.connections ELSE server.connections \
            - current_setting('superuser_reserved_connections')::int4 \
            - COALESCE(current_setting('reserved_connections', true), '0')::int4 END, \
        NULLIF(GREATEST(role.rolconnlimit, -1), -1), NULLIF(GREATEST(db.datconnlimit, -1), -1) \
    ) AS connections \
    FROM (SELECT current_setting('max_connections')::int4 AS connections) AS server, pg_roles AS role, pg_database AS db \
    WHERE role.rolname = current_user AND db.datname = current_database()";

#[derive(QueryableByName)]
struct AllowedConnections {
    #[diesel(sql_type = Integer)]
    connections: i32,
}

/// The store on Postgres.
pub(crate) struct PgStore {
    pool: PgPool,
    workers: PgWorkers,
}

impl PgStore {
    pub(crate) fn connect(url: &PostgresUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        let pool = PgPool::new(url, options)?;
        Ok(Self { workers: PgWorkers::new(PgSession::new(&pool)), pool })
    }

    /// Returns how many connections this pool may have, and how many the server allows for its user.
    pub(crate) async fn connection_limits(&self) -> Result<ConnectionLimits, RepositoryError> {
        let session = &mut PgSession::new(&self.pool);
        let operation = "query for the number of connections";
        let allowed: AllowedConnections = map_error(operation, diesel::sql_query(ALLOWED).get_result(session).await)?;
        let allowed = usize::try_from(allowed.connections).unwrap_or(0);
        Ok(ConnectionLimits { pool: self.pool.max_connections(), allowed })
    }
}

#[async_trait]
impl Store for PgStore {
    fn workers(&self) -> &dyn WorkerRepository {
        &self.workers
    }

    #[instrument(name = "storage.begin", level = "debug", skip_all)]
    async fn begin(&self) -> Result<Box<dyn Transaction>, RepositoryError> {
        Ok(Box::new(PgTransaction::begin(&self.pool).await?))
    }

    fn listen(&self) -> Option<Box<dyn StoredChanges>> {
        Some(Box::new(self.pool.listen()))
    }

    fn schema(&self) -> &dyn SchemaAdmin {
        self
    }
}

#[async_trait]
impl SchemaAdmin for PgStore {
    #[instrument(name = "storage.schema.migrate", level = "debug", skip_all)]
    async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError> {
        migrations::apply(&self.pool).await
    }

    #[instrument(name = "storage.schema.set_up", level = "debug", skip_all)]
    async fn set_up(&self, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError> {
        migrations::set_up(&self.pool, existing).await
    }

    #[instrument(name = "storage.schema.check", level = "debug", skip_all)]
    async fn check(&self) -> Result<(), RepositoryError> {
        migrations::check(&self.pool).await
    }
}
