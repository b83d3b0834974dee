//! The declarations at the top level of a module, and which of them are functions.

use std::collections::{HashMap, HashSet};

use oxc::{
    ast::ast::{
        Class, Declaration, ExportDefaultDeclarationKind, Expression, Function, ImportDeclarationSpecifier, Program,
        Statement, TSImportEqualsDeclaration, VariableDeclaration,
    },
    semantic::{Scoping, SymbolFlags},
    str::Ident,
};

use super::namespaces::Namespaces;
use super::value_kind::{ValueKind, of_expression};

/// How many names are followed to find out what a name stands for.
// Names may form a circle, as in `const a = b, b = a`.
const MAX_DEPTH: u8 = 8;

/// The values that are declared at the top level of a module.
pub(super) struct TopLevel<'p, 'a> {
    scoping: &'p Scoping,
    namespaces: Option<&'p Namespaces<'p, 'a>>,
    declared: HashMap<&'a str, Declared<'p, 'a>>,
    /// The names of `import x = A.B` where `A.B` is only a type.
    types: HashSet<&'a str>,
}

#[derive(Clone, Copy)]
enum Declared<'p, 'a> {
    /// The declaration tells the kind.
    Known(ValueKind),
    /// The kind is that of this expression.
    Initialised(&'p Expression<'a>),
}

impl<'p, 'a> TopLevel<'p, 'a> {
    /// Collects the declarations from the tree.
    pub(super) fn collect(
        program: &'p Program<'a>,
        scoping: &'p Scoping,
        namespaces: Option<&'p Namespaces<'p, 'a>>,
    ) -> Self {
        let mut top_level = Self { scoping, namespaces, declared: HashMap::new(), types: HashSet::new() };
        for statement in &program.body {
            match statement {
                Statement::ImportDeclaration(import) => {
                    for specifier in import.specifiers.iter().flatten() {
                        if let ImportDeclarationSpecifier::ImportNamespaceSpecifier(namespace) = specifier {
                            let kind = Declared::Known(ValueKind::Other("a module"));
                            top_level.declared.insert(namespace.local.name.as_str(), kind);
                        }
                    }
                }
                Statement::ExportDeclaration(export) => top_level.declare(&export.declaration),
                Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) => top_level.declare_function(function),
                    ExportDefaultDeclarationKind::ClassDeclaration(class) => top_level.declare_class(class),
                    _ => {}
                },
                statement => {
                    if let Some(declaration) = statement.as_declaration() {
                        top_level.declare(declaration);
                    }
                }
            }
        }
        top_level
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
            Declaration::TSImportEqualsDeclaration(alias) => self.declare_alias(alias),
            _ => {}
        }
    }

    fn declare_alias(&mut self, alias: &TSImportEqualsDeclaration<'a>) {
        let Some(namespaces) = self.namespaces else {
            return;
        };
        match namespaces.of_alias(alias) {
            Some(kind) => {
                self.declared.insert(alias.id.name.as_str(), Declared::Known(kind));
            }
            None => {
                self.types.insert(alias.id.name.as_str());
            }
        }
    }

    fn declare_variables(&mut self, variables: &'p VariableDeclaration<'a>) {
        for declarator in &variables.declarations {
            if let (Some(name), Some(value)) = (declarator.id.get_binding_identifier(), &declarator.init) {
                self.declared.insert(name.name.as_str(), Declared::Initialised(value));
            }
        }
    }

    fn declare_function(&mut self, function: &'p Function<'a>) {
        let kind = if function.generator { ValueKind::Generator } else { ValueKind::Function };
        if let (Some(id), true) = (&function.id, function.body.is_some()) {
            self.declared.insert(id.name.as_str(), Declared::Known(kind));
        }
    }

    fn declare_class(&mut self, class: &'p Class<'a>) {
        if let Some(id) = &class.id {
            self.declared.insert(id.name.as_str(), Declared::Known(ValueKind::Other("a class")));
        }
    }

    /// Returns whether there is a declaration of this name, including types.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.scoping.get_root_binding(Ident::from(name)).is_some()
    }

    /// Returns the kind of value that the exported variable `name` holds, unless it is only a type.
    pub(super) fn of_exported_name(&self, name: &str) -> Option<ValueKind> {
        let symbol = self.scoping.get_root_binding(Ident::from(name))?;
        let flags = self.scoping.symbol_flags(symbol);
        let is_value = flags.intersects(SymbolFlags::Value | SymbolFlags::Import);
        (is_value && !flags.contains(SymbolFlags::Ambient) && !self.types.contains(name)).then(|| self.of_name(name, 0))
    }

    /// Returns the kind of value of an expression at the top level.
    pub(super) fn of(&self, expression: &Expression<'_>) -> ValueKind {
        of_expression(expression, &|name| self.of_name(name, 0))
    }

    /// Follows names to a value, from declaration to declaration at most [`MAX_DEPTH`] times.
    fn of_name(&self, name: &str, depth: u8) -> ValueKind {
        let Some(symbol) = self.scoping.get_root_binding(Ident::from(name)) else {
            // These three globals cannot be changed; any other global may be a function.
            return if name == "undefined" || name == "NaN" || name == "Infinity" {
                ValueKind::Other("a plain value")
            } else {
                ValueKind::Unknown
            };
        };
        // An assignment may give the variable a function.
        if self.scoping.symbol_is_mutated(symbol) || depth > MAX_DEPTH {
            return ValueKind::Unknown;
        }
        match self.declared.get(name) {
            Some(Declared::Known(kind)) => *kind,
            Some(Declared::Initialised(value)) => of_expression(value, &|name| self.of_name(name, depth + 1)),
            None => ValueKind::Unknown,
        }
    }
}
