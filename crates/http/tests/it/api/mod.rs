//! Routes below `/api`.

mod access;
mod openapi;
mod setup;
mod unmatched;
mod workers;
