//! What happens around every handler.

mod admit;
mod fit;
mod track;

pub(crate) use admit::{admit, receive};
pub(crate) use track::track;
