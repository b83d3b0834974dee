//! What a host has, and who holds how much of it: arithmetic only. The engine reads what there is.

mod budget;
mod resources;

pub use budget::{Budget, Permit, Refusal, Sharing};
pub use resources::{Resource, Resources};
