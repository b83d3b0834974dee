//! The platform's sandbox port, implemented with the API.

mod command;
mod core;
mod error;
mod follow;
mod network;
mod options;
mod orphans;
mod sandbox;
mod snapshot_id;
mod stage;
mod target;
mod vercel;

pub use network::UnsupportedPolicyError;
pub use options::VercelOptions;
pub use vercel::VercelProvider;
