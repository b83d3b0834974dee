//! Tests the offered Vercel API with Vercel's own clients, which are not adapted to our server.

mod command_line;
mod python;
mod sdk;
pub(crate) mod support;
mod wire;
