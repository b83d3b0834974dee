//! Applies the migrations of either backend, and checks whether they have been applied.

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use tracing::info;
use workers_domain::ports::RepositoryError;

/// The name of the operation in errors.
pub(crate) const OPERATION: &str = "migration of the schema";

diesel::table! {
    /// Diesel's own list of applied migrations.
    __diesel_schema_migrations (version) {
        /// The version of a migration: the digits of its timestamp.
        version -> Text,
    }
}

/// The reason why migrations were not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrateError {
    /// The database was migrated by a newer `workersd`.
    #[error(
        "the database has migration {version}, which this version of workersd does not know; \
         use a workersd at least as new as the one that last migrated it"
    )]
    Newer {
        /// The newest unknown migration.
        version: String,
    },
    /// A migration failed, or the lookup of applied migrations did.
    #[error("{attempt} failed")]
    Failed {
        /// The operation that failed.
        attempt: String,
        /// The database's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The transaction around the migrations failed.
    #[error(transparent)]
    Transaction(#[from] diesel::result::Error),
}

impl MigrateError {
    pub(crate) fn into_repository_error(
        self,
        translate: impl FnOnce(&'static str, diesel::result::Error) -> RepositoryError,
    ) -> RepositoryError {
        match self {
            Self::Transaction(error) => translate(OPERATION, error),
            // Diesel's own list of migrations fails with a plain database error. It gets its own kind, such as a full
            // disk.
            Self::Failed { attempt, source } => match source.downcast::<diesel::result::Error>() {
                Ok(error) => translate(OPERATION, *error),
                Err(source) => {
                    RepositoryError::Refused { operation: OPERATION, source: Self::Failed { attempt, source }.into() }
                }
            },
            newer @ Self::Newer { .. } => RepositoryError::Refused { operation: OPERATION, source: newer.into() },
        }
    }
}

/// The result of [`apply_pending`].
pub(crate) struct Applied {
    /// Whether there was a schema before.
    pub(crate) had_schema: bool,
    /// The migrations that were applied, in order.
    pub(crate) names: Vec<String>,
}

/// Applies pending migrations. The caller must hold a transaction and a lock that keeps out other processes that do the
/// same.
pub(crate) fn apply_pending<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    source: &impl MigrationSource<DB>,
) -> Result<Applied, MigrateError> {
    let applied = harness.applied_migrations().map_err(|source| failed("the look for applied migrations", source))?;
    let applied: BTreeSet<String> = applied.iter().map(ToString::to_string).collect();
    let mut known = source.migrations().map_err(|source| failed("the reading of the migrations", source))?;
    known.sort_unstable_by(|a, b| a.name().version().cmp(&b.name().version()));
    // A schema of a newer program is left as it is, so nothing may run before this check.
    refuse_newer(&applied, &versions(&known))?;

    let mut names = Vec::new();
    for migration in known.iter().filter(|migration| !applied.contains(&migration.name().version().to_string())) {
        let name = migration.name().to_string();
        harness.run_migration(migration.as_ref()).map_err(|source| failed(&format!("migration {name}"), source))?;
        names.push(name);
    }
    Ok(Applied { had_schema: !applied.is_empty(), names })
}

/// Logs which migrations were applied.
pub(crate) fn log_applied(names: &[String]) {
    for name in names {
        info!(migration.name = %name, "applied a migration");
    }
}

/// Compares the applied migrations with those of this binary.
pub(crate) fn check_applied<DB: Backend>(
    source: &EmbeddedMigrations,
    applied: Vec<String>,
) -> Result<(), RepositoryError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let applied = applied.into_iter().collect();
    let known = MigrationSource::<DB>::migrations(source)
        .map_err(|source| RepositoryError::Refused { operation: OPERATION, source })?;
    let known = versions(&known);
    refuse_newer(&applied, &known)
        .map_err(|source| RepositoryError::Refused { operation: "check of the schema", source: source.into() })?;
    // A schema that lacks some migrations counts as missing too, because the same command helps: `workersd migrate`.
    if known.is_subset(&applied) { Ok(()) } else { Err(RepositoryError::SchemaMissing) }
}

fn versions<DB: Backend>(migrations: &[Box<dyn Migration<DB>>]) -> BTreeSet<String> {
    migrations.iter().map(|migration| MigrationVersion::to_string(&migration.name().version())).collect()
}

fn refuse_newer(applied: &BTreeSet<String>, known: &BTreeSet<String>) -> Result<(), MigrateError> {
    match applied.difference(known).last() {
        None => Ok(()),
        Some(version) => Err(MigrateError::Newer { version: version.clone() }),
    }
}

fn failed(attempt: &str, source: Box<dyn std::error::Error + Send + Sync>) -> MigrateError {
    MigrateError::Failed { attempt: attempt.to_owned(), source }
}
