//! Faults in what a running server depends on: what its clients and its operator see, and what is left when the fault
//! ends.

mod compiler;
mod database;
mod descriptors;
mod doctor;
mod engine;
mod groups;
mod load;
mod log_lines;
mod logging;
mod ownership;
mod readonly;
mod requests;
mod resources;
mod soak;
mod table;
mod vercel_api;
