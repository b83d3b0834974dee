//! `/api/workers`

mod delete;
mod deploy;
mod get;
mod invoke;
mod list;
mod source;
