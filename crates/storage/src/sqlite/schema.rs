//! The tables, as Diesel sees them.

diesel::table! {
    /// See `migrations/sqlite`.
    workers (id) {
        id -> Text,
        #[max_length = 255]
        name -> Text,
        #[max_length = 255]
        snapshot_id -> Text,
        functions -> Text,
        #[max_length = 50]
        status -> Text,
        error_message -> Nullable<Text>,
        source_code -> Text,
        created_at -> Timestamp,
        snapshot_expires_at -> Nullable<Timestamp>,
        last_invoked_at -> Nullable<Timestamp>,
        revision -> BigInt,
    }
}
