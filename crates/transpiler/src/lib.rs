#![doc = include_str!("../README.md")]
//!
//! ## How it is made
//!
//! The one design decision to know: the user's module is not a module of its own, but stands in the generated script,
//! below the harness. The harness, which is the first line of the script, is therefore running before the first line of
//! user code is, and whatever happens afterwards (a throw at load, `process.exit`, a hung promise) ends in one record
//! that it writes. The script has the exports of the user's module, and where it was not invoked (in a thread, in a
//! child process, imported) it is that module and no more. A module's semantics survive the move: the syntax tree
//! decides what is an export, static imports become constants at the top, early errors are found here, and `this`,
//! strict mode, hoisting and top-level `await` are as in any module.
//!
//! ## What counts as a function
//!
//! An exported function, and an exported value of which only a run can tell what it is, such as
//! `withRetry(async () => …)` or a re-export from `node:crypto`. Classes, objects, enums, literals, types and
//! generators do not count; an unknown value that turns out to be no function fails its invocation with a `TypeError`.
//!
//! ## What needs a word of explanation
//!
//! * JSX is compiled to plain objects `{ type, props, key }`, fragments have the type `Symbol.for("workers.fragment")`;
//!   the pragma `@jsxRuntime classic @jsx h` calls a factory of the bundle's own instead.
//! * Decorators are the standard ones (the ECMAScript proposal of November 2023), as in TypeScript 5; they are those of
//!   `experimentalDecorators` if [`TranspileOptions::experimental_decorators`] says so, or if a parameter has a
//!   decorator. `accessor` fields work with both and without either. `emitDecoratorMetadata` is not supported.
//! * Class fields are defined, not assigned, as TypeScript does by default since ES2022.
//! * Imports of Node.js's modules are taken when the bundle loads. All other static imports are refused with a
//!   diagnostic; a dynamic import of something else fails where it runs. A name that a module does not export in the
//!   version of Node.js that the platform brings along is refused too, unless [`TranspileOptions::newer_node`] says
//!   that scripts run on a newer one.
//! * There is no `require`, as in any ES module, and it fails with the words of Node.js. Code that tests for one
//!   (`typeof require`) and hands it on, as bundlers write it around `CommonJS` modules, gets one, which finds the
//!   modules of Node.js.
//! * Namespaces and enums are what `tsc` makes of them: the blocks of one namespace share their exports, and an
//!   exported variable is a property of the namespace, wherever it is read or assigned. Constant enums are written out
//!   as other enums are. `export import main = N.f` exports a function. One thing differs: an exported array pattern
//!   takes any iterable, as it does outside of namespaces, where `tsc` reads indexes.
//! * `super()` may stand anywhere in a constructor with parameter properties, which are set right after it.
//! * `export =`, `import … = require(…)` and `export *` are refused.

mod compile;
mod diagnostic;
mod output;
mod script;
mod source;

pub use diagnostic::{Diagnostic, DiagnosticKind};
pub use output::{Rejection, TranspileError, WorkerScript};
pub use source::{SourceFile, TranspileOptions};

/// What a booted Node.js that is forked for worker scripts can do ahead of them, as the text of a `CommonJS` module:
/// `warm()`, once, and
/// `prepare(environment)`, in a fork before it loads its script. Scripts run without it just as well, only later.
#[must_use]
pub fn template_module() -> String {
    script::prepare_module()
}

/// Whether a version of Node.js, such as `24.1.0`, is newer than the one whose modules' exports are known here, or no
/// version at all. See [`TranspileOptions::newer_node`].
#[must_use]
pub fn is_newer_node(version: &str) -> bool {
    compile::is_newer_node(version)
}

/// Compiles one bundle.
///
/// The work is done on a thread of its own, whose stack is as large as the bundle can need; the call blocks until it is
/// done (milliseconds for a megabyte).
///
/// # Errors
///
/// The code's mistakes, or why the compiler could not look for them; see [`TranspileError`].
pub fn transpile(source: &SourceFile<'_>, options: &TranspileOptions) -> Result<WorkerScript, TranspileError> {
    compile::on_large_stack(source, options)
}
