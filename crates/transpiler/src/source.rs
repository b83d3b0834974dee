//! What goes in: the bundle and how to treat it.

/// A bundle as the user deployed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFile<'a> {
    /// The name that stack traces and code frames show, such as `worker.ts`. An ending of `.js`, `.mjs` or `.cjs` turns
    /// TypeScript off; `.jsx` and `.tsx` turn JSX on, which otherwise is tried when the file does not parse without it.
    pub name: &'a str,
    /// The text: an ES module in TypeScript or JavaScript. A byte order mark and a hashbang line are welcome.
    pub code: &'a str,
}

/// How to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranspileOptions {
    /// Carry the position of every token, so that stack traces name the user's own file, line and column. It makes the
    /// script about as large again as the bundle, but costs no time until a stack trace is looked at.
    pub source_positions: bool,
    /// The scripts run on a Node.js that [`is_newer_node`](crate::is_newer_node). Its modules may export names that the
    /// compiler does not know, so an import of an unknown name is left to the run.
    pub newer_node: bool,
    /// Whether decorators are those of TypeScript's `experimentalDecorators`, or the standard ones of ECMAScript. Left
    /// open, they are the standard ones, unless a parameter has a decorator: only the others have that.
    pub experimental_decorators: Option<bool>,
}

impl Default for TranspileOptions {
    fn default() -> Self {
        Self { source_positions: true, newer_node: false, experimental_decorators: None }
    }
}
