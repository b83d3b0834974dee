//! Ids as stored in a row, which may be invalid.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::Pg;
use diesel::sql_types::Binary;
use diesel::sqlite::Sqlite;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};
use workers_domain::WorkerId;

use crate::sql_types::{Id, IdValue};

/// The id of a row. SQLite stores any value, so it may not be a valid id. Then a substitute id is derived from it,
/// under which the row is listed and deleted.
#[derive(Debug, Clone, FromSqlRow)]
pub(crate) struct StoredId {
    pub(crate) id: Uuid,
    /// What is wrong with the stored value, if anything.
    pub(crate) problem: Option<String>,
}

impl FromSql<Id, Pg> for StoredId {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let IdValue(id) = FromSql::<Id, Pg>::from_sql(value)?;
        Ok(Self { id, problem: None })
    }
}

impl FromSql<Id, Sqlite> for StoredId {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        // Read as bytes, because SQLite stores any value in any column, also text that is not UTF-8.
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self::read(&bytes))
    }
}

impl StoredId {
    fn read(bytes: &[u8]) -> Self {
        match IdValue::parse(bytes) {
            Ok(IdValue(id)) => Self { id, problem: None },
            Err(problem) => Self { id: substitute_id(bytes), problem: Some(problem) },
        }
    }
}

/// Derives the substitute id for an invalid one. It is the same each time, and has a UUID version (8) that we never
/// give to workers.
fn substitute_id(stored: &[u8]) -> Uuid {
    let digest = Sha256::digest(stored);
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, of_digest)| *byte = of_digest);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// Returns whether an id may be a substitute.
pub(crate) fn may_be_substitute(id: WorkerId) -> bool {
    id.as_uuid().get_version_num() == 8
}
