//! Column types that the two databases store differently: one SQL type for both, with conversions for each.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Array, Binary, SqlType, Text};
use diesel::sqlite::Sqlite;
use uuid::Uuid;
use workers_domain::{TenantId, WorkerId};

/// An id: `uuid` on Postgres. On SQLite it is text in hyphenated form and lower case. That takes twenty bytes more per
/// row than a blob, but an operator can read it.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Id;

/// A list of names: `text[]` on Postgres, a JSON array on SQLite.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
// Postgres has no separate type for an array of arrays, and we need none.
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

impl From<TenantId> for IdValue {
    fn from(id: TenantId) -> Self {
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

impl FromSql<Id, Sqlite> for IdValue {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        // Read as bytes, because SQLite stores any value in any column, also text that is not UTF-8.
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self::parse(&bytes)?)
    }
}

impl IdValue {
    /// Parses the bytes that SQLite has stored, which may be anything. Only the canonical form is accepted: an id in
    /// another form, such as upper case, would not be found by a search.
    ///
    /// # Errors
    ///
    /// A description of the problem, with the text quoted.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        match Uuid::parse_str(&text) {
            Ok(id) if id.to_string() == text => Ok(Self(id)),
            _ => Err(format!("`{}`, which is no UUID in hyphenated form and lower case", text.escape_debug())),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_the_one_form_in_which_it_is_found_again() {
        // An id with letters, so that upper case makes a difference.
        let id = Uuid::from_u128(0xab << 64);
        let text = id.to_string();
        assert_eq!(IdValue::parse(text.as_bytes()), Ok(IdValue(id)));
        for other in [text.to_uppercase(), id.simple().to_string(), format!("{{{text}}}"), String::new(), text + " "] {
            let problem = IdValue::parse(other.as_bytes()).unwrap_err();
            assert!(problem.contains(&other), "{problem}");
        }
    }
}
