//! What happens around every handler.

mod admit;
mod track;

pub(crate) use admit::admit;
pub(crate) use track::track;
