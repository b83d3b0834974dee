//! Middleware around the handlers.

mod admit;
mod hold;
mod track;
mod wrap;
