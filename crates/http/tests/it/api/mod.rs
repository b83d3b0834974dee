//! Routes below `/api`.

mod access;
mod limits;
mod openapi;
mod setup;
mod unmatched;
mod workers;
