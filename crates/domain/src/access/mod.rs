//! Callers and their permissions.
//!
//! Every use case takes a [`CallContext`] first, and checks it with [`AccessControl`] before it reads or writes. The
//! check returns a [`TenantScope`]: the records that the call may touch. Nothing else creates a scope, so code that
//! needs one cannot be reached without a check. A [`Policy`] makes the decision; it can refuse a call, but it cannot
//! widen a scope.

mod action;
mod authenticator;
mod context;
mod control;
mod error;
mod policy;
mod principal;
mod request_id;
mod scope;

pub use action::{Action, Resource};
pub use authenticator::{AuthenticationError, Authenticator, Headers, Identity, RequestHead};
pub use context::CallContext;
pub use control::AccessControl;
pub use error::AccessError;
pub use policy::{Policy, StandardPolicy};
pub use principal::Principal;
pub use request_id::{InvalidRequestIdError, RequestId};
pub use scope::TenantScope;
