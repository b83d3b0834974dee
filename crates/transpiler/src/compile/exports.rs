//! Which exports are functions.

use std::collections::HashMap;

use oxc::{
    ast::ast::{
        Declaration, ExportDefaultDeclarationKind, Expression, ImportDeclarationSpecifier, ModuleExportName, Program,
        Statement, VariableDeclaration,
    },
    semantic::{Scoping, SymbolFlags},
    span::{GetSpan, SPAN, Span},
    str::Ident,
};

use super::{
    rewrite::Interface,
    value_kind::{ValueKind, of_expression},
};
use crate::{DiagnosticKind, diagnostic::Reporter};

/// An export, as the source has it.
pub(super) struct Export {
    name: String,
    kind: ValueKind,
    span: Span,
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
pub(super) fn find(program: &Program<'_>, scoping: &Scoping, reporter: &mut Reporter<'_>) -> Vec<Export> {
    let values = Values::collect(program, scoping);
    let mut exports = Vec::new();
    for statement in &program.body {
        match statement {
            Statement::ExportDeclaration(export) => values.of_declaration(&export.declaration, &mut exports),
            Statement::ExportDefaultDeclaration(export) => {
                let kind = match &export.declaration {
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
                exports.push(Export { name: "default".to_owned(), kind, span: export.declaration.span() });
            }
            Statement::ExportNamedDeclaration(export) if export.export_kind.is_value() => {
                for specifier in export.specifiers.iter().filter(|specifier| specifier.export_kind.is_value()) {
                    let local = specifier.local.name();
                    match values.of_exported_name(&local) {
                        Some(kind) => exports.push(Export {
                            name: specifier.exported.name().to_string(),
                            kind,
                            span: specifier.span,
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
                let specifiers = export.specifiers.iter().filter(|specifier| specifier.export_kind.is_value());
                exports.extend(specifiers.map(|specifier| Export {
                    name: specifier.exported.name().to_string(),
                    kind: ValueKind::Unknown,
                    span: specifier.span,
                }));
            }
            Statement::ExportAllDeclaration(export) if export.export_kind.is_value() => match &export.exported {
                Some(name) => exports.push(Export {
                    name: exported_name(name),
                    kind: ValueKind::Other("a module"),
                    span: export.span,
                }),
                None => {
                    let help =
                        format!("Name what to export: `export {{ a, b }} from {:?}`.", export.source.value.as_str());
                    let message = "`export *` does not say which functions there are.";
                    reporter.add(DiagnosticKind::UnsupportedSyntax, export.span, message, Some(help));
                }
            },
            _ => {}
        }
    }
    exports
}

/// Keeps the exports that can be invoked; says why when there are none.
pub(super) fn select(exports: &[Export], interface: &Interface, reporter: &mut Reporter<'_>) -> Vec<ExportedFunction> {
    let functions: Vec<ExportedFunction> = exports
        .iter()
        .filter(|export| matches!(export.kind, ValueKind::Function | ValueKind::Unknown))
        .filter_map(|export| {
            let local = interface.local_of(&export.name)?;
            Some(ExportedFunction { name: export.name.clone(), local: local.to_owned() })
        })
        .collect();
    if functions.is_empty() && reporter.is_empty() {
        let rejected = exports.iter().find_map(|export| match export.kind {
            ValueKind::Generator => Some((export, "a generator function, which has no one result")),
            ValueKind::Other(what) => Some((export, what)),
            ValueKind::Function | ValueKind::Unknown => None,
        });
        let help = match rejected {
            Some((export, what)) => format!("`{}` is {what}; export an async function.", export.name),
            None => "Export at least one, such as `export async function main(payload) { … }`.".to_owned(),
        };
        let span = rejected.map_or(SPAN, |(export, _)| export.span);
        reporter.add(DiagnosticKind::NoExportedFunction, span, "No function is exported.", Some(help));
    }
    functions
}

/// The values that the top level of a module declares.
struct Values<'p, 'a> {
    scoping: &'p Scoping,
    declared: HashMap<&'a str, Declared<'p, 'a>>,
}

#[derive(Clone, Copy)]
enum Declared<'p, 'a> {
    Known(ValueKind),
    Initialised(&'p Expression<'a>),
}

impl<'p, 'a> Values<'p, 'a> {
    fn collect(program: &'p Program<'a>, scoping: &'p Scoping) -> Self {
        let mut values = Self { scoping, declared: HashMap::new() };
        for statement in &program.body {
            match statement {
                Statement::ImportDeclaration(import) => {
                    for specifier in import.specifiers.iter().flatten() {
                        if let ImportDeclarationSpecifier::ImportNamespaceSpecifier(namespace) = specifier {
                            let kind = Declared::Known(ValueKind::Other("a module"));
                            values.declared.insert(namespace.local.name.as_str(), kind);
                        }
                    }
                }
                Statement::ExportDeclaration(export) => values.declare(&export.declaration),
                Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) => values.declare_function(function),
                    ExportDefaultDeclarationKind::ClassDeclaration(class) => values.declare_class(class),
                    _ => {}
                },
                statement => {
                    if let Some(declaration) = statement.as_declaration() {
                        values.declare(declaration);
                    }
                }
            }
        }
        values
    }

    fn declare(&mut self, declaration: &'p Declaration<'a>) {
        match declaration {
            Declaration::VariableDeclaration(variables) => self.declare_variables(variables),
            Declaration::FunctionDeclaration(function) => self.declare_function(function),
            Declaration::ClassDeclaration(class) => self.declare_class(class),
            Declaration::TSEnumDeclaration(item) => {
                self.declared.insert(item.id.name.as_str(), Declared::Known(ValueKind::Other("an enum")));
            }
            Declaration::TSNamespaceDeclaration(item) => {
                // A namespace may add to a function of the same name.
                self.declared.entry(item.id.name.as_str()).or_insert(Declared::Known(ValueKind::Other("a namespace")));
            }
            _ => {}
        }
    }

    fn declare_variables(&mut self, variables: &'p VariableDeclaration<'a>) {
        for declarator in &variables.declarations {
            if let (Some(name), Some(value)) = (declarator.id.get_binding_identifier(), &declarator.init) {
                self.declared.insert(name.name.as_str(), Declared::Initialised(value));
            }
        }
    }

    fn declare_function(&mut self, function: &'p oxc::ast::ast::Function<'a>) {
        let kind = if function.generator { ValueKind::Generator } else { ValueKind::Function };
        if let (Some(id), true) = (&function.id, function.body.is_some()) {
            self.declared.insert(id.name.as_str(), Declared::Known(kind));
        }
    }

    fn declare_class(&mut self, class: &'p oxc::ast::ast::Class<'a>) {
        if let Some(id) = &class.id {
            self.declared.insert(id.name.as_str(), Declared::Known(ValueKind::Other("a class")));
        }
    }

    fn declares(&self, name: &str) -> bool {
        self.scoping.get_root_binding(Ident::from(name)).is_some()
    }

    /// What the exported variable `name` holds, unless it is only a type.
    fn of_exported_name(&self, name: &str) -> Option<ValueKind> {
        let symbol = self.scoping.get_root_binding(Ident::from(name))?;
        let flags = self.scoping.symbol_flags(symbol);
        let is_value = flags.intersects(SymbolFlags::Value | SymbolFlags::Import);
        (is_value && !flags.contains(SymbolFlags::Ambient)).then(|| self.of_name(name, 0))
    }

    fn of(&self, expression: &Expression<'_>) -> ValueKind {
        of_expression(expression, &|name| self.of_name(name, 0))
    }

    /// Follows names to a value, through a few aliases.
    fn of_name(&self, name: &str, aliases: u8) -> ValueKind {
        let Some(symbol) = self.scoping.get_root_binding(Ident::from(name)) else {
            return if name == "undefined" || name == "NaN" || name == "Infinity" {
                ValueKind::Other("a plain value")
            } else {
                ValueKind::Unknown
            };
        };
        if self.scoping.symbol_is_mutated(symbol) || aliases > 8 {
            return ValueKind::Unknown;
        }
        match self.declared.get(name) {
            Some(Declared::Known(kind)) => *kind,
            Some(Declared::Initialised(value)) => of_expression(value, &|name| self.of_name(name, aliases + 1)),
            None => ValueKind::Unknown,
        }
    }

    fn of_declaration(&self, declaration: &Declaration<'_>, exports: &mut Vec<Export>) {
        let mut push = |name: &str, span: Span| {
            if let Some(kind) = self.of_exported_name(name) {
                exports.push(Export { name: name.to_owned(), kind, span });
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
            _ => {}
        }
    }
}

fn exported_name(name: &ModuleExportName<'_>) -> String {
    name.name().to_string()
}
