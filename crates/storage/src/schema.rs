//! The tables in Diesel's notation: one definition for both databases. The migrations in `migrations/` create them.

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text, Timestamp, Varchar};
    use crate::sql_types::{Id, Names};

    /// Deployed workers.
    workers (id) {
        /// The worker's id.
        id -> Id,
        /// The tenant that owns it.
        tenant_id -> Id,
        /// The name that the customer chose.
        #[max_length = 255]
        name -> Varchar,
        /// The snapshot that it has or had; empty until it is ready.
        #[max_length = 255]
        snapshot_id -> Varchar,
        /// The functions that it exports.
        functions -> Names,
        /// The status as a word.
        #[max_length = 50]
        status -> Varchar,
        /// Why it is in state error.
        error_message -> Nullable<Text>,
        /// The source it was deployed with.
        source_code -> Text,
        /// When it was deployed.
        created_at -> Timestamp,
        /// When its snapshot expires or expired.
        snapshot_expires_at -> Nullable<Timestamp>,
        /// When it was last invoked.
        last_invoked_at -> Nullable<Timestamp>,
        /// How many times it was changed.
        revision -> BigInt,
        /// How new its invocations have to be, as a word.
        #[max_length = 50]
        isolation -> Nullable<Varchar>,
    }
}

/// Statements that each read one of the indexes on SQLite. The check of the database runs them to find damaged indexes.
pub(crate) const EACH_INDEX: &str = "\
    SELECT id FROM workers ORDER BY created_at DESC, id DESC LIMIT 1; \
    SELECT id FROM workers WHERE tenant_id = '' ORDER BY created_at DESC, id DESC LIMIT 1; \
    SELECT id FROM workers WHERE id = ''; SELECT id FROM workers WHERE snapshot_id = ' '; \
    SELECT id FROM workers WHERE status = 'creating' ORDER BY snapshot_expires_at, id LIMIT 1;";
