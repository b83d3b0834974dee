//! The use cases over fakes of every port.

mod deploy;
mod invoke;
mod logs;
mod outcomes;
mod support;
mod workers;
