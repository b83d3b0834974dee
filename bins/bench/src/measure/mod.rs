//! The measurements beside requests under load, one file for each.

pub(crate) mod cold;
pub(crate) mod delays;
pub(crate) mod first;
pub(crate) mod leak;
pub(crate) mod memory;
pub(crate) mod spin;
