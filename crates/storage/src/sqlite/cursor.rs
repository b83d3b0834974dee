//! Cursors in the list of workers: where a page ends and the next one begins.
//!
//! A cursor contains the stored values of the columns that the list is sorted by, not the values parsed from them.
//! SQLite stores any value, and an invalid row has a cursor like any other row.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteType};
use workers_domain::ports::{PageCursor, RepositoryError};

use crate::schema::workers;
use crate::worker_row::WorkerRow;

/// The first byte of this backend's cursors.
const OURS: u8 = b'S';
/// Maximum length of a value in bytes. No valid row has a longer one, and it would make a cursor too long for a URL.
const LONGEST_VALUE: u16 = 256;

/// A worker with its cursor.
#[derive(Queryable, Selectable)]
#[diesel(table_name = workers, check_for_backend(Sqlite))]
pub(super) struct ListedRow {
    #[diesel(embed)]
    pub(super) worker: WorkerRow,
    #[diesel(embed)]
    key: SortKey,
}

/// The columns that the list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = workers, check_for_backend(Sqlite))]
pub(super) struct SortKey {
    pub(super) created_at: Stored,
    pub(super) id: Stored,
}

/// A stored value of any type.
#[derive(Debug, Clone, PartialEq, Eq, FromSqlRow)]
pub(super) struct Stored {
    of_type: StoredType,
    /// The bytes of the value. For an integer, its decimal digits.
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoredType {
    Text,
    Blob,
    Integer,
    /// A floating-point number. Its digits may not convert back to exactly the same number.
    Real,
}

impl ListedRow {
    /// Returns the cursor after this row; `None` if its columns contain values that a cursor cannot hold.
    pub(super) fn cursor(&self) -> Option<PageCursor> {
        self.key.to_cursor()
    }
}

impl SortKey {
    fn to_cursor(&self) -> Option<PageCursor> {
        let mut bytes = vec![OURS];
        self.created_at.write(&mut bytes)?;
        self.id.write(&mut bytes)?;
        Some(PageCursor::from_bytes(bytes))
    }

    pub(super) fn read(cursor: &PageCursor) -> Result<Self, RepositoryError> {
        let read = || {
            let (&OURS, bytes) = cursor.as_bytes().split_first()? else { return None };
            let (created_at, bytes) = Stored::read(bytes)?;
            let (id, bytes) = Stored::read(bytes)?;
            bytes.is_empty().then_some(Self { created_at, id })
        };
        read().ok_or(RepositoryError::UnknownCursor)
    }
}

impl Stored {
    /// Returns the SQL before and after the bytes, which are bound as a blob. The unary plus removes the type affinity
    /// of the expression: with it, SQLite would use the index for the first column only.
    pub(super) const fn around(&self) -> (&'static str, &'static str) {
        match self.of_type {
            StoredType::Text => ("+CAST(", " AS TEXT)"),
            StoredType::Integer | StoredType::Real => ("+CAST(CAST(", " AS TEXT) AS INTEGER)"),
            StoredType::Blob => ("", ""),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends the type, the length and the bytes.
    fn write(&self, to: &mut Vec<u8>) -> Option<()> {
        let of_type = match self.of_type {
            StoredType::Text => b't',
            StoredType::Blob => b'b',
            StoredType::Integer => b'i',
            StoredType::Real => return None,
        };
        let length = u16::try_from(self.bytes.len()).ok().filter(|&length| length <= LONGEST_VALUE)?;
        to.push(of_type);
        to.extend(length.to_be_bytes());
        to.extend(&self.bytes);
        Some(())
    }

    /// Reads what [`write`](Self::write) has written. Returns the value and the bytes after it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&of_type, bytes) = bytes.split_first()?;
        let (&length, bytes) = bytes.split_first_chunk()?;
        let length = u16::from_be_bytes(length);
        if length > LONGEST_VALUE {
            return None;
        }
        let (value, rest) = bytes.split_at_checked(length.into())?;
        let of_type = match of_type {
            b't' => StoredType::Text,
            b'b' => StoredType::Blob,
            b'i' if str::from_utf8(value).is_ok_and(|digits| digits.parse::<i64>().is_ok()) => StoredType::Integer,
            _ => return None,
        };
        Some((Self { of_type, bytes: value.to_vec() }, rest))
    }
}

impl<ST> FromSql<ST, Sqlite> for Stored {
    fn from_sql(mut value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let of_type = match value.value_type() {
            Some(SqliteType::Text) => StoredType::Text,
            Some(SqliteType::Binary) => StoredType::Blob,
            Some(SqliteType::Long | SqliteType::Integer | SqliteType::SmallInt) => StoredType::Integer,
            Some(SqliteType::Double | SqliteType::Float) => StoredType::Real,
            None => return Err("null, which these columns cannot hold".into()),
        };
        let bytes = match of_type {
            StoredType::Integer => value.read_long().to_string().into_bytes(),
            _ => value.read_blob().to_vec(),
        };
        Ok(Self { of_type, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(of_type: StoredType, bytes: &[u8]) -> Stored {
        Stored { of_type, bytes: bytes.to_vec() }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_whatever_its_columns_hold() {
        let values = [
            stored(StoredType::Text, b"2026-11-23 15:00:00.000001"),
            stored(StoredType::Text, b""),
            stored(StoredType::Text, &[0xff]),
            stored(StoredType::Blob, &[0xff, 0]),
            stored(StoredType::Integer, b"-9223372036854775808"),
        ];
        for created_at in &values {
            for id in &values {
                let key = SortKey { created_at: created_at.clone(), id: id.clone() };
                let cursor = key.to_cursor().unwrap();
                assert_eq!(SortKey::read(&cursor).unwrap(), key);
                let mut bytes = cursor.as_bytes().to_vec();
                for length in 0..bytes.len() {
                    assert!(SortKey::read(&PageCursor::from_bytes(bytes[..length].to_vec())).is_err(), "{length}");
                }
                bytes.push(0);
                assert!(SortKey::read(&PageCursor::from_bytes(bytes)).is_err());
            }
        }
    }

    #[test]
    fn what_no_cursor_can_hold_has_none() {
        let id = stored(StoredType::Text, b"id");
        let cursor = |created_at| SortKey { created_at, id: id.clone() }.to_cursor();
        assert!(cursor(stored(StoredType::Text, &[b'x'; LONGEST_VALUE as usize])).is_some());
        assert!(cursor(stored(StoredType::Text, &[b'x'; LONGEST_VALUE as usize + 1])).is_none());
        assert!(cursor(stored(StoredType::Blob, &vec![0; 1 << 20])).is_none());
        assert!(cursor(stored(StoredType::Real, b"0.1")).is_none());
    }
}
