//! Sets parameter properties right after `super()`, where that is not a statement directly in the constructor.
//!
//! `constructor(public id: string) { try { super() } catch … }` sets `this.id` when `super()` has returned. The
//! lowering handles only a `super()` that is a statement directly in the constructor. Otherwise it would set the
//! properties first, when there is no `this` yet. So such a call is rewritten to `(super(), this.id = id, this)`, and
//! the parameters become plain ones.

use std::collections::HashSet;

use oxc::{
    allocator::{Allocator, ArenaVec, TakeIn},
    ast::{
        ast::{
            AssignmentOperator, AssignmentTarget, BindingIdentifier, Class, ClassElement, Expression, FormalParameter,
            Function, FunctionBody, IdentifierName, Program, PropertyDefinitionType, PropertyKey,
            SimpleAssignmentTarget, Statement,
        },
        builder::AstBuilder,
    },
    ast_visit::{VisitJsMut, walk_js_mut},
    semantic::ScopeFlags,
    span::{SPAN, Span},
    str::Ident,
};

/// Rewrites the constructors of a program that no step has analysed yet.
pub(super) fn place<'a>(allocator: &'a Allocator, program: &mut Program<'a>) {
    // Only constructors with a modifier before a parameter are changed.
    if program.source_type.is_typescript() && program.source_text.contains("super") {
        Classes { allocator, ast: AstBuilder::new(allocator) }.visit_program(program);
    }
}

struct Classes<'a> {
    allocator: &'a Allocator,
    ast: AstBuilder<'a>,
}

impl<'a> VisitJsMut<'a> for Classes<'a> {
    fn visit_class(&mut self, it: &mut Class<'a>) {
        walk_js_mut::walk_class(self, it);
        if it.heritage.is_some() && !it.declare {
            self.class(it);
        }
    }
}

impl<'a> Classes<'a> {
    fn class(&self, class: &mut Class<'a>) {
        let constructor = class.body.body.iter_mut().find_map(|element| match element {
            ClassElement::MethodDefinition(method) if method.kind.is_constructor() && method.value.body.is_some() => {
                Some(&mut method.value)
            }
            _ => None,
        });
        let Some(properties) = constructor.and_then(|constructor| self.constructor(constructor)) else {
            return;
        };
        let declared = names_of_fields(class);
        // A property that the class also declares is defined by that field.
        let fields = properties.into_iter().filter(|(name, _)| !declared.contains(name.as_str()));
        let fields: Vec<_> = fields.map(|(name, span)| self.field(name, span)).collect();
        // `tsc` defines the properties of parameters before the other fields.
        class.body.body.splice(0..0, fields);
    }

    /// Rewrites a constructor and returns the names of its parameter properties; `None` if it stays as it is.
    fn constructor(&self, constructor: &mut Function<'a>) -> Option<Vec<(Ident<'a>, Span)>> {
        let properties: Vec<_> = constructor.params.items.iter().filter_map(property).collect();
        let body = constructor.body.as_mut()?;
        if properties.is_empty() || body.statements.iter().any(is_super_statement) || hides(body, &properties) {
            return None;
        }
        let mut calls = Calls { allocator: self.allocator, ast: &self.ast, properties: &properties, found: false };
        calls.visit_function_body(body);
        if !calls.found {
            return None;
        }
        for parameter in &mut constructor.params.items {
            parameter.accessibility = None;
            parameter.readonly = false;
            parameter.r#override = false;
        }
        Some(properties)
    }

    /// Builds `name;`.
    fn field(&self, name: Ident<'a>, span: Span) -> ClassElement<'a> {
        let ast = &self.ast;
        let key = PropertyKey::new_static_identifier(span, name, ast);
        let kind = PropertyDefinitionType::PropertyDefinition;
        let none = ArenaVec::new_in(ast);
        ClassElement::new_property_definition(
            span, kind, none, key, None, None, false, false, false, false, false, false, false, None, ast,
        )
    }
}

/// Returns the name of a parameter that is also a property.
fn property<'a>(parameter: &FormalParameter<'a>) -> Option<(Ident<'a>, Span)> {
    let name = parameter.pattern.get_binding_identifier().filter(|_| parameter.has_modifier())?;
    Some((name.name, name.span))
}

fn is_super_statement(statement: &Statement<'_>) -> bool {
    matches!(statement, Statement::ExpressionStatement(statement) if statement.expression.is_super_call_expression())
}

fn names_of_fields<'a>(class: &Class<'a>) -> HashSet<&'a str> {
    let fields = class.body.body.iter().filter_map(|element| match element {
        ClassElement::PropertyDefinition(field) if !field.r#static && !field.declare => match &field.key {
            PropertyKey::StaticIdentifier(name) => Some(name.name.as_str()),
            _ => None,
        },
        _ => None,
    });
    fields.collect()
}

/// Returns whether something in the body has the name of one of the parameters, so that the name may not refer to the
/// parameter at a call.
fn hides<'a>(body: &mut FunctionBody<'a>, properties: &[(Ident<'a>, Span)]) -> bool {
    let mut bindings = Bindings { properties, found: false };
    bindings.visit_function_body(body);
    bindings.found
}

struct Bindings<'p, 'a> {
    properties: &'p [(Ident<'a>, Span)],
    found: bool,
}

impl<'a> VisitJsMut<'a> for Bindings<'_, 'a> {
    fn visit_binding_identifier(&mut self, it: &mut BindingIdentifier<'a>) {
        self.found |= self.properties.iter().any(|(name, _)| *name == it.name);
    }

    // Declarations inside of these are not visible at a call of `super`.

    fn visit_class(&mut self, it: &mut Class<'a>) {
        it.id.iter_mut().for_each(|id| self.visit_binding_identifier(id));
    }

    fn visit_function(&mut self, it: &mut Function<'a>, _flags: ScopeFlags) {
        it.id.iter_mut().for_each(|id| self.visit_binding_identifier(id));
    }
}

/// Finds the calls of `super` that belong to one constructor.
struct Calls<'c, 'a> {
    allocator: &'a Allocator,
    ast: &'c AstBuilder<'a>,
    properties: &'c [(Ident<'a>, Span)],
    found: bool,
}

impl<'a> VisitJsMut<'a> for Calls<'_, 'a> {
    fn visit_expression(&mut self, it: &mut Expression<'a>) {
        walk_js_mut::walk_expression(self, it);
        if !it.is_super_call_expression() {
            return;
        }
        self.found = true;
        let ast = self.ast;
        let mut expressions = ArenaVec::with_capacity_in(self.properties.len() + 2, ast);
        expressions.push(it.take_in(&self.allocator));
        for &(name, span) in self.properties {
            let this = Expression::new_this_expression(SPAN, ast);
            let property = IdentifierName::new(span, name, ast);
            let target = SimpleAssignmentTarget::new_static_member_expression(span, this, property, false, ast);
            let value = Expression::new_identifier(span, name, ast);
            expressions.push(Expression::new_assignment_expression(
                span,
                AssignmentOperator::Assign,
                AssignmentTarget::from(target),
                value,
                ast,
            ));
        }
        // The value of `super()` is `this`, and the code around the call may use it.
        expressions.push(Expression::new_this_expression(SPAN, ast));
        *it = Expression::new_sequence_expression(SPAN, expressions, ast);
    }

    // Arrow functions share the constructor's `super`; these do not.

    fn visit_class(&mut self, _it: &mut Class<'a>) {}

    fn visit_function(&mut self, _it: &mut Function<'a>, _flags: ScopeFlags) {}
}
