//! Determines what is known about the value of an expression without running it.

use oxc::ast::ast::{AssignmentExpression, Expression, LogicalOperator};

use super::servers::is_handler;

/// The description of a handler of requests.
pub(super) const HANDLER: &str = "an object with `fetch`";

/// Whether a value can be invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// A function.
    Function,
    /// A generator function, which has no single result.
    Generator,
    /// Certainly not a function; the text says what it is.
    Other(&'static str),
    /// Only known at run time, as with `withRetry(…)`.
    Unknown,
}

/// Determines the kind of an initialiser's value. `resolve` returns the kind of a name's value.
pub(super) fn of_expression(expression: &Expression<'_>, resolve: &dyn Fn(&str) -> ValueKind) -> ValueKind {
    match expression.get_inner_expression() {
        Expression::FunctionExpression(function) if function.generator => ValueKind::Generator,
        Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_) => ValueKind::Function,
        Expression::ClassExpression(_) => ValueKind::Other("a class"),
        Expression::ObjectExpression(_) if is_handler(expression) => ValueKind::Other(HANDLER),
        Expression::ObjectExpression(_) => ValueKind::Other("an object"),
        Expression::ArrayExpression(_) => ValueKind::Other("an array"),
        Expression::NewExpression(new) => match new.callee.get_inner_expression() {
            // What these construct may be callable.
            Expression::Identifier(name) if name.name == "Function" || name.name == "Proxy" => ValueKind::Unknown,
            _ => ValueKind::Other("an object"),
        },
        Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BigIntLiteral(_)
        | Expression::RegExpLiteral(_)
        | Expression::StringLiteral(_)
        | Expression::TemplateLiteral(_)
        | Expression::UnaryExpression(_)
        | Expression::UpdateExpression(_)
        | Expression::BinaryExpression(_)
        | Expression::PrivateInExpression(_)
        | Expression::ThisExpression(_)
        | Expression::ImportMeta(_)
        | Expression::ImportExpression(_)
        | Expression::JSXElement(_)
        | Expression::JSXFragment(_) => ValueKind::Other("a plain value"),
        Expression::Identifier(name) => resolve(&name.name),
        Expression::AssignmentExpression(assignment) => of_assignment(assignment, resolve),
        Expression::SequenceExpression(sequence) => {
            sequence.expressions.last().map_or(ValueKind::Unknown, |last| of_expression(last, resolve))
        }
        Expression::ConditionalExpression(conditional) => {
            either(of_expression(&conditional.consequent, resolve), of_expression(&conditional.alternate, resolve))
        }
        Expression::LogicalExpression(logical) if logical.operator == LogicalOperator::And => {
            // A falsy left side is not a function, so only the right side matters.
            of_expression(&logical.right, resolve)
        }
        Expression::LogicalExpression(logical) => {
            either(of_expression(&logical.left, resolve), of_expression(&logical.right, resolve))
        }
        _ => ValueKind::Unknown,
    }
}

fn of_assignment(assignment: &AssignmentExpression<'_>, resolve: &dyn Fn(&str) -> ValueKind) -> ValueKind {
    if assignment.operator.is_assign() { of_expression(&assignment.right, resolve) } else { ValueKind::Unknown }
}

fn either(one: ValueKind, other: ValueKind) -> ValueKind {
    if one == other { one } else { ValueKind::Unknown }
}
