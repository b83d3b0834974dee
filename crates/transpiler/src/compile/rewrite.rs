//! Removes the module syntax from a lowered program.
//!
//! Input: a program in plain JavaScript with `import` and `export`. Output: the same program without them, and its
//! [`Interface`]. `export` before a declaration is removed; `export default <expression>` becomes a constant, in a form
//! in which an anonymous function is still named `default`; imports become a list, from which [`crate::script`]
//! generates bindings.

use std::collections::HashSet;

use oxc::{
    allocator::{Allocator, ArenaVec, TakeIn},
    ast::{
        ast::{
            BindingIdentifier, BindingPattern, Declaration, ExportDefaultDeclarationKind, Expression, IdentifierName,
            ImportDeclaration, ImportDeclarationSpecifier, ModuleExportName, ObjectPropertyKind, Program, PropertyKey,
            PropertyKind, Statement, VariableDeclarationKind, VariableDeclarator, WithClause,
        },
        builder::AstBuilder,
    },
    span::{GetSpan, SPAN, Span},
};

use super::lower::{HELPERS, JSX};

/// The interface of a module.
#[derive(Default)]
pub(super) struct Interface {
    /// The imports, in source order.
    pub(super) imports: Vec<Import>,
    /// Whether it uses `module` or `exports` in a way that only works in a `CommonJS` module.
    pub(super) is_commonjs: bool,
    /// The generated name of an anonymous default export.
    pub(super) default_name: Option<String>,
    /// The exports, each name once: the name and the variable.
    pub(super) exports: Vec<(String, String)>,
}

impl Interface {
    /// Returns the variable behind an export.
    pub(super) fn local_of(&self, exported: &str) -> Option<&str> {
        self.exports.iter().find(|(name, _)| name == exported).map(|(_, local)| local.as_str())
    }
}

/// One import declaration.
#[derive(Debug)]
pub(crate) struct Import {
    /// The module specifier.
    pub(crate) specifier: String,
    /// The imported bindings.
    pub(crate) imported: Imported,
    /// The position in the source; `SPAN` if the compiler added the import.
    pub(crate) span: Span,
}

impl Import {
    /// Returns whether the compiler added the import, and it refers to code that the script contains.
    pub(crate) fn is_generated(&self) -> bool {
        // The span decides, too: a bundle may import a module of this name itself, which has to be refused.
        self.span == SPAN && (self.specifier.starts_with(HELPERS) || self.specifier.starts_with(JSX))
    }
}

/// The bindings of an import declaration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Imported {
    /// Some of the module's exports, or none.
    Names(Vec<Binding>),
    /// The module itself, and possibly its default export.
    Namespace {
        /// The variable for the module.
        local: String,
        /// The variable for its default export.
        default: Option<String>,
    },
    /// A form of import that Node.js 20 does not support.
    Unsupported,
}

/// One imported name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The name that the module exports.
    pub(crate) imported: String,
    /// The local variable.
    pub(crate) local: String,
    /// The position of the exported name in the source.
    pub(crate) span: Span,
}

/// Rewrites `program` in place. `name` is unused in the program, also as a prefix.
pub(super) fn rewrite<'a>(allocator: &'a Allocator, program: &mut Program<'a>, name: &str) -> Interface {
    let mut rewriter = Rewriter { ast: AstBuilder::new(allocator), name, interface: Interface::default() };
    // A hashbang is only valid at the beginning of a script, and that is the harness.
    program.hashbang = None;
    let statements = program.body.take_in(&allocator);
    program.body = ArenaVec::with_capacity_in(statements.len(), &allocator);
    for statement in statements {
        if let Some(statement) = rewriter.statement(statement) {
            program.body.push(statement);
        }
    }
    // `exports::find` has reported names that may not occur twice. The others are of declarations that merge.
    let mut seen = HashSet::new();
    rewriter.interface.exports.retain(|(exported, _)| seen.insert(exported.clone()));
    rewriter.interface
}

struct Rewriter<'a, 'n> {
    ast: AstBuilder<'a>,
    name: &'n str,
    interface: Interface,
}

impl<'a> Rewriter<'a, '_> {
    fn statement(&mut self, statement: Statement<'a>) -> Option<Statement<'a>> {
        match statement {
            Statement::ImportDeclaration(import) => {
                self.import(&import);
                None
            }
            Statement::ExportAllDeclaration(export) => {
                let imported = export.exported.as_ref().map_or_else(
                    || Imported::Names(Vec::new()),
                    |exported| {
                        // Each of these names adds an export, so the number is not used twice.
                        let local = format!("{}_{}", self.name, self.interface.exports.len());
                        self.interface.exports.push((text(exported), local.clone()));
                        Imported::Namespace { local, default: None }
                    },
                );
                let imported = supported(imported, export.with_clause.as_deref());
                self.add_import(export.source.value.as_str(), imported, export.span);
                None
            }
            Statement::ExportFromDeclaration(export) => {
                let mut bindings = Vec::new();
                for specifier in &export.specifiers {
                    let local = format!("{}_{}", self.name, self.interface.exports.len());
                    let imported = text(&specifier.local);
                    bindings.push(Binding { imported, local: local.clone(), span: specifier.local.span() });
                    self.interface.exports.push((text(&specifier.exported), local));
                }
                let imported = supported(Imported::Names(bindings), export.with_clause.as_deref());
                self.add_import(export.source.value.as_str(), imported, export.span);
                None
            }
            Statement::ExportNamedDeclaration(export) => {
                for specifier in &export.specifiers {
                    self.interface.exports.push((text(&specifier.exported), text(&specifier.local)));
                }
                None
            }
            Statement::ExportDeclaration(export) => {
                let declaration = export.unbox().declaration;
                self.export_declared(&declaration);
                Some(Statement::from(declaration))
            }
            Statement::ExportDefaultDeclaration(export) => {
                let span = export.span;
                Some(self.export_default(export.unbox().declaration, span))
            }
            statement => Some(statement),
        }
    }

    fn import(&mut self, import: &ImportDeclaration<'a>) {
        let mut bindings = Vec::new();
        let mut namespace = None;
        for specifier in import.specifiers.iter().flatten() {
            match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(item) => {
                    let (imported, local) = (text(&item.imported), item.local.name.to_string());
                    bindings.push(Binding { imported, local, span: item.imported.span() });
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(item) => {
                    let (imported, local) = ("default".to_owned(), item.local.name.to_string());
                    bindings.push(Binding { imported, local, span: item.span });
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(item) => {
                    namespace = Some(item.local.name.to_string());
                }
            }
        }
        let imported = match namespace {
            // Beside `* as ns` the syntax allows only a default import.
            Some(local) => Imported::Namespace { local, default: bindings.pop().map(|binding| binding.local) },
            None => Imported::Names(bindings),
        };
        let imported = if import.phase.is_some() {
            Imported::Unsupported
        } else {
            supported(imported, import.with_clause.as_deref())
        };
        self.add_import(import.source.value.as_str(), imported, import.span);
    }

    fn add_import(&mut self, specifier: &str, imported: Imported, span: Span) {
        self.interface.imports.push(Import { specifier: specifier.to_owned(), imported, span });
    }

    fn export_declared(&mut self, declaration: &Declaration<'a>) {
        let mut export = |name: &str| self.interface.exports.push((name.to_owned(), name.to_owned()));
        match declaration {
            Declaration::VariableDeclaration(variables) => {
                for declarator in &variables.declarations {
                    declarator.id.get_binding_identifiers().iter().for_each(|identifier| export(&identifier.name));
                }
            }
            Declaration::FunctionDeclaration(function) => function.id.iter().for_each(|id| export(&id.name)),
            Declaration::ClassDeclaration(class) => class.id.iter().for_each(|id| export(&id.name)),
            _ => {}
        }
    }

    fn export_default(&mut self, declaration: ExportDefaultDeclarationKind<'a>, span: Span) -> Statement<'a> {
        let generated = format!("{}_default", self.name);
        let (local, statement) = match declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(mut function) => {
                // A function has to stay a declaration, because it is hoisted. So it gets a name, and at run time
                // `rename` sets `default`.
                if function.id.is_none() {
                    let id = oxc::str::Ident::from_str_in(&generated, &self.ast);
                    function.id = Some(BindingIdentifier::new(SPAN, id, &self.ast));
                    self.interface.default_name = Some(generated);
                }
                let local = function.id.as_ref().map(|id| id.name.to_string());
                (local, Statement::FunctionDeclaration(function))
            }
            ExportDefaultDeclarationKind::ClassDeclaration(class) if class.id.is_some() => {
                (class.id.as_ref().map(|id| id.name.to_string()), Statement::ClassDeclaration(class))
            }
            ExportDefaultDeclarationKind::ClassDeclaration(class) => {
                let statement = self.default_constant(&generated, Expression::ClassExpression(class), span);
                (Some(generated), statement)
            }
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => {
                (None, Statement::new_empty_statement(SPAN, &self.ast))
            }
            declaration => {
                let statement = self.default_constant(&generated, declaration.into_expression(), span);
                (Some(generated), statement)
            }
        };
        self.interface.exports.extend(local.map(|local| ("default".to_owned(), local)));
        statement
    }

    /// Builds `const <name> = { default: <value> }.default`, in which an anonymous function gets the name `default`.
    fn default_constant(&self, name: &str, value: Expression<'a>, span: Span) -> Statement<'a> {
        let ast = &self.ast;
        let key = PropertyKey::new_static_identifier(SPAN, "default", ast);
        let property =
            ObjectPropertyKind::new_object_property(SPAN, PropertyKind::Init, key, value, false, false, false, ast);
        let object = Expression::new_object_expression(SPAN, ArenaVec::from_array_in([property], ast), ast);
        let named = Expression::new_static_member_expression(
            SPAN,
            object,
            IdentifierName::new(SPAN, "default", ast),
            false,
            ast,
        );
        let id = BindingPattern::new_binding_identifier(SPAN, oxc::str::Ident::from_str_in(name, ast), ast);
        let declarator = VariableDeclarator::new(SPAN, id, None, Some(named), false, ast);
        let declarations = ArenaVec::from_array_in([declarator], ast);
        Statement::new_variable_declaration(span, VariableDeclarationKind::Const, declarations, false, ast)
    }
}

fn supported(imported: Imported, attributes: Option<&WithClause<'_>>) -> Imported {
    if attributes.is_some_and(|attributes| !attributes.with_entries.is_empty()) {
        Imported::Unsupported
    } else {
        imported
    }
}

fn text(name: &ModuleExportName<'_>) -> String {
    name.name().to_string()
}
