//! Routes about the process, and what every answer has.

mod answers;
mod connections;
mod health;
mod methods;
mod metrics;
mod mounted;
mod readers;
mod shutdown;
mod wire;
