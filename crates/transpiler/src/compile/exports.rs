//! Finds the exports that are functions.

use std::collections::{HashMap, hash_map::Entry};

use oxc::{
    ast::ast::{Declaration, ExportDefaultDeclarationKind, Program, Statement},
    semantic::Scoping,
    span::{GetSpan, SPAN, Span},
};

use super::{
    namespaces::Namespaces,
    rewrite::Interface,
    servers::INSTEAD,
    top_level::TopLevel,
    value_kind::{HANDLER, ValueKind},
};
use crate::{DiagnosticKind, diagnostic::Reporter};

/// An export of the source.
pub(super) struct Export {
    name: String,
    kind: ValueKind,
    span: Span,
    /// Whether `export` stands before its declaration.
    declared: bool,
}

/// A function that can be invoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportedFunction {
    /// The name that callers use.
    pub(crate) name: String,
    /// The variable that holds it.
    pub(crate) local: String,
}

/// Lists the exports that exist at run time, in source order.
pub(super) fn find<'a>(
    program: &Program<'a>,
    scoping: &Scoping,
    namespaces: Option<&Namespaces<'_, 'a>>,
    reporter: &mut Reporter<'_>,
) -> Vec<Export> {
    let values = TopLevel::collect(program, scoping, namespaces);
    let mut exports = Vec::new();
    for statement in &program.body {
        match statement {
            Statement::ExportDeclaration(export) => add_declared(&values, &export.declaration, &mut exports),
            Statement::ExportDefaultDeclaration(export) => {
                let kind = match &export.declaration {
                    // An overload; the implementation follows.
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) if function.body.is_none() => continue,
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) if function.generator => {
                        ValueKind::Generator
                    }
                    ExportDefaultDeclarationKind::FunctionDeclaration(_) => ValueKind::Function,
                    ExportDefaultDeclarationKind::ClassDeclaration(_) => ValueKind::Other("a class"),
                    ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => continue,
                    declaration => {
                        declaration.as_expression().map_or(ValueKind::Unknown, |expression| values.of(expression))
                    }
                };
                exports.push(Export {
                    name: "default".to_owned(),
                    kind,
                    span: export.declaration.span(),
                    declared: false,
                });
            }
            Statement::ExportNamedDeclaration(export) if export.export_kind.is_value() => {
                for specifier in export.specifiers.iter().filter(|specifier| specifier.export_kind.is_value()) {
                    let local = specifier.local.name();
                    match values.of_exported_name(&local) {
                        Some(kind) => exports.push(Export {
                            name: specifier.exported.name().to_string(),
                            kind,
                            span: specifier.span,
                            declared: false,
                        }),
                        None if !values.declares(&local) && !reporter.reports_at(specifier.local.span()) => {
                            let message = format!("`{local}` is exported but not declared.");
                            reporter.add(DiagnosticKind::SyntaxError, specifier.local.span(), message, None);
                        }
                        None => {}
                    }
                }
            }
            Statement::ExportFromDeclaration(export) if export.export_kind.is_value() => {
                // The list of the exports of Node.js has no kinds, so only the run shows what such a name is.
                let specifiers = export.specifiers.iter().filter(|specifier| specifier.export_kind.is_value());
                exports.extend(specifiers.map(|specifier| Export {
                    name: specifier.exported.name().to_string(),
                    kind: ValueKind::Unknown,
                    span: specifier.span,
                    declared: false,
                }));
            }
            Statement::ExportAllDeclaration(export) if export.export_kind.is_value() => {
                if let Some(name) = &export.exported {
                    let kind = ValueKind::Other("a module");
                    exports.push(Export { name: name.name().to_string(), kind, span: export.span, declared: false });
                } else {
                    let source = export.source.value.as_str();
                    let help = format!("Name what to export: `export {{ a, b }} from {source:?}`.");
                    let message = "`export *` does not say which functions there are.";
                    reporter.add(DiagnosticKind::UnsupportedSyntax, export.span, message, Some(help));
                }
            }
            _ => {}
        }
    }
    refuse_duplicates(&mut exports, reporter);
    exports
}

/// Reports names that are exported twice. Declarations of the same name may merge, for example a function and a
/// namespace; any other name can be exported once.
fn refuse_duplicates(exports: &mut Vec<Export>, reporter: &mut Reporter<'_>) {
    let mut seen: HashMap<String, bool> = HashMap::new();
    exports.retain(|export| match seen.entry(export.name.clone()) {
        Entry::Vacant(entry) => {
            entry.insert(export.declared);
            true
        }
        Entry::Occupied(first) => {
            // Of merged declarations the first one stays, so that a function is listed once.
            let merges = *first.get() && export.declared;
            if !merges && !reporter.reports_at(export.span) {
                let message = format!("`{}` is exported twice.", export.name);
                reporter.add(DiagnosticKind::SyntaxError, export.span, message, None);
            }
            false
        }
    });
}

/// The maximum length of a function's name, in characters.
const MAX_NAME_CHARS: usize = 255;

/// Refuses names that are blank, too long or contain control characters, because names appear in URLs, database rows
/// and logs.
fn check_name(export: &Export, reporter: &mut Reporter<'_>) {
    let chars = export.name.chars().count();
    let problem = if export.name.trim().is_empty() {
        "is blank".to_owned()
    } else if chars > MAX_NAME_CHARS {
        format!("has {chars} characters, but at most {MAX_NAME_CHARS} are allowed")
    } else if export.name.chars().any(char::is_control) {
        "has control characters".to_owned()
    } else {
        return;
    };
    let message = format!("The name of an exported function {problem}.");
    reporter.add(DiagnosticKind::InvalidFunctionName, export.span, message, None);
}

/// Returns the exports that can be invoked. If there are none, reports why.
pub(super) fn select(exports: &[Export], interface: &Interface, reporter: &mut Reporter<'_>) -> Vec<ExportedFunction> {
    let functions: Vec<ExportedFunction> = exports
        .iter()
        .filter(|export| matches!(export.kind, ValueKind::Function | ValueKind::Unknown))
        .filter_map(|export| {
            let local = interface.local_of(&export.name)?;
            check_name(export, reporter);
            Some(ExportedFunction { name: export.name.clone(), local: local.to_owned() })
        })
        .collect();
    // Another error may be the reason why there is no function.
    if functions.is_empty() && reporter.is_empty() {
        let rejected = exports.iter().find_map(|export| match export.kind {
            ValueKind::Generator => Some((export, "a generator function, which has no one result")),
            ValueKind::Other(what) => Some((export, what)),
            ValueKind::Function | ValueKind::Unknown => None,
        });
        let help = match rejected {
            Some((export, HANDLER)) => format!("`{}` is {HANDLER}. {INSTEAD}", export.name),
            Some((export, what)) => format!("`{}` is {what}; export an async function.", export.name),
            None if interface.is_commonjs => {
                "This looks like a CommonJS module; a worker is an ES module: write `export async function main(payload) { … }`.".to_owned()
            }
            None => "Export at least one, such as `export async function main(payload) { … }`.".to_owned(),
        };
        let span = rejected.map_or(SPAN, |(export, _)| export.span);
        reporter.add(DiagnosticKind::NoExportedFunction, span, "No function is exported.", Some(help));
    }
    functions
}

/// Adds the exports of a declaration that follows `export`.
fn add_declared(values: &TopLevel<'_, '_>, declaration: &Declaration<'_>, exports: &mut Vec<Export>) {
    let mut push = |name: &str, span: Span| {
        if let Some(kind) = values.of_exported_name(name) {
            exports.push(Export { name: name.to_owned(), kind, span, declared: true });
        }
    };
    match declaration {
        Declaration::VariableDeclaration(variables) if !variables.declare => {
            for declarator in &variables.declarations {
                for identifier in declarator.id.get_binding_identifiers() {
                    push(&identifier.name, identifier.span);
                }
            }
        }
        Declaration::FunctionDeclaration(function) if function.body.is_some() && !function.declare => {
            if let Some(id) = &function.id {
                push(&id.name, id.span);
            }
        }
        Declaration::ClassDeclaration(class) if !class.declare => {
            if let Some(id) = &class.id {
                push(&id.name, id.span);
            }
        }
        Declaration::TSEnumDeclaration(item) if !item.declare => push(&item.id.name, item.id.span),
        Declaration::TSNamespaceDeclaration(item) if !item.declare => push(&item.id.name, item.id.span),
        Declaration::TSImportEqualsDeclaration(alias) => push(&alias.id.name, alias.id.span),
        _ => {}
    }
}
