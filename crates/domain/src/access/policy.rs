//! Who may do what.

use super::{AccessError, Action, CallContext, Principal, Resource};

/// Decides who may do what. It is asked on the path of every call, and must not block: what it needs to know of a
/// caller comes with the [`Principal`].
pub trait Policy: Send + Sync {
    /// Lets the call do this, or says why not.
    ///
    /// # Errors
    ///
    /// When the caller may not do this.
    fn permit(&self, context: &CallContext, action: Action, resource: Resource) -> Result<(), AccessError>;
}

/// The policy of a platform whose callers are trusted: each may do everything, and these alone are reserved:
///
/// * what empties the database is for the operator, and for the system; not for the users of an application that embeds
///   the platform;
/// * metrics, which count what all tenants do, are for the operator, the system, and an application that embeds the
///   platform: the application decides itself who reaches its routes;
/// * maintenance is for the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardPolicy;

impl Policy for StandardPolicy {
    fn permit(&self, context: &CallContext, action: Action, _resource: Resource) -> Result<(), AccessError> {
        let may = match action {
            Action::SetUp => {
                matches!(context.principal(), Principal::AdminToken | Principal::Loopback | Principal::System)
            }
            Action::ReadOperations => context.principal().is_of_platform(),
            Action::Maintain => *context.principal() == Principal::System,
            _ => true,
        };
        if may { Ok(()) } else { Err(AccessError::Forbidden(action)) }
    }
}
