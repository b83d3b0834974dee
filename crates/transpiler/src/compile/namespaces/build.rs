//! Builds the nodes of lowered namespaces and enums.

use oxc::{
    allocator::ArenaBox,
    allocator::ArenaVec,
    ast::{
        ast::{
            Argument, AssignmentOperator, AssignmentTarget, BindingPattern, Declaration, Directive, Expression,
            FormalParameter, FormalParameterKind, FormalParameters, Function, FunctionBody, FunctionType,
            IdentifierName, JSXIdentifier, JSXMemberExpression, JSXMemberExpressionObject, LogicalOperator, NumberBase,
            SimpleAssignmentTarget, Statement, UnaryOperator, VariableDeclarationKind, VariableDeclarator,
        },
        builder::AstBuilder,
    },
    span::{SPAN, Span},
    str::{Ident, Str},
};

/// Builds nodes.
pub(super) struct Build<'a> {
    pub(super) ast: AstBuilder<'a>,
}

impl<'a> Build<'a> {
    fn ident(&self, name: &str) -> Ident<'a> {
        Ident::from_str_in(name, &self.ast)
    }

    /// Builds `name`.
    pub(super) fn name(&self, name: &str) -> Expression<'a> {
        Expression::new_identifier(SPAN, self.ident(name), &self.ast)
    }

    fn property_name(&self, span: Span, name: &str) -> IdentifierName<'a> {
        IdentifierName::new(span, self.ident(name), &self.ast)
    }

    /// Builds `object.name`.
    pub(super) fn property(&self, span: Span, object: Expression<'a>, name: &str) -> Expression<'a> {
        Expression::new_static_member_expression(span, object, self.property_name(span, name), false, &self.ast)
    }

    /// Builds `object.name` as the target of an assignment.
    pub(super) fn target(&self, span: Span, object: &str, name: &str) -> AssignmentTarget<'a> {
        AssignmentTarget::from(self.simple_target(span, object, name))
    }

    /// Builds `object.name` as the target of an assignment or an increment.
    pub(super) fn simple_target(&self, span: Span, object: &str, name: &str) -> SimpleAssignmentTarget<'a> {
        let property = self.property_name(span, name);
        SimpleAssignmentTarget::new_static_member_expression(span, self.name(object), property, false, &self.ast)
    }

    /// Builds `<object.name>`.
    pub(super) fn jsx_name(&self, span: Span, object: &str, name: &str) -> ArenaBox<'a, JSXMemberExpression<'a>> {
        let object = JSXMemberExpressionObject::new_identifier_reference(span, self.ident(object), &self.ast);
        let property = JSXIdentifier::new(span, Str::from_str_in(name, &self.ast), &self.ast);
        JSXMemberExpression::boxed(span, object, property, &self.ast)
    }

    /// Builds `target = value`.
    pub(super) fn assign(&self, span: Span, target: AssignmentTarget<'a>, value: Expression<'a>) -> Expression<'a> {
        Expression::new_assignment_expression(span, AssignmentOperator::Assign, target, value, &self.ast)
    }

    /// Builds `expression;`.
    pub(super) fn statement(&self, span: Span, expression: Expression<'a>) -> Statement<'a> {
        Statement::new_expression_statement(span, expression, &self.ast)
    }

    /// Builds `object.name = name;`.
    pub(super) fn export(&self, object: &str, name: &str) -> Statement<'a> {
        self.statement(SPAN, self.assign(SPAN, self.target(SPAN, object, name), self.name(name)))
    }

    /// Builds `var name = value`, or the same with `let`.
    pub(super) fn variable(
        &self,
        span: Span,
        kind: VariableDeclarationKind,
        name: (&str, Span),
        value: Option<Expression<'a>>,
    ) -> Declaration<'a> {
        let pattern = BindingPattern::new_binding_identifier(name.1, self.ident(name.0), &self.ast);
        let declarator = VariableDeclarator::new(span, pattern, None, value, false, &self.ast);
        let declarators = ArenaVec::from_array_in([declarator], &self.ast);
        Declaration::new_variable_declaration(span, kind, declarators, false, &self.ast)
    }

    /// Builds `(function (parameter) { body })(argument);`.
    pub(super) fn block(
        &self,
        span: Span,
        parameter: &str,
        directives: ArenaVec<'a, Directive<'a>>,
        body: ArenaVec<'a, Statement<'a>>,
        argument: Expression<'a>,
    ) -> Statement<'a> {
        let ast = &self.ast;
        let pattern = BindingPattern::new_binding_identifier(SPAN, self.ident(parameter), ast);
        let items = ArenaVec::from_array_in([FormalParameter::new_plain(SPAN, pattern, ast)], ast);
        let parameters = FormalParameters::boxed(SPAN, FormalParameterKind::FormalParameter, items, None, ast);
        let body = FunctionBody::boxed(SPAN, directives, body, ast);
        let function = Expression::FunctionExpression(Function::boxed(
            span,
            FunctionType::FunctionExpression,
            None,
            false,
            false,
            false,
            None,
            None,
            parameters,
            None,
            Some(body),
            ast,
        ));
        let arguments = ArenaVec::from_array_in([Argument::from(argument)], ast);
        self.statement(span, Expression::new_call_expression(span, function, None, arguments, false, ast))
    }

    /// Builds the argument of the call of a block: `name || (name = {})`, and in a namespace that exports it
    /// `name = home.name || (home.name = {})`.
    pub(super) fn object(&self, name: &str, home: Option<&str>) -> Expression<'a> {
        let ast = &self.ast;
        let plain = || AssignmentTarget::new_assignment_target_identifier(SPAN, self.ident(name), ast);
        let (read, write) = match home {
            Some(home) => (self.property(SPAN, self.name(home), name), self.target(SPAN, home, name)),
            None => (self.name(name), plain()),
        };
        let empty = Expression::new_object_expression(SPAN, ArenaVec::new_in(ast), ast);
        let created = self.assign(SPAN, write, empty);
        let object = Expression::new_logical_expression(SPAN, read, LogicalOperator::Or, created, ast);
        if home.is_some() { self.assign(SPAN, plain(), object) } else { object }
    }

    /// Builds a numeric literal or an equivalent expression.
    pub(super) fn number(&self, value: f64) -> Expression<'a> {
        let ast = &self.ast;
        if value.is_nan() {
            return self.name("NaN");
        }
        let positive = if value.is_infinite() {
            self.name("Infinity")
        } else {
            Expression::new_numeric_literal(SPAN, value.abs(), None, NumberBase::Decimal, ast)
        };
        // -0 is no exception in `tsc` either: it writes 0.
        if value < 0.0 {
            Expression::new_unary_expression(SPAN, UnaryOperator::UnaryNegation, positive, ast)
        } else {
            positive
        }
    }

    /// Builds a string literal.
    pub(super) fn text(&self, value: &str) -> Expression<'a> {
        Expression::new_string_literal(SPAN, Str::from_str_in(value, &self.ast), None, &self.ast)
    }

    /// Builds `object[key] = value`.
    pub(super) fn assign_key(
        &self,
        span: Span,
        object: &str,
        key: Expression<'a>,
        value: Expression<'a>,
    ) -> Expression<'a> {
        let target =
            SimpleAssignmentTarget::new_computed_member_expression(span, self.name(object), key, false, &self.ast);
        self.assign(span, AssignmentTarget::from(target), value)
    }

    /// Builds `void 0`.
    pub(super) fn nothing(&self) -> Expression<'a> {
        Expression::new_unary_expression(SPAN, UnaryOperator::Void, self.number(0.0), &self.ast)
    }
}
