//! Computes the members of enums whose values are constant, like TypeScript does.

use std::{cell::Cell, collections::HashMap};

use oxc::{
    ast::ast::{BinaryOperator, Expression, Program, TSEnumBody, UnaryOperator, VariableDeclaration},
    ast_visit::{VisitJs, walk_js},
    semantic::SymbolId,
    syntax::scope::{ScopeFlags, ScopeId},
};

use super::{
    collect::name_of_member,
    spaces::{Found, SpaceId, Spaces, Thing, Value},
};

/// The value of a member or a constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Number(f64),
    Text(String),
    /// A text whose value is only known at run time.
    SomeText,
}

/// Maximum length of all computed texts together, in bytes: a few short ones could otherwise grow without limit.
const MAX_TEXT: usize = 4 << 20;

/// The known values.
#[derive(Default)]
pub(super) struct Constants {
    members: HashMap<SpaceId, HashMap<String, Constant>>,
    variables: HashMap<SymbolId, Constant>,
}

impl Constants {
    /// Evaluates the enums in source order.
    pub(super) fn evaluate<'a>(program: &Program<'a>, spaces: &Spaces<'_, 'a>) -> Self {
        let room = Cell::new(MAX_TEXT);
        let mut evaluator = Evaluator { spaces, scopes: Vec::new(), constants: Self::default(), room };
        evaluator.visit_program(program);
        evaluator.constants
    }

    /// Returns the value of a member.
    pub(super) fn of_member(&self, space: SpaceId, name: &str) -> Option<&Constant> {
        self.members.get(&space)?.get(name)
    }
}

struct Evaluator<'c, 's, 'a> {
    spaces: &'c Spaces<'s, 'a>,
    scopes: Vec<ScopeId>,
    constants: Constants,
    /// How many more bytes of text may be computed.
    room: Cell<usize>,
}

impl<'a> VisitJs<'a> for Evaluator<'_, '_, 'a> {
    fn enter_scope(&mut self, _flags: ScopeFlags, scope_id: &Cell<Option<ScopeId>>) {
        self.scopes.extend(scope_id.get());
    }

    fn leave_scope(&mut self) {
        self.scopes.pop();
    }

    fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
        if it.kind.is_const() {
            // `tsc` does not evaluate a constant that has a type.
            for declarator in it.declarations.iter().filter(|declarator| declarator.type_annotation.is_none()) {
                let name = declarator.id.get_binding_identifier().and_then(|name| name.symbol_id.get());
                if let (Some(symbol), Some(value)) = (name, &declarator.init)
                    && let Some(constant) = self.of(value)
                {
                    self.constants.variables.insert(symbol, constant);
                }
            }
        }
        walk_js::walk_variable_declaration(self, it);
    }

    fn visit_ts_enum_body(&mut self, it: &TSEnumBody<'a>) {
        let Some(space) = it.scope_id.get().and_then(|scope| self.spaces.blocks.get(&scope)).map(|block| block.space)
        else {
            return;
        };
        // The walk below enters the scope too late for the initialisers.
        self.scopes.extend(it.scope_id.get());
        let mut previous = Some(-1.0);
        for member in &it.members {
            let value = match &member.initializer {
                Some(value) => self.of(value),
                None => previous.map(|previous| Constant::Number(previous + 1.0)),
            };
            previous = match value {
                Some(Constant::Number(number)) => Some(number),
                _ => None,
            };
            if let (Some(name), Some(value)) = (name_of_member(&member.id), value) {
                self.constants.members.entry(space).or_default().insert(name.to_owned(), value);
            }
        }
        self.scopes.pop();
        walk_js::walk_ts_enum_body(self, it);
    }
}

impl<'a> Evaluator<'_, '_, 'a> {
    /// Evaluates an expression.
    fn of(&self, expression: &Expression<'a>) -> Option<Constant> {
        let constant = self.compute(expression)?;
        if let Constant::Text(text) = &constant {
            let Some(room) = self.room.get().checked_sub(text.len()) else {
                return Some(Constant::SomeText);
            };
            self.room.set(room);
        }
        Some(constant)
    }

    fn compute(&self, expression: &Expression<'a>) -> Option<Constant> {
        match expression {
            Expression::ParenthesizedExpression(inner) => self.of(&inner.expression),
            Expression::NumericLiteral(number) => Some(Constant::Number(number.value)),
            // A Rust string cannot hold these, so the initialiser is written as it is.
            Expression::StringLiteral(text) if text.lone_surrogates => Some(Constant::SomeText),
            Expression::StringLiteral(text) => Some(Constant::Text(text.value.to_string())),
            Expression::TemplateLiteral(template) => {
                let mut whole = String::new();
                for (index, quasi) in template.quasis.iter().enumerate() {
                    let Some(cooked) = quasi.value.cooked.filter(|_| !quasi.lone_surrogates) else {
                        return Some(Constant::SomeText);
                    };
                    whole.push_str(&cooked);
                    if let Some(inner) = template.expressions.get(index) {
                        // The value is unknown, but it is a text: such a member has no way back to its name.
                        let Some(text) = self.of(inner).as_ref().and_then(text) else {
                            return Some(Constant::SomeText);
                        };
                        whole.push_str(&text);
                    }
                }
                Some(Constant::Text(whole))
            }
            Expression::UnaryExpression(unary) => {
                let Some(Constant::Number(operand)) = self.of(&unary.argument) else {
                    return None;
                };
                match unary.operator {
                    UnaryOperator::UnaryPlus => Some(Constant::Number(operand)),
                    UnaryOperator::UnaryNegation => Some(Constant::Number(-operand)),
                    UnaryOperator::BitwiseNot => Some(Constant::Number(f64::from(!to_int32(operand)))),
                    _ => None,
                }
            }
            Expression::BinaryExpression(binary) => {
                let left = self.of(&binary.left);
                let right = self.of(&binary.right);
                match (left, right) {
                    (Some(Constant::Number(left)), Some(Constant::Number(right))) => {
                        arithmetic(binary.operator, left, right).map(Constant::Number)
                    }
                    (left, right) if binary.operator == BinaryOperator::Addition => {
                        concatenation(left.as_ref(), right.as_ref())
                    }
                    _ => None,
                }
            }
            Expression::Identifier(name) => {
                let scope = *self.scopes.last()?;
                match self.spaces.find(scope, &name.name) {
                    Found::Binding(symbol) => self.constants.variables.get(&symbol).cloned(),
                    Found::Property(scope) => self.of_property(self.spaces.blocks[&scope].space, &name.name),
                    Found::Nowhere => match name.name.as_str() {
                        "Infinity" => Some(Constant::Number(f64::INFINITY)),
                        "NaN" => Some(Constant::Number(f64::NAN)),
                        _ => None,
                    },
                }
            }
            Expression::StaticMemberExpression(member) => {
                self.of_property(self.space_of(&member.object)?, &member.property.name)
            }
            Expression::ComputedMemberExpression(member) => match &member.expression {
                Expression::StringLiteral(name) => self.of_property(self.space_of(&member.object)?, &name.value),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the namespace or enum that a dotted path refers to.
    fn space_of(&self, expression: &Expression<'a>) -> Option<SpaceId> {
        let mut path = Vec::new();
        let mut expression = expression;
        loop {
            match expression {
                Expression::StaticMemberExpression(member) => {
                    path.push(member.property.name.as_str());
                    expression = &member.object;
                }
                Expression::Identifier(name) => {
                    path.push(name.name.as_str());
                    break;
                }
                _ => return None,
            }
        }
        path.reverse();
        match self.spaces.of_path(*self.scopes.last()?, &path) {
            Thing::Space(space) => Some(space),
            Thing::Value(_) | Thing::Type => None,
        }
    }

    fn of_property(&self, space: SpaceId, name: &str) -> Option<Constant> {
        match self.spaces.space(space).exports.get(name) {
            Some(Thing::Value(Value { symbol: Some(symbol), .. })) => self.constants.variables.get(symbol).cloned(),
            _ => self.constants.of_member(space, name).cloned(),
        }
    }
}

/// Evaluates `left + right`, if one of them is text.
fn concatenation(left: Option<&Constant>, right: Option<&Constant>) -> Option<Constant> {
    let is_text = |side: Option<&Constant>| matches!(side, Some(Constant::Text(_) | Constant::SomeText));
    if !is_text(left) && !is_text(right) {
        return None;
    }
    match (left.and_then(text), right.and_then(text)) {
        (Some(left), Some(right)) => Some(Constant::Text(left + &right)),
        _ => Some(Constant::SomeText),
    }
}

/// Converts a value to text, if the result is certainly the same as in JavaScript.
fn text(constant: &Constant) -> Option<String> {
    match constant {
        Constant::Text(text) => Some(text.clone()),
        // Below this limit both languages write all digits and no exponent. `+ 0.0` turns -0 into 0.
        Constant::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Some(format!("{:.0}", number + 0.0))
        }
        Constant::Number(_) | Constant::SomeText => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder fits")]
fn to_int32(number: f64) -> i32 {
    if !number.is_finite() {
        return 0;
    }
    let remainder = number.trunc().rem_euclid(4_294_967_296.0);
    // The second cast keeps the low 32 bits, which is ToInt32 of ECMAScript.
    (remainder as i64) as i32
}

fn to_uint32(number: f64) -> u32 {
    to_int32(number).cast_unsigned()
}

fn arithmetic(operator: BinaryOperator, left: f64, right: f64) -> Option<f64> {
    Some(match operator {
        BinaryOperator::Addition => left + right,
        BinaryOperator::Subtraction => left - right,
        BinaryOperator::Multiplication => left * right,
        BinaryOperator::Division => left / right,
        BinaryOperator::Remainder => left % right,
        // In JavaScript these powers are `NaN`; in Rust they are 1.
        BinaryOperator::Exponential if right.is_nan() || (right.is_infinite() && [1.0, -1.0].contains(&left)) => {
            f64::NAN
        }
        BinaryOperator::Exponential => left.powf(right),
        BinaryOperator::BitwiseOR => f64::from(to_int32(left) | to_int32(right)),
        BinaryOperator::BitwiseAnd => f64::from(to_int32(left) & to_int32(right)),
        BinaryOperator::BitwiseXOR => f64::from(to_int32(left) ^ to_int32(right)),
        // ECMAScript shifts by the low five bits of the right side, and so do wrapping shifts.
        BinaryOperator::ShiftLeft => f64::from(to_int32(left).wrapping_shl(to_uint32(right))),
        BinaryOperator::ShiftRight => f64::from(to_int32(left).wrapping_shr(to_uint32(right))),
        BinaryOperator::ShiftRightZeroFill => f64::from(to_uint32(left).wrapping_shr(to_uint32(right))),
        _ => return None,
    })
}
