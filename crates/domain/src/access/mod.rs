//! Who calls, and what the caller may do.
//!
//! Every use case takes a [`CallContext`] first, and asks [`AccessControl`] before it reads or writes. The answer is a
//! [`TenantScope`]: whose records the call may touch. Nothing else makes one, so code that needs a scope cannot be
//! reached by a call that was not checked. A [`Policy`] decides; it can refuse, and it cannot widen a scope.

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
