//! Routes about the process, and what every answer has.

mod answers;
mod health;
mod metrics;
mod shutdown;
