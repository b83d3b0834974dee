//! The tables, as Diesel sees them: one definition for both databases. `migrations/` makes them.

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text, Timestamp, Varchar};
    use crate::sql_types::{Id, Names};

    /// Deployed workers.
    workers (id) {
        /// Its id.
        id -> Id,
        /// Whom it belongs to.
        tenant_id -> Id,
        /// What the customer calls it.
        #[max_length = 255]
        name -> Varchar,
        /// The snapshot that it has or had; empty until it is ready.
        #[max_length = 255]
        snapshot_id -> Varchar,
        /// The functions that it exports.
        functions -> Names,
        /// The word for its state.
        #[max_length = 50]
        status -> Varchar,
        /// Why it is in error.
        error_message -> Nullable<Text>,
        /// What it was deployed with.
        source_code -> Text,
        /// When it was deployed.
        created_at -> Timestamp,
        /// When its snapshot expires or expired.
        snapshot_expires_at -> Nullable<Timestamp>,
        /// When it was last invoked.
        last_invoked_at -> Nullable<Timestamp>,
        /// How often it was changed.
        revision -> BigInt,
    }
}

/// Statements that each read one of the indexes on SQLite, where the check of the database asks whether they are sound.
pub(crate) const EACH_INDEX: &str = "\
    SELECT id FROM workers ORDER BY created_at DESC, id DESC LIMIT 1; \
    SELECT id FROM workers WHERE tenant_id = '' ORDER BY created_at DESC, id DESC LIMIT 1; \
    SELECT id FROM workers WHERE id = ''; SELECT id FROM workers WHERE snapshot_id = ' '; \
    SELECT id FROM workers WHERE status = 'creating' ORDER BY snapshot_expires_at, id LIMIT 1;";
