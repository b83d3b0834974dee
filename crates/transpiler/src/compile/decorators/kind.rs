//! The two kinds of decorators.

/// The kind of decorators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decorators {
    /// The decorators of the ECMAScript proposal, which are TypeScript's default.
    Standard,
    /// TypeScript's `experimentalDecorators`.
    Legacy,
}
