//! The steps from source text to worker script, in the order in which they run.
//!
//! [`speculation`] refuses code that would take the parser too long, [`stack`] decides on the size of the stack,
//! [`parse`] builds the tree, [`depth`] refuses trees that nest too deeply for the later steps, [`exports`] and
//! [`imports`] read the module's interface from the tree, [`namespaces`] and [`decorators`] lower the constructs of
//! that name, [`lower`] turns the rest of TypeScript into JavaScript, and [`rewrite`] removes the module syntax. The
//! result is printed, [`verify`] checks it, and [`crate::script`] builds the script from it.

mod assertions;
mod builtin_exports;
mod builtins;
mod decorators;
mod depth;
mod empty_parameters;
mod exports;
mod imports;
mod lower;
mod names;
mod namespaces;
mod parse;
mod pipeline;
mod require;
mod rewrite;
mod servers;
mod speculation;
mod stack;
mod super_calls;
mod text;
mod top_level;
mod using_in_for;
mod value_kind;
mod verify;

use oxc::diagnostics::{OxcDiagnostic, Severity};

pub(crate) use builtin_exports::is_newer as is_newer_node;
pub(crate) use exports::ExportedFunction;
pub(crate) use lower::{HELPERS, JSX};
pub(crate) use rewrite::{Binding, Import, Imported};
pub(crate) use stack::on_large_stack;

/// Returns whether a diagnostic is an error. The compiler also reports warnings about style.
fn is_error(diagnostic: &OxcDiagnostic) -> bool {
    diagnostic.severity == Severity::Error
}
