//! The Vercel API that the server offers, through Vercel's own clients, which know nothing of us.

mod command_line;
mod python;
mod sdk;
pub(crate) mod support;
mod wire;
