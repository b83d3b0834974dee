//! Checks imports.

use oxc::{
    semantic::{Scoping, SymbolFlags},
    span::Span,
};

use super::{
    builtin_exports::{Export, look_up, version},
    builtins::is_builtin,
    rewrite::{Binding, Import, Imported},
};
use crate::{DiagnosticKind, diagnostic::Reporter};

/// Reports every import whose name is also declared as a value in the module. The compiler treats this as a merge,
/// which is allowed for types, but no engine loads such a module.
pub(super) fn check_names(scoping: &Scoping, reporter: &mut Reporter<'_>) {
    for symbol in scoping.iter_bindings_in(scoping.root_scope_id()) {
        let declarations = scoping.symbol_redeclarations(symbol);
        let import = declarations.iter().find(|declaration| declaration.flags.contains(SymbolFlags::Import));
        let values: Vec<Span> = declarations.iter().filter(|one| is_value(one.flags)).map(|one| one.span).collect();
        let (Some(import), Some(&first)) = (import, values.iter().min_by_key(|span| span.start)) else {
            continue;
        };
        // As with every redeclaration, the second declaration is the error.
        let later = if first.start > import.span.start { first } else { import.span };
        let message = format!("Identifier `{}` has already been declared", scoping.symbol_name(symbol));
        reporter.add(DiagnosticKind::SyntaxError, later, message, Some("It is imported and declared.".to_owned()));
    }
}

/// Returns whether a declaration exists at run time.
fn is_value(flags: SymbolFlags) -> bool {
    flags.intersects(SymbolFlags::Value) && !flags.intersects(SymbolFlags::Ambient | SymbolFlags::Import)
}

/// Reports every import that is not of a module of Node.js and one of its exports. Imports of types have been removed
/// before.
pub(super) fn check(imports: &[Import], names: Names, reporter: &mut Reporter<'_>) {
    // What generated imports refer to is in the script and not in a module.
    for import in imports.iter().filter(|import| !import.is_generated()) {
        if import.imported == Imported::Unsupported {
            let message = "Import attributes and import phases are not supported.";
            let help = "Leave `with { … }` out for a module of Node.js; write JSON into the bundle, `const data = { … }`, \
                        or bundle it first, for example with `esbuild --bundle --format=esm --platform=node`.";
            reporter.add(DiagnosticKind::UnsupportedSyntax, import.span, message, Some(help.to_owned()));
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
        } else if let (Imported::Names(bindings), Names::Listed) = (&import.imported, names) {
            for binding in bindings {
                check_export(&import.specifier, binding, reporter);
            }
        }
    }
}

/// Which names may be imported from a module of Node.js.
#[derive(Clone, Copy)]
pub(super) enum Names {
    /// Those that it exports in the version that the platform ships.
    Listed,
    /// Any name; a wrong one fails at run time.
    Any,
}

/// Reports a name that the module does not export.
fn check_export(specifier: &str, binding: &Binding, reporter: &mut Reporter<'_>) {
    let name = &binding.imported;
    let Export::Missing { near, elsewhere } = look_up(specifier, name) else {
        return;
    };
    let list = |names: Vec<String>| names.join(" or ");
    let help = if !near.is_empty() {
        format!("Did you mean {}?", list(near.iter().map(|name| format!("`{name}`")).collect()))
    } else if !elsewhere.is_empty() {
        format!("It is exported by {}.", list(elsewhere.iter().map(|module| format!("\"node:{module}\"")).collect()))
    } else {
        format!("`import * as module from {specifier:?}` gives all that there is.")
    };
    let message = format!("{specifier:?} has no export named `{name}` (Node.js {}).", version());
    reporter.add(DiagnosticKind::UnsupportedImport, binding.span, message, Some(help));
}
