//! Middleware around the handlers.

mod admit;
mod reserve_memory;
mod track;
mod wrap;
