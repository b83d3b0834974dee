//! Rewrites a program: turns the declarations into statements, and names into properties where needed.

use std::collections::HashSet;

use oxc::{
    allocator::{Allocator, ArenaVec, TakeIn},
    ast::{
        ast::{
            AssignmentTargetProperty, Declaration, Directive, ExportDeclaration, ExportDefaultDeclarationKind,
            ExportNamedDeclaration, Expression, IdentifierReference, JSXElementName, JSXMemberExpressionObject,
            ModuleExportName, ObjectProperty, Program, SimpleAssignmentTarget, Statement, TSEnumDeclaration,
            TSImportEqualsDeclaration, TSModuleReference, TSNamespaceDeclaration, TSNamespaceDeclarationBody,
            TSTypeName, VariableDeclaration, VariableDeclarationKind,
        },
        builder::AstBuilder,
    },
    ast_visit::{VisitJsMut, walk_js_mut},
    span::Span,
};

use super::{
    aliases::Aliases,
    build::Build,
    collect::name_of_member,
    constants::{Constant, Constants},
    instantiated::is_instantiated,
    references::References,
    spaces::Spaces,
    targets,
};

/// Rewrites `program` in place.
pub(super) fn lower<'a>(
    allocator: &'a Allocator,
    program: &mut Program<'a>,
    spaces: &Spaces<'_, 'a>,
    constants: &Constants,
    aliases: &Aliases,
) {
    let references = References { spaces, build: Build { ast: AstBuilder::new(allocator) } };
    let place = Place { lists: 0, home: None, is_block: false };
    Lowerer { allocator, references, constants, aliases, place }.visit_program(program);
}

/// The position of the statements that are being rewritten.
#[derive(Clone, Copy)]
struct Place<'c> {
    /// How many lists of statements are open.
    lists: u32,
    /// The object of the enclosing namespace.
    home: Option<&'c str>,
    /// Whether they are the statements of a namespace.
    is_block: bool,
}

/// The head of a declaration of a namespace or an enum.
struct Header<'n> {
    span: Span,
    name: &'n str,
    name_span: Span,
    exported: bool,
}

struct Lowerer<'c, 's, 'a> {
    allocator: &'a Allocator,
    references: References<'c, 's, 'a>,
    constants: &'c Constants,
    aliases: &'c Aliases,
    place: Place<'c>,
}

/// The statements that a list is rewritten to.
struct List<'a> {
    statements: ArenaVec<'a, Statement<'a>>,
    /// The names declared so far that a namespace or an enum may add to.
    declared: HashSet<String>,
}

impl<'a> VisitJsMut<'a> for Lowerer<'_, '_, 'a> {
    fn visit_statements(&mut self, it: &mut ArenaVec<'a, Statement<'a>>) {
        let outer = self.place;
        self.place = Place { lists: outer.lists + 1, is_block: false, ..outer };
        self.list(it);
        self.place = outer;
    }

    fn visit_expression(&mut self, it: &mut Expression<'a>) {
        // Before the walk: the property that replaces the name has no reference, so it is not replaced again.
        self.references.expression(it);
        walk_js_mut::walk_expression(self, it);
    }

    fn visit_simple_assignment_target(&mut self, it: &mut SimpleAssignmentTarget<'a>) {
        self.references.target(it);
        walk_js_mut::walk_simple_assignment_target(self, it);
    }

    fn visit_object_property(&mut self, it: &mut ObjectProperty<'a>) {
        // First, because `property` looks at whether the value was replaced.
        walk_js_mut::walk_object_property(self, it);
        References::property(it);
    }

    fn visit_assignment_target_property(&mut self, it: &mut AssignmentTargetProperty<'a>) {
        self.references.target_property(it);
        walk_js_mut::walk_assignment_target_property(self, it);
    }

    fn visit_jsx_element_name(&mut self, it: &mut JSXElementName<'a>) {
        self.references.element_name(it);
        walk_js_mut::walk_jsx_element_name(self, it);
    }

    fn visit_jsx_member_expression_object(&mut self, it: &mut JSXMemberExpressionObject<'a>) {
        self.references.element_object(it);
        walk_js_mut::walk_jsx_member_expression_object(self, it);
    }
}

impl<'c, 'a> Lowerer<'c, '_, 'a> {
    fn build(&self) -> &Build<'a> {
        &self.references.build
    }

    fn list(&mut self, statements: &mut ArenaVec<'a, Statement<'a>>) {
        let taken = statements.take_in(&self.allocator);
        let declared = taken.iter().filter_map(hoisted).map(ToOwned::to_owned).collect();
        let mut list = List { statements: ArenaVec::with_capacity_in(taken.len(), &self.allocator), declared };
        for statement in taken {
            self.statement(statement, &mut list);
        }
        *statements = list.statements;
    }

    fn statement(&mut self, statement: Statement<'a>, list: &mut List<'a>) {
        match statement {
            Statement::TSNamespaceDeclaration(namespace) if is_lowered(&namespace) => {
                self.namespace(namespace.unbox(), false, list);
            }
            Statement::TSEnumDeclaration(declared) if !declared.declare => {
                self.enumeration(declared.unbox(), false, list);
            }
            Statement::TSImportEqualsDeclaration(alias) if path_of(&alias).is_some() => {
                self.alias(&alias, false, list);
            }
            // No other step handles these inside of functions.
            Statement::TSNamespaceDeclaration(_) if self.place.is_block => {}
            Statement::ExportDeclaration(export) => {
                let span = export.span;
                self.exported(export.unbox().declaration, span, list);
            }
            Statement::ExportNamedDeclaration(mut export) => {
                self.drop_types(&mut export);
                list.statements.push(Statement::ExportNamedDeclaration(export));
            }
            mut other => {
                self.visit_statement(&mut other);
                // From here on: a namespace before its class declares a variable, so that `verify` reports the class.
                list.declared.extend(class_of(&other).map(ToOwned::to_owned));
                list.statements.push(other);
            }
        }
    }

    /// Rewrites the declaration after `export`, at the top level or in a namespace.
    fn exported(&mut self, mut declaration: Declaration<'a>, span: Span, list: &mut List<'a>) {
        match declaration {
            Declaration::TSNamespaceDeclaration(namespace) if is_lowered(&namespace) => {
                return self.namespace(namespace.unbox(), true, list);
            }
            Declaration::TSEnumDeclaration(declared) if !declared.declare => {
                return self.enumeration(declared.unbox(), true, list);
            }
            Declaration::TSImportEqualsDeclaration(alias) if path_of(&alias).is_some() => {
                return self.alias(&alias, true, list);
            }
            _ => {}
        }
        let Some(home) = self.home() else {
            self.visit_declaration(&mut declaration);
            list.declared.extend(class_in(&declaration).map(ToOwned::to_owned));
            let export = ExportDeclaration::boxed(span, declaration, &self.build().ast);
            list.statements.push(Statement::ExportDeclaration(export));
            return;
        };
        match declaration {
            Declaration::VariableDeclaration(variables) if !variables.declare => {
                let statement = self.variables(variables.unbox(), home);
                list.statements.extend(statement);
            }
            Declaration::FunctionDeclaration(_) | Declaration::ClassDeclaration(_) if !declaration.declare() => {
                self.visit_declaration(&mut declaration);
                let name = match &declaration {
                    Declaration::FunctionDeclaration(function) if function.body.is_none() => None,
                    Declaration::FunctionDeclaration(function) => function.id.as_ref(),
                    Declaration::ClassDeclaration(class) => class.id.as_ref(),
                    _ => None,
                };
                let name = name.map(|name| name.name);
                list.declared.extend(class_in(&declaration).map(ToOwned::to_owned));
                list.statements.push(Statement::from(declaration));
                // `tsc` exports a function where it stands, too, although it exists before.
                list.statements.extend(name.map(|name| self.build().export(home, &name)));
            }
            _ => {}
        }
    }

    /// Returns the object that an export becomes a property of; `None` at the top level.
    fn home(&self) -> Option<&'c str> {
        self.place.home.filter(|_| self.place.is_block)
    }

    /// Rewrites `export let a = 1, { b } = c;` to `home.a = 1, { b: home.b } = c;`.
    fn variables(&mut self, variables: VariableDeclaration<'a>, home: &str) -> Option<Statement<'a>> {
        let span = variables.span;
        let mut assignments = ArenaVec::new_in(&self.allocator);
        for mut declarator in variables.declarations {
            // `tsc` adds no property before the first assignment.
            let Some(mut value) = declarator.init.take() else {
                continue;
            };
            self.visit_expression(&mut value);
            self.visit_binding_pattern(&mut declarator.id);
            let target = targets::of_pattern(self.build(), declarator.id, home);
            assignments.push(self.build().assign(declarator.span, target, value));
        }
        let expression = match assignments.len() {
            0 => return None,
            1 => assignments.pop()?,
            _ => Expression::new_sequence_expression(span, assignments, &self.build().ast),
        };
        Some(self.build().statement(span, expression))
    }

    fn namespace(&mut self, namespace: TSNamespaceDeclaration<'a>, exported: bool, list: &mut List<'a>) {
        let Some(block) = namespace.scope_id.get().and_then(|scope| self.references.spaces.blocks.get(&scope)) else {
            return;
        };
        let parameter = block.parameter.as_str();
        let name = namespace.id.name;
        let header = Header { span: namespace.span, name: &name, name_span: namespace.id.span, exported };
        self.header(&header, list);
        let outer = self.place;
        self.place = Place { lists: outer.lists + 1, home: Some(parameter), is_block: true };
        let (directives, body) = match namespace.body {
            TSNamespaceDeclarationBody::TSModuleBlock(block) => {
                let mut block = block.unbox();
                self.list(&mut block.body);
                (block.directives, block.body)
            }
            TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => {
                let statements = ArenaVec::new_in(&self.allocator);
                let mut inner_list = List { statements, declared: HashSet::new() };
                self.namespace(inner.unbox(), true, &mut inner_list);
                (ArenaVec::new_in(&self.allocator), inner_list.statements)
            }
        };
        self.place = outer;
        self.block(&header, parameter, directives, body, list);
    }

    fn enumeration(&mut self, mut declared: TSEnumDeclaration<'a>, exported: bool, list: &mut List<'a>) {
        let scope = declared.body.scope_id.get();
        let Some(block) = scope.and_then(|scope| self.references.spaces.blocks.get(&scope)) else {
            return;
        };
        let parameter = block.parameter.as_str();
        let name = declared.id.name;
        let header = Header { span: declared.span, name: &name, name_span: declared.id.span, exported };
        self.header(&header, list);
        let mut body = ArenaVec::with_capacity_in(declared.body.members.len(), &self.allocator);
        for member in &mut declared.body.members {
            let Some(key) = name_of_member(&member.id) else {
                continue;
            };
            let constant = self.constants.of_member(block.space, key);
            let mut initializer = member.initializer.take();
            if let Some(initializer) = &mut initializer {
                self.visit_expression(initializer);
            }
            let build = self.build();
            let value = match (constant, initializer) {
                (Some(Constant::Number(number)), _) => build.number(*number),
                (Some(Constant::Text(text)), _) => build.text(text),
                (_, Some(initializer)) => initializer,
                (_, None) => build.nothing(),
            };
            let key_node = || build.text(key);
            let mut assignment = build.assign_key(member.span, parameter, key_node(), value);
            // In TypeScript a text does not lead back to the name of its member.
            if !matches!(constant, Some(Constant::Text(_) | Constant::SomeText)) {
                assignment = build.assign_key(member.span, parameter, assignment, key_node());
            }
            body.push(build.statement(member.span, assignment));
        }
        let directives = ArenaVec::new_in(&self.allocator);
        self.block(&header, parameter, directives, body, list);
    }

    /// Declares the variable, unless an earlier declaration of the list did.
    fn header(&self, header: &Header<'_>, list: &mut List<'a>) {
        if !list.declared.insert(header.name.to_owned()) {
            return;
        }
        // `tsc` writes `var` at the top level of a file, and `let` in functions and namespaces.
        let is_top = self.place.lists == 1;
        let kind = if is_top { VariableDeclarationKind::Var } else { VariableDeclarationKind::Let };
        let build = self.build();
        let variable = build.variable(header.span, kind, (header.name, header.name_span), None);
        list.statements.push(if is_top && header.exported {
            Statement::ExportDeclaration(ExportDeclaration::boxed(header.span, variable, &build.ast))
        } else {
            Statement::from(variable)
        });
    }

    fn block(
        &self,
        header: &Header<'_>,
        parameter: &str,
        directives: ArenaVec<'a, Directive<'a>>,
        body: ArenaVec<'a, Statement<'a>>,
        list: &mut List<'a>,
    ) {
        let build = self.build();
        let argument = build.object(header.name, self.home().filter(|_| header.exported));
        list.statements.push(build.block(header.span, parameter, directives, body, argument));
    }

    /// Rewrites `import a = N.b` to `var a = N.b` or `home.a = N.b`, or drops it if only types need it.
    fn alias(&mut self, alias: &TSImportEqualsDeclaration<'a>, exported: bool, list: &mut List<'a>) {
        let needed = self.aliases.needs(alias.id.symbol_id.get()) && alias.import_kind.is_value();
        let Some(mut value) = path_of(alias).filter(|_| needed).map(|path| self.entity(&path)) else {
            return;
        };
        self.visit_expression(&mut value);
        let (span, name) = (alias.span, alias.id.name.as_str());
        let build = self.build();
        let statement = match self.home() {
            Some(home) if exported => {
                build.statement(span, build.assign(span, build.target(alias.id.span, home, name), value))
            }
            _ => {
                let variable = build.variable(span, VariableDeclarationKind::Var, (name, alias.id.span), Some(value));
                if exported {
                    let export = ExportDeclaration::boxed(span, variable, &build.ast);
                    Statement::ExportDeclaration(export)
                } else {
                    Statement::from(variable)
                }
            }
        };
        list.statements.push(statement);
    }

    /// Builds the expression `N.b`. Its first name keeps its reference.
    fn entity(&self, path: &Path<'_, 'a>) -> Expression<'a> {
        let build = self.build();
        let first = IdentifierReference::boxed(path.root.span, path.root.name, &build.ast);
        first.reference_id.set(path.root.reference_id.get());
        let properties = path.properties.iter().rev();
        properties.fold(Expression::Identifier(first), |object, (name, span)| build.property(*span, object, name))
    }

    /// Removes the aliases of types from `export { a, b }`.
    fn drop_types(&self, export: &mut ExportNamedDeclaration<'a>) {
        export.specifiers.retain(|specifier| {
            let ModuleExportName::IdentifierReference(local) = &specifier.local else {
                return true;
            };
            let scoping = self.references.spaces.scoping;
            let symbol = local.reference_id.get().and_then(|reference| scoping.get_reference(reference).symbol_id());
            let is_alias = symbol.is_some_and(|symbol| self.references.spaces.aliases.contains_key(&symbol));
            !is_alias || self.aliases.needs(symbol)
        });
    }
}

/// The path of an alias.
struct Path<'n, 'a> {
    root: &'n IdentifierReference<'a>,
    /// The properties and their positions, the last one first.
    properties: Vec<(&'a str, Span)>,
}

/// Returns the path of an alias; `None` for `require(…)`.
fn path_of<'n, 'a>(alias: &'n TSImportEqualsDeclaration<'a>) -> Option<Path<'n, 'a>> {
    let name = match &alias.module_reference {
        TSModuleReference::ExternalModuleReference(_) => return None,
        TSModuleReference::IdentifierReference(root) => return Some(Path { root, properties: Vec::new() }),
        TSModuleReference::QualifiedName(name) => name,
    };
    let mut properties = vec![(name.right.name.as_str(), name.span)];
    let mut left = &name.left;
    loop {
        match left {
            TSTypeName::QualifiedName(name) => {
                properties.push((name.right.name.as_str(), name.span));
                left = &name.left;
            }
            TSTypeName::IdentifierReference(root) => return Some(Path { root, properties }),
            TSTypeName::ThisExpression(_) => return None,
        }
    }
}

fn is_lowered(namespace: &TSNamespaceDeclaration<'_>) -> bool {
    !namespace.declare && is_instantiated(namespace)
}

/// Returns the name of a declared function, which exists before the first statement runs.
fn hoisted<'n>(statement: &'n Statement<'_>) -> Option<&'n str> {
    let function = match statement {
        Statement::FunctionDeclaration(function) => function,
        Statement::ExportDeclaration(export) => match &export.declaration {
            Declaration::FunctionDeclaration(function) => function,
            _ => return None,
        },
        Statement::ExportDefaultDeclaration(export) => match &export.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => function,
            _ => return None,
        },
        _ => return None,
    };
    let name = function.id.as_ref().filter(|_| function.body.is_some() && !function.declare);
    name.map(|name| name.name.as_str())
}

/// Returns the name of the class that a statement declares.
fn class_of<'n>(statement: &'n Statement<'_>) -> Option<&'n str> {
    let class = match statement {
        Statement::ClassDeclaration(class) => class,
        Statement::ExportDefaultDeclaration(export) => match &export.declaration {
            ExportDefaultDeclarationKind::ClassDeclaration(class) => class,
            _ => return None,
        },
        _ => return None,
    };
    class.id.as_ref().filter(|_| !class.declare).map(|name| name.name.as_str())
}

fn class_in<'n>(declaration: &'n Declaration<'_>) -> Option<&'n str> {
    match declaration {
        Declaration::ClassDeclaration(class) if !class.declare => class.id.as_ref().map(|name| name.name.as_str()),
        _ => None,
    }
}
