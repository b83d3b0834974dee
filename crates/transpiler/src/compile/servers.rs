//! Recognises modules that are written for another server: `export default { fetch }`, `Deno.serve(…)`, `Bun.serve(…)`.

use oxc::{
    ast::ast::{Declaration, Expression, ObjectPropertyKind, Program, Statement},
    semantic::Scoping,
    span::{GetSpan, Span},
};

use crate::{DiagnosticKind, diagnostic::Reporter};

/// The help text for modules with a handler of requests.
pub(super) const INSTEAD: &str = "The platform is the server: a caller names a function and gives it a payload. \
    Export the function itself: `export async function main(payload) { … }`.";

/// Returns whether an object is a handler of requests in the form of Cloudflare Workers, Deno and Bun.
pub(super) fn is_handler(expression: &Expression<'_>) -> bool {
    let Expression::ObjectExpression(object) = expression.get_inner_expression() else {
        return false;
    };
    object.properties.iter().any(|property| match property {
        ObjectPropertyKind::ObjectProperty(property) => property.key.is_specific_static_name("fetch"),
        ObjectPropertyKind::SpreadProperty(_) => false,
    })
}

/// Reports `Deno.serve(…)` and `Bun.serve(…)` at places that every load of the module executes.
pub(super) fn check(program: &Program<'_>, scoping: &Scoping, reporter: &mut Reporter<'_>) {
    for statement in &program.body {
        // A bundle may declare or import a `Deno` of its own.
        if let Some((name, span)) = started_by(statement).and_then(server)
            && scoping.root_unresolved_references().contains_key(name)
        {
            let message = format!("There is no `{name}`: workers run on Node.js.");
            reporter.add(DiagnosticKind::UnsupportedSyntax, span, message, Some(INSTEAD.to_owned()));
        }
    }
}

/// Returns the expression that a statement evaluates first.
fn started_by<'e, 'a>(statement: &'e Statement<'a>) -> Option<&'e Expression<'a>> {
    match statement {
        Statement::ExpressionStatement(statement) => Some(&statement.expression),
        Statement::VariableDeclaration(variables) => variables.declarations.first()?.init.as_ref(),
        Statement::ExportDeclaration(export) => match &export.declaration {
            Declaration::VariableDeclaration(variables) => variables.declarations.first()?.init.as_ref(),
            _ => None,
        },
        Statement::ExportDefaultDeclaration(export) => export.declaration.as_expression(),
        _ => None,
    }
}

/// Returns the name of the server that an expression starts, and the position of the name.
fn server(expression: &Expression<'_>) -> Option<(&'static str, Span)> {
    match expression.get_inner_expression() {
        Expression::AwaitExpression(awaited) => server(&awaited.argument),
        Expression::CallExpression(call) => match call.callee.get_inner_expression() {
            Expression::StaticMemberExpression(member) if member.property.name == "serve" => {
                let name = ["Deno", "Bun"].into_iter().find(|name| member.object.is_specific_id(name))?;
                Some((name, member.object.span()))
            }
            _ => None,
        },
        _ => None,
    }
}
