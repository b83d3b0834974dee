//! Names of members, as values.

use oxc::{
    ast::ast::{Expression, PropertyKey},
    syntax::identifier::is_identifier_name,
};

use super::build::Build;

/// The name of a member or of an anonymous class.
#[derive(Clone, PartialEq)]
pub(super) enum Name {
    /// A name that the source contains.
    Text(String),
    /// A numeric key.
    Number(f64),
    /// A computed key, which this variable holds.
    Variable(String),
}

impl Name {
    pub(super) fn expression<'a>(&self, build: Build<'a>) -> Expression<'a> {
        match self {
            Self::Text(text) => build.string(text),
            Self::Number(number) => build.float(*number),
            Self::Variable(variable) => build.name(variable),
        }
    }

    /// Builds the key of a member with this name.
    pub(super) fn key<'a>(&self, build: Build<'a>) -> PropertyKey<'a> {
        match self {
            Self::Text(text) if is_identifier_name(text) => build.static_key(text),
            _ => self.expression(build).into(),
        }
    }

    /// Builds `{ name: value }`, in which an anonymous function or class gets the name.
    pub(super) fn object<'a>(&self, build: Build<'a>, value: Expression<'a>) -> Expression<'a> {
        // Written as `"__proto__"`, the key would set the prototype. A computed key must be avoided otherwise, because
        // with one V8 overrides a static method `name`.
        let computed = match self {
            Self::Text(text) => text == "__proto__",
            Self::Number(_) => false,
            Self::Variable(_) => true,
        };
        build.object(self.expression(build), computed, value)
    }

    /// Builds `{ name: value }[name]`, which is the value with the name.
    pub(super) fn give<'a>(&self, build: Build<'a>, value: Expression<'a>) -> Expression<'a> {
        build.computed_member(self.object(build, value), self.expression(build))
    }
}

/// Returns the name of a key, if it is known at compile time. A private name begins with `#`.
pub(super) fn literal(key: &PropertyKey<'_>) -> Option<Name> {
    match key {
        PropertyKey::StaticIdentifier(name) => Some(Name::Text(name.name.to_string())),
        PropertyKey::PrivateIdentifier(name) => Some(Name::Text(format!("#{}", name.name))),
        // A text with a lone surrogate has escapes of the parser in its `value`, which are not part of the name.
        PropertyKey::StringLiteral(text) if !text.lone_surrogates => Some(Name::Text(text.value.to_string())),
        PropertyKey::NumericLiteral(number) => Some(Name::Number(number.value)),
        _ => None,
    }
}
