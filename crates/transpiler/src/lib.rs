#![doc = include_str!("../README.md")]
//!
//! ## How it is made
//!
//! The central design decision: the user's module is not a module of its own, but part of the generated script, below
//! the harness. The harness is the first line of the script, so it is running before the first line of user code.
//! Whatever happens afterwards (a throw at load, `process.exit`, a hung promise) ends in one record that the harness
//! writes. The script has the exports of the user's module, and where it was not invoked (in a thread, in a child
//! process, or imported) it is that module and no more. The semantics of the module do not change by this: the syntax
//! tree decides what is an export, static imports become constants at the top, early errors are found here, and `this`,
//! strict mode, hoisting and top-level `await` work like in any module.
//!
//! ## What counts as a function
//!
//! An exported function, and an exported value whose kind is only known at run time, such as `withRetry(async () => …)`
//! or a re-export from `node:crypto`. Classes, objects, enums, literals, types and generators do not count; an unknown
//! value that turns out not to be a function fails its invocation with a `TypeError`.
//!
//! ## Details
//!
//! * JSX is compiled to plain objects `{ type, props, key }`, fragments have the type `Symbol.for("workers.fragment")`;
//!   the pragma `@jsxRuntime classic @jsx h` calls a factory of the bundle's own instead.
//! * Decorators are the standard ones (the ECMAScript proposal of November 2023), as in TypeScript 5; they are those of
//!   `experimentalDecorators` if [`TranspileOptions::experimental_decorators`] says so, or if a parameter has a
//!   decorator. `accessor` fields work with both and without either. `emitDecoratorMetadata` is not supported.
//! * Class fields are defined, not assigned, as TypeScript does by default since ES2022.
//! * Imports of Node.js's modules are resolved when the bundle loads. All other static imports are refused with a
//!   diagnostic; a dynamic import of something else fails where it runs. A name that a module does not export in the
//!   version of Node.js that the platform ships is refused too, unless [`TranspileOptions::newer_node`] says that
//!   scripts run on a newer one.
//! * There is no `require`, as in any ES module, and calling it fails with the error message of Node.js. Code that
//!   tests for it (`typeof require`) and passes it on, as bundlers do around `CommonJS` modules, gets one, which finds
//!   the modules of Node.js.
//! * Namespaces and enums are lowered like `tsc` does it: the blocks of one namespace share their exports, and an
//!   exported variable is a property of the namespace, wherever it is read or assigned. Constant enums are emitted like
//!   other enums. `export import main = N.f` exports a function. One thing differs: an exported array pattern accepts
//!   any iterable, as it does outside of namespaces, where `tsc` reads indexes.
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

/// Returns the text of a `CommonJS` module with the work that a booted Node.js, which is forked for worker scripts, can
/// do before them: `warm()`, called once, and `prepare(environment)`, called in a fork before it loads its script.
/// Scripts run correctly without it, only later.
#[must_use]
pub fn template_module() -> String {
    script::prepare_module()
}

/// Returns whether a version of Node.js, such as `24.1.0`, is newer than the one whose modules' exports the compiler
/// has a list of. Also true if the text is not a version. See [`TranspileOptions::newer_node`].
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
/// The errors in the code, or why the compiler could not check it; see [`TranspileError`].
pub fn transpile(source: &SourceFile<'_>, options: &TranspileOptions) -> Result<WorkerScript, TranspileError> {
    compile::on_large_stack(source, options)
}
