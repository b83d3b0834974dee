//! Middleware around the handlers.

mod admit;
mod hold;
mod track;

pub(crate) use admit::{admit, receive};
pub(crate) use hold::hold;
