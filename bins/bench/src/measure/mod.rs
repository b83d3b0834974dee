//! What is measured beside requests under load, a file each.

pub(crate) mod cold;
pub(crate) mod delays;
pub(crate) mod first;
pub(crate) mod leak;
pub(crate) mod memory;
pub(crate) mod spin;
