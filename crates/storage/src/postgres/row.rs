//! Adapts rows of the driver to Diesel.

use std::error::Error;
use std::num::NonZeroU32;

use diesel::pg::{Pg, PgValue};
use diesel::row::{Field, PartialRow, Row, RowIndex, RowSealed};
use tokio_postgres::types::{FromSql, Type};

/// One row of a result.
pub(super) struct PgRow(pub(super) tokio_postgres::Row);

/// One column of a row.
pub(super) struct PgField<'a> {
    name: &'a str,
    type_oid: NonZeroU32,
    bytes: Option<&'a [u8]>,
}

/// The raw bytes of a column of any type.
struct Bytes<'a>(Option<&'a [u8]>);

impl RowSealed for PgRow {}

impl<'a> Row<'a, Pg> for PgRow {
    type InnerPartialRow = Self;
    type Field<'b>
        = PgField<'b>
    where
        Self: 'b,
        'a: 'b;

    fn field_count(&self) -> usize {
        self.0.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let index = self.idx(index)?;
        let column = self.0.columns().get(index)?;
        let Bytes(bytes) = self.0.try_get(index).ok()?;
        Some(PgField { name: column.name(), type_oid: NonZeroU32::new(column.type_().oid())?, bytes })
    }

    fn partial_row(&self, range: std::ops::Range<usize>) -> PartialRow<'_, Self::InnerPartialRow> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for PgRow {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.0.len()).then_some(index)
    }
}

impl RowIndex<&str> for PgRow {
    fn idx(&self, name: &str) -> Option<usize> {
        self.0.columns().iter().position(|column| column.name() == name)
    }
}

impl<'a> Field<'a, Pg> for PgField<'a> {
    fn field_name(&self) -> Option<&str> {
        Some(self.name)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        self.bytes.map(|bytes| PgValue::new(bytes, &self.type_oid))
    }
}

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_type: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(bytes)))
    }

    fn from_sql_null(_type: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_type: &Type) -> bool {
        true
    }
}
