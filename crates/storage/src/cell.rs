//! What a column holds, whether it can be read or not.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};

/// What a column holds, or why that cannot be read. A row of such columns is always read: one bad value would otherwise
/// hide the whole table, since Diesel ends a list at the first value that it cannot convert.
#[derive(Debug, Clone, FromSqlRow)]
pub(crate) struct Cell<T>(pub(crate) Result<T, String>);

impl<T, ST, DB: Backend> FromSql<ST, DB> for Cell<T>
where
    T: FromSql<ST, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(T::from_sql(value).map_err(|error| error.to_string())))
    }

    fn from_nullable_sql(value: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        Ok(Self(T::from_nullable_sql(value).map_err(|error| error.to_string())))
    }
}
