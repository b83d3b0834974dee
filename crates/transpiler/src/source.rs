//! The input of a compilation: the bundle and its options.

/// A bundle as the user deployed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFile<'a> {
    /// The name that stack traces and code frames show, such as `worker.ts`. The extensions `.js`, `.mjs` and `.cjs`
    /// turn TypeScript off; `.jsx` and `.tsx` turn JSX on. Otherwise JSX is tried when the file does not parse without
    /// it.
    pub name: &'a str,
    /// The text: an ES module in TypeScript or JavaScript. It may begin with a byte order mark or a hashbang line.
    pub code: &'a str,
}

/// Options of a compilation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranspileOptions {
    /// Whether the script contains the position of every token, so that stack traces show the user's own file, line and
    /// column. This adds about the size of the bundle to the script, but costs no time until a stack trace is read.
    pub source_positions: bool,
    /// Whether the scripts run on a Node.js for which [`is_newer_node`](crate::is_newer_node) returns true. Its modules
    /// may export names that the compiler's list does not contain, so imports of unlisted names are not checked until
    /// run time.
    pub newer_node: bool,
    /// Whether decorators are those of TypeScript's `experimentalDecorators`, or the standard ones of ECMAScript. If
    /// `None`, they are the standard ones, unless a parameter has a decorator, which only `experimentalDecorators`
    /// allows.
    pub experimental_decorators: Option<bool>,
}

impl Default for TranspileOptions {
    fn default() -> Self {
        Self { source_positions: true, newer_node: false, experimental_decorators: None }
    }
}
