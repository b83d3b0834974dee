//! The tables, as Diesel sees them.

diesel::table! {
    /// See `migrations/postgres`.
    workers (id) {
        id -> Uuid,
        #[max_length = 255]
        name -> Varchar,
        #[max_length = 255]
        snapshot_id -> Varchar,
        functions -> Array<Text>,
        #[max_length = 50]
        status -> Varchar,
        error_message -> Nullable<Text>,
        source_code -> Text,
        created_at -> Timestamp,
        snapshot_expires_at -> Nullable<Timestamp>,
        last_invoked_at -> Nullable<Timestamp>,
        revision -> BigInt,
    }
}
