//! Imports that no single file can satisfy.

use super::{
    builtins::is_builtin,
    rewrite::{Import, Imported},
};
use crate::{DiagnosticKind, diagnostic::Reporter};

/// Reports every import that names anything but a module of Node.js. Imports of types are gone by now.
pub(super) fn check(imports: &[Import], reporter: &mut Reporter<'_>) {
    for import in imports.iter().filter(|import| !import.is_generated()) {
        if import.imported == Imported::Unsupported {
            let message = "Import attributes and import phases are not supported.";
            reporter.add(DiagnosticKind::UnsupportedSyntax, import.span, message, None);
        } else if !is_builtin(&import.specifier) {
            let specifier = &import.specifier;
            let help = if specifier.starts_with('.') || specifier.starts_with('/') {
                "A worker is one file: bundle it first, for example with `esbuild --bundle --format=esm --platform=node`."
            } else if specifier.starts_with("node:") {
                "Node.js has no built-in module of this name."
            } else {
                "Packages are not installed for a worker: bundle it first, for example with `esbuild --bundle --format=esm --platform=node`."
            };
            let message =
                format!("Cannot import {specifier:?}: a worker can import the built-in modules of Node.js only.");
            reporter.add(DiagnosticKind::UnsupportedImport, import.span, message, Some(help.to_owned()));
        }
    }
}
