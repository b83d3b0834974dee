//! The resources of a host, and how they are shared out. This module contains only arithmetic; the engine measures the
//! resources.

mod budget;
mod resources;

pub use budget::{Budget, Permit, Refusal, Sharing};
pub use resources::{Resource, Resources};
