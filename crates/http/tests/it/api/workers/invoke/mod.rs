//! `/api/workers/{id}/invoke/{function}` and `/api/workers/{id}/functions/{function}`

mod batch;
mod disconnect;
mod refused;
mod stream;
