//! The paths of a worker through the platform, the same tests for every kind of sandbox.

mod life_cycle;
mod live_logs;
mod outcomes;
mod under_load;
