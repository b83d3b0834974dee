//! Inspects pieces of the syntax tree.

use oxc::{
    ast::ast::{
        Class, ClassElement, Decorator, Expression, FormalParameter, FormalParameterRest, Function,
        MethodDefinitionKind, MethodDefinitionType, PrivateFieldExpression, PrivateInExpression, Program,
        PropertyDefinitionType, PropertyKey, Statement, Super, ThisExpression,
    },
    ast_visit::{Visit, walk},
    span::Span,
    syntax::scope::ScopeFlags,
};

/// The decorators of a module.
#[derive(Default)]
pub(super) struct Found {
    /// Whether the module has a decorator or an `accessor`.
    pub(super) any: bool,
    /// The decorators of parameters.
    pub(super) parameters: Vec<Span>,
    /// The decorators of private members.
    pub(super) private: Vec<Span>,
}

/// Finds the decorators of a program.
pub(super) fn find(program: &Program<'_>) -> Found {
    let mut found = Found::default();
    // Most programs have neither, and to search the text is cheaper than to walk the tree.
    if program.source_text.contains('@') || program.source_text.contains("accessor") {
        found.visit_program(program);
    }
    found
}

impl<'a> Visit<'a> for Found {
    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.any = true;
        walk::walk_decorator(self, it);
    }

    fn visit_class_element(&mut self, element: &ClassElement<'a>) {
        let is_private = matches!(element.property_key(), Some(PropertyKey::PrivateIdentifier(_)));
        let decorators = decorators_of(element).first().filter(|_| is_private);
        self.private.extend(decorators.map(|decorator| decorator.span));
        self.any |= matches!(element, ClassElement::AccessorProperty(_));
        walk::walk_class_element(self, element);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        self.parameters.extend(it.decorators.iter().map(|decorator| decorator.span));
        walk::walk_formal_parameter(self, it);
    }

    fn visit_formal_parameter_rest(&mut self, it: &FormalParameterRest<'a>) {
        self.parameters.extend(it.decorators.iter().map(|decorator| decorator.span));
        walk::walk_formal_parameter_rest(self, it);
    }
}

/// Returns whether the class itself has anything to lower; classes inside its members do not count.
pub(super) fn is_decorated(class: &Class<'_>) -> bool {
    !class.decorators.is_empty()
        || class.body.body.iter().any(|element| {
            !decorators_of(element).is_empty()
                || match element {
                    ClassElement::AccessorProperty(_) => true,
                    ClassElement::MethodDefinition(it) => has_parameter_decorators(&it.value),
                    _ => false,
                }
        })
}

/// Returns whether a class or one of its members has decorators.
pub(super) fn has_decorators(class: &Class<'_>) -> bool {
    !class.decorators.is_empty()
        || class.body.body.iter().any(|element| exists(element) && !decorators_of(element).is_empty())
}

/// Returns whether a method, getter or setter of the instances has decorators.
pub(super) fn has_instance_methods(class: &Class<'_>) -> bool {
    class.body.body.iter().any(|element| {
        matches!(element, ClassElement::MethodDefinition(it) if !it.r#static && !it.decorators.is_empty())
            || matches!(element, ClassElement::AccessorProperty(it) if !it.r#static && !it.decorators.is_empty())
    })
}

/// Returns whether a class has private static members.
pub(super) fn has_private_statics(class: &Class<'_>) -> bool {
    let private =
        |element: &ClassElement<'_>| matches!(element.property_key(), Some(PropertyKey::PrivateIdentifier(_)));
    class.body.body.iter().any(|element| element.r#static() && private(element))
}

/// Returns the decorators of a member.
pub(super) fn decorators_of<'e, 'a>(element: &'e ClassElement<'a>) -> &'e [Decorator<'a>] {
    match element {
        ClassElement::MethodDefinition(it) => &it.decorators,
        ClassElement::PropertyDefinition(it) => &it.decorators,
        ClassElement::AccessorProperty(it) => &it.decorators,
        ClassElement::StaticBlock(_) | ClassElement::TSIndexSignature(_) => &[],
    }
}

pub(super) fn has_parameter_decorators(function: &Function<'_>) -> bool {
    function.params.items.iter().any(|parameter| !parameter.decorators.is_empty())
        || function.params.rest.as_ref().is_some_and(|rest| !rest.decorators.is_empty())
}

/// Returns whether a member exists at run time.
pub(super) fn exists(element: &ClassElement<'_>) -> bool {
    match element {
        ClassElement::MethodDefinition(it) => {
            it.r#type == MethodDefinitionType::MethodDefinition && it.value.body.is_some()
        }
        ClassElement::PropertyDefinition(it) => it.r#type == PropertyDefinitionType::PropertyDefinition && !it.declare,
        ClassElement::AccessorProperty(it) => !it.r#type.is_abstract(),
        ClassElement::StaticBlock(_) => true,
        ClassElement::TSIndexSignature(_) => false,
    }
}

pub(super) fn is_constructor(element: &ClassElement<'_>) -> bool {
    matches!(element, ClassElement::MethodDefinition(it) if it.kind == MethodDefinitionKind::Constructor)
}

/// Returns whether an expression is a function or class without a name, which gets the name of what it is assigned to.
pub(super) fn is_anonymous(expression: &Expression<'_>) -> bool {
    match expression.get_inner_expression() {
        Expression::ClassExpression(class) => class.id.is_none(),
        Expression::FunctionExpression(function) => function.id.is_none(),
        Expression::ArrowFunctionExpression(_) => true,
        _ => false,
    }
}

/// Returns whether an expression is a class without a name that will be lowered.
pub(super) fn is_anonymous_decorated(expression: &Expression<'_>) -> bool {
    let inner = expression.get_inner_expression();
    matches!(inner, Expression::ClassExpression(class) if class.id.is_none() && is_decorated(class))
}

/// What an initialiser or block uses of the class around it.
#[derive(Default)]
struct Context {
    this: bool,
    private: bool,
}

/// Returns whether an initialiser uses `this` or `super` of its class.
pub(super) fn uses_this(expression: &Expression<'_>) -> bool {
    let mut context = Context::default();
    context.visit_expression(expression);
    context.this
}

/// Returns whether a static block uses `this` or `super` of its class.
pub(super) fn block_uses_this<'a>(statements: &oxc::allocator::ArenaVec<'a, Statement<'a>>) -> bool {
    let mut context = Context::default();
    context.visit_statements(statements);
    context.this
}

/// Returns whether an expression uses private names.
pub(super) fn uses_private_names(expression: &Expression<'_>) -> bool {
    let mut context = Context::default();
    context.visit_expression(expression);
    context.private
}

impl<'a> Visit<'a> for Context {
    fn visit_this_expression(&mut self, _: &ThisExpression) {
        self.this = true;
    }

    fn visit_super(&mut self, _: &Super) {
        self.this = true;
    }

    fn visit_private_field_expression(&mut self, it: &PrivateFieldExpression<'a>) {
        self.private = true;
        walk::walk_private_field_expression(self, it);
    }

    fn visit_private_in_expression(&mut self, it: &PrivateInExpression<'a>) {
        self.private = true;
        walk::walk_private_in_expression(self, it);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        // A function has its own `this`, but shares the private names.
        let this = self.this;
        walk::walk_function(self, it, flags);
        self.this = this;
    }
}
