//! `/api/workers`

mod delete;
mod deploy;
mod events;
mod get;
mod invoke;
mod list;
mod redeploy;
mod source;
