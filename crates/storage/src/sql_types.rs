//! Types of columns that the two databases keep in different ways: one SQL type for both, and how either has its values.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Array, SqlType, Text};
use diesel::sqlite::Sqlite;
use uuid::Uuid;
use workers_domain::WorkerId;

/// An id: `uuid` on Postgres. On SQLite it is text in hyphenated form and lower case, which costs twenty bytes more a row than a
/// blob, and which an operator can read.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Id;

/// A list of names: `text[]` on Postgres, a JSON array on SQLite.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1009, array_oid = 0))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Names;

/// The value of an [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Id)]
pub(crate) struct IdValue(pub(crate) Uuid);

/// The value of [`Names`].
#[derive(Debug, Clone, FromSqlRow, AsExpression)]
#[diesel(sql_type = Names)]
pub(crate) struct NamesValue(pub(crate) Vec<String>);

impl From<WorkerId> for IdValue {
    fn from(id: WorkerId) -> Self {
        Self(id.as_uuid())
    }
}

impl ToSql<Id, Pg> for IdValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<diesel::sql_types::Uuid, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<Id, Pg> for IdValue {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<diesel::sql_types::Uuid, Pg>>::from_sql(value).map(Self)
    }
}

impl ToSql<Id, Sqlite> for IdValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.to_string());
        Ok(IsNull::No)
    }
}

impl ToSql<Names, Pg> for NamesValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Array<Text>, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<Names, Pg> for NamesValue {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Vec<String> as FromSql<Array<Text>, Pg>>::from_sql(value).map(Self)
    }
}

impl ToSql<Names, Sqlite> for NamesValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

impl FromSql<Names, Sqlite> for NamesValue {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        match serde_json::from_str(&text) {
            Ok(names) => Ok(Self(names)),
            Err(error) => Err(format!("no list of names: {error}").into()),
        }
    }
}
