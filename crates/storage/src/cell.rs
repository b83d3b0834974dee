//! Column values that may be invalid.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};

/// The value of a column, or the reason why it cannot be read. A row of such columns can always be read. This matters
/// because Diesel aborts a list at the first value that it cannot convert, so one invalid value would otherwise hide
/// the whole table.
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
