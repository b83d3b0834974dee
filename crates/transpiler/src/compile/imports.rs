//! Imports that no single file can satisfy.

use oxc::{
    semantic::{Scoping, SymbolFlags},
    span::Span,
};

use super::{
    builtins::is_builtin,
    rewrite::{Import, Imported},
};
use crate::{DiagnosticKind, diagnostic::Reporter};

/// Reports every import whose name the module gives to a value of its own as well, which the compiler takes for a merge as it is
/// allowed for types. No engine loads such a module.
pub(super) fn check_names(scoping: &Scoping, reporter: &mut Reporter<'_>) {
    for symbol in scoping.iter_bindings_in(scoping.root_scope_id()) {
        let declarations = scoping.symbol_redeclarations(symbol);
        let import = declarations.iter().find(|declaration| declaration.flags.contains(SymbolFlags::Import));
        let values: Vec<Span> = declarations.iter().filter(|one| is_value(one.flags)).map(|one| one.span).collect();
        let (Some(import), Some(&first)) = (import, values.iter().min_by_key(|span| span.start)) else {
            continue;
        };
        let later = if first.start > import.span.start { first } else { import.span };
        let message = format!("Identifier `{}` has already been declared", scoping.symbol_name(symbol));
        reporter.add(DiagnosticKind::SyntaxError, later, message, Some("It is imported and declared.".to_owned()));
    }
}

/// Whether a declaration exists at run time.
fn is_value(flags: SymbolFlags) -> bool {
    flags.intersects(SymbolFlags::Value) && !flags.intersects(SymbolFlags::Ambient | SymbolFlags::Import)
}

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
