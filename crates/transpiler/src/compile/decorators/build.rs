//! Builds nodes of the syntax tree. The nodes have no position in the source, so stack traces never name them.

use oxc::{
    allocator::{Allocator, ArenaBox, ArenaVec},
    ast::{
        ast::{
            Argument, ArrowFunctionBody, AssignmentTarget, BindingIdentifier, BindingPattern, ClassElement,
            Declaration, Expression, FormalParameter, FormalParameterKind, FormalParameters, Function, FunctionBody,
            FunctionType, IdentifierName, ImportDeclarationSpecifier, ImportOrExportKind, MethodDefinitionKind,
            MethodDefinitionType, NumberBase, ObjectPropertyKind, PrivateIdentifier, PropertyDefinitionType,
            PropertyKey, PropertyKind, Statement, StringLiteral, UnaryOperator, VariableDeclarationKind,
            VariableDeclarator,
        },
        builder::AstBuilder,
    },
    span::{SPAN, Span},
    str::Str,
    syntax::operator::AssignmentOperator,
};

/// Builds nodes of the syntax tree.
#[derive(Clone, Copy)]
pub(super) struct Build<'a> {
    pub(super) ast: &'a AstBuilder<'a>,
}

impl<'a> Build<'a> {
    pub(super) fn new(allocator: &'a Allocator) -> Self {
        Self { ast: allocator.alloc(AstBuilder::new(allocator)) }
    }

    /// Copies a text into the arena of the tree.
    pub(super) fn text(self, text: &str) -> &'a str {
        Str::from_str_in(text, self.ast).as_str()
    }

    pub(super) fn vec<T>(self, items: impl IntoIterator<Item = T>) -> ArenaVec<'a, T> {
        ArenaVec::from_iter_in(items, self.ast)
    }

    pub(super) fn name(self, name: &str) -> Expression<'a> {
        Expression::new_identifier(SPAN, self.text(name), self.ast)
    }

    pub(super) fn this(self) -> Expression<'a> {
        Expression::new_this_expression(SPAN, self.ast)
    }

    pub(super) fn string(self, text: &str) -> Expression<'a> {
        Expression::new_string_literal(SPAN, self.text(text), None, self.ast)
    }

    pub(super) fn number(self, number: usize) -> Expression<'a> {
        // An `f64` holds every `u32`, but not every `usize`; a bundle has fewer members and parameters.
        self.float(u32::try_from(number).map_or(f64::NAN, f64::from))
    }

    pub(super) fn float(self, number: f64) -> Expression<'a> {
        Expression::new_numeric_literal(SPAN, number, None, NumberBase::Decimal, self.ast)
    }

    pub(super) fn null(self) -> Expression<'a> {
        Expression::new_null_literal(SPAN, self.ast)
    }

    pub(super) fn undefined(self) -> Expression<'a> {
        Expression::new_unary_expression(SPAN, UnaryOperator::Void, self.float(0.0), self.ast)
    }

    pub(super) fn array(self, items: Vec<Expression<'a>>) -> Expression<'a> {
        Expression::new_array_expression(SPAN, self.vec(items.into_iter().map(Into::into)), self.ast)
    }

    /// Builds `object.property`.
    pub(super) fn member(self, object: Expression<'a>, property: &str) -> Expression<'a> {
        let property = IdentifierName::new(SPAN, self.text(property), self.ast);
        Expression::new_static_member_expression(SPAN, object, property, false, self.ast)
    }

    /// Builds `object.#name`. `name` comes without its `#`.
    pub(super) fn private_member(self, object: Expression<'a>, name: &str) -> Expression<'a> {
        Expression::new_private_field_expression(SPAN, object, self.private(name), false, self.ast)
    }

    /// Builds `#name in object`.
    pub(super) fn private_in(self, name: &str, object: Expression<'a>) -> Expression<'a> {
        Expression::new_private_in_expression(SPAN, self.private(name), object, self.ast)
    }

    pub(super) fn private(self, name: &str) -> PrivateIdentifier<'a> {
        PrivateIdentifier::new(SPAN, self.text(name), self.ast)
    }

    pub(super) fn private_key(self, name: &str) -> PropertyKey<'a> {
        PropertyKey::new_private_identifier(SPAN, self.text(name), self.ast)
    }

    pub(super) fn static_key(self, name: &str) -> PropertyKey<'a> {
        PropertyKey::new_static_identifier(SPAN, self.text(name), self.ast)
    }

    pub(super) fn call(self, callee: Expression<'a>, arguments: Vec<Expression<'a>>) -> Expression<'a> {
        let arguments: ArenaVec<'a, Argument<'a>> = self.vec(arguments.into_iter().map(Into::into));
        Expression::new_call_expression(SPAN, callee, None, arguments, false, self.ast)
    }

    /// Builds `object.method(…)`, where `object` is a variable.
    pub(super) fn call_on(self, object: &str, method: &str, arguments: Vec<Expression<'a>>) -> Expression<'a> {
        self.call(self.member(self.name(object), method), arguments)
    }

    /// Builds `name = value`.
    pub(super) fn assign(self, name: &str, value: Expression<'a>) -> Expression<'a> {
        let target = AssignmentTarget::new_assignment_target_identifier(SPAN, self.text(name), self.ast);
        Expression::new_assignment_expression(SPAN, AssignmentOperator::Assign, target, value, self.ast)
    }

    /// Builds `object.#name = value`.
    pub(super) fn assign_private(self, object: Expression<'a>, name: &str, value: Expression<'a>) -> Expression<'a> {
        let field = self.private(name);
        let target = AssignmentTarget::new_private_field_expression(SPAN, object, field, false, self.ast);
        Expression::new_assignment_expression(SPAN, AssignmentOperator::Assign, target, value, self.ast)
    }

    /// Builds `(a, b, c)`, or the expression itself if there is only one.
    pub(super) fn sequence(self, mut expressions: Vec<Expression<'a>>) -> Expression<'a> {
        match expressions.len() {
            1 => expressions.remove(0),
            _ => Expression::new_sequence_expression(SPAN, self.vec(expressions), self.ast),
        }
    }

    /// Builds `{ key: value }`.
    pub(super) fn object(self, key: Expression<'a>, computed: bool, value: Expression<'a>) -> Expression<'a> {
        let (kind, key) = (PropertyKind::Init, key.into());
        let property =
            ObjectPropertyKind::new_object_property(SPAN, kind, key, value, false, false, computed, self.ast);
        Expression::new_object_expression(SPAN, self.vec([property]), self.ast)
    }

    /// Builds `object[key]`.
    pub(super) fn computed_member(self, object: Expression<'a>, key: Expression<'a>) -> Expression<'a> {
        Expression::new_computed_member_expression(SPAN, object, key, false, self.ast)
    }

    pub(super) fn parameters(self, names: &[&str], kind: FormalParameterKind) -> ArenaBox<'a, FormalParameters<'a>> {
        let items = self.vec(names.iter().map(|name| {
            let pattern = BindingPattern::new_binding_identifier(SPAN, self.text(name), self.ast);
            FormalParameter::new(SPAN, self.vec([]), pattern, None, None, false, None, false, false, self.ast)
        }));
        FormalParameters::boxed(SPAN, kind, items, None, self.ast)
    }

    /// Builds `(…) => value`.
    pub(super) fn arrow(self, parameters: &[&str], value: Expression<'a>) -> Expression<'a> {
        self.arrow_with(parameters, value.into())
    }

    /// Builds `(…) => { … }`.
    pub(super) fn arrow_block(self, parameters: &[&str], statements: Vec<Statement<'a>>) -> Expression<'a> {
        let body = ArrowFunctionBody::new_function_body(SPAN, self.vec([]), self.vec(statements), self.ast);
        self.arrow_with(parameters, body)
    }

    fn arrow_with(self, parameters: &[&str], body: ArrowFunctionBody<'a>) -> Expression<'a> {
        let parameters = self.parameters(parameters, FormalParameterKind::ArrowFormalParameters);
        Expression::new_arrow_function_expression(SPAN, false, None, parameters, None, body, self.ast)
    }

    pub(super) fn statement(self, expression: Expression<'a>) -> Statement<'a> {
        Statement::new_expression_statement(SPAN, expression, self.ast)
    }

    pub(super) fn return_(self, value: Expression<'a>) -> Statement<'a> {
        Statement::new_return_statement(SPAN, Some(value), self.ast)
    }

    /// Builds `let a, b;`.
    pub(super) fn variables(self, names: &[String]) -> Statement<'a> {
        let declarators = self.vec(names.iter().map(|name| {
            let id = BindingPattern::new_binding_identifier(SPAN, self.text(name), self.ast);
            VariableDeclarator::new(SPAN, id, None, None, false, self.ast)
        }));
        Statement::new_variable_declaration(SPAN, VariableDeclarationKind::Let, declarators, false, self.ast)
    }

    /// Builds `const name = value` as a declaration.
    pub(super) fn constant(self, name: &str, value: Expression<'a>) -> Declaration<'a> {
        let id = BindingPattern::new_binding_identifier(SPAN, self.text(name), self.ast);
        let declarator = VariableDeclarator::new(SPAN, id, None, Some(value), false, self.ast);
        let declarators = self.vec([declarator]);
        Declaration::new_variable_declaration(SPAN, VariableDeclarationKind::Const, declarators, false, self.ast)
    }

    /// Builds `static { … }`.
    pub(super) fn static_block(self, statements: impl IntoIterator<Item = Statement<'a>>) -> ClassElement<'a> {
        ClassElement::new_static_block(SPAN, self.vec(statements), self.ast)
    }

    /// Builds a method, getter or setter with these statements.
    pub(super) fn method(
        self,
        kind: MethodDefinitionKind,
        key: PropertyKey<'a>,
        is_static: bool,
        parameters: &[&str],
        statements: ArenaVec<'a, Statement<'a>>,
    ) -> ClassElement<'a> {
        let computed = !matches!(key, PropertyKey::StaticIdentifier(_) | PropertyKey::PrivateIdentifier(_));
        let parameters = self.parameters(parameters, FormalParameterKind::FormalParameter);
        let body = FunctionBody::boxed(SPAN, self.vec([]), statements, self.ast);
        let function = Function::boxed(
            SPAN,
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
            self.ast,
        );
        ClassElement::new_method_definition(
            SPAN,
            MethodDefinitionType::MethodDefinition,
            self.vec([]),
            key,
            function,
            kind,
            computed,
            is_static,
            false,
            false,
            None,
            self.ast,
        )
    }

    /// Builds a private field.
    pub(super) fn private_field(self, name: &str, value: Option<Expression<'a>>, is_static: bool) -> ClassElement<'a> {
        ClassElement::new_property_definition(
            SPAN,
            PropertyDefinitionType::PropertyDefinition,
            self.vec([]),
            self.private_key(name),
            None,
            value,
            false,
            is_static,
            false,
            false,
            false,
            false,
            false,
            None,
            self.ast,
        )
    }

    /// Builds `import name from "module";`.
    pub(super) fn import_default(self, name: &str, module: &str) -> Statement<'a> {
        let local = BindingIdentifier::new(SPAN, self.text(name), self.ast);
        let specifier = ImportDeclarationSpecifier::new_import_default_specifier(SPAN, local, self.ast);
        let source = StringLiteral::new(SPAN, self.text(module), None, self.ast);
        let specifiers = Some(self.vec([specifier]));
        Statement::new_import_declaration(SPAN, specifiers, source, None, None, ImportOrExportKind::Value, self.ast)
    }
}

/// Gives a call the position in the source that stack traces show.
pub(super) fn at(span: Span, mut call: Expression<'_>) -> Expression<'_> {
    if let Expression::CallExpression(call) = &mut call {
        // Node.js reports the position of a call as that of the called name.
        match &mut call.callee {
            Expression::Identifier(name) => name.span = span,
            Expression::StaticMemberExpression(member) => member.property.span = span,
            _ => {}
        }
    }
    call
}
