//! Access policies.

use super::{AccessError, Action, CallContext, Principal, Resource};

/// Decides which caller may perform which action. It runs on the path of every call and must not block; everything
/// about the caller that a decision depends on is in the [`Principal`].
pub trait Policy: Send + Sync {
    /// Permits the call, or returns the reason for the refusal.
    ///
    /// # Errors
    ///
    /// If the caller may not perform the action.
    fn permit(&self, context: &CallContext, action: Action, resource: Resource) -> Result<(), AccessError>;
}

/// The policy of a platform whose callers are trusted. Every caller may do everything, except:
///
/// * emptying the database is reserved for the operator and the system; users of an application that embeds the
///   platform may not do it;
/// * metrics, which count the activity of all tenants, are reserved for the operator, the system, and an application
///   that embeds the platform (the application itself decides who can reach its routes);
/// * maintenance is reserved for the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardPolicy;

impl Policy for StandardPolicy {
    fn permit(&self, context: &CallContext, action: Action, _resource: Resource) -> Result<(), AccessError> {
        let may = match action {
            Action::SetUp => {
                // Not an embedder: its users must not empty the database of all tenants.
                matches!(context.principal(), Principal::AdminToken | Principal::Loopback | Principal::System)
            }
            Action::ReadOperations => context.principal().is_of_platform(),
            Action::Maintain => *context.principal() == Principal::System,
            _ => true,
        };
        if may { Ok(()) } else { Err(AccessError::Forbidden(action)) }
    }
}
