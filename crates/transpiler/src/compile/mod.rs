//! The steps from source text to worker script, in the order in which they run.
//!
//! [`speculation`] refuses what would take for ever, [`stack`] decides on the stack, [`parse`] makes the tree,
//! [`depth`] refuses what nests too deeply for the steps after it, [`exports`] and [`imports`] read the module's
//! interface off the tree, [`namespaces`] and [`decorators`] lower what they are named after, [`lower`] turns the rest
//! of TypeScript into JavaScript, and [`rewrite`] takes the module syntax out. What is left is printed, [`verify`]
//! reads it over, and it is handed to [`crate::script`].

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

/// Whether the compiler means it; it has opinions on style as well.
fn is_error(diagnostic: &OxcDiagnostic) -> bool {
    diagnostic.severity == Severity::Error
}
