//! Routes about the process, and the common parts of all responses.

mod answers;
mod connections;
mod health;
mod methods;
mod metrics;
mod mounted;
mod readers;
mod shutdown;
mod wire;
