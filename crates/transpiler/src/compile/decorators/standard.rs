//! Standard decorators, those of the ECMAScript proposal (2023-11), and `accessor`.
//!
//! Code that has to run while a class is being defined is put into the computed keys of its members. There `this`,
//! `await`, `yield`, private names and the name of the class mean the same as in a decorator:
//!
//! ```text
//! @d class C { @d m() {} }
//!
//! let $w_d1;
//! $w_d1 = $w_standard("C", [d]);
//! class C {
//!     static { $w_d1.a(this, false); }                     applies the decorators
//!     [$w_d1.e(0, [d], "m")]() {}                          evaluates those of one member, and gives its key
//!     static { $w_d1.z(); }
//! }
//! C = $w_d1.c;
//! ```
//!
//! A private member cannot have a computed key. While the class is being defined, a private method is therefore defined
//! under a symbol, and an empty method stands in for a private field. `js/helpers/standard.js` lists the calls.

use oxc::{
    allocator::{ArenaBox, ArenaVec, TakeIn},
    ast::ast::{Class, Decorator, Expression},
    span::{GetSpan, Span},
};

use super::{
    build::at,
    inspect,
    lowering::{Alias, Lowering},
    members::{Decorated, Members},
    names::Name,
};

/// A class that has been lowered.
struct Lowered<'a> {
    /// The variable of its helper object, if one is needed.
    variable: Option<String>,
    /// The expression that evaluates the decorators of the class itself.
    begin: Option<Expression<'a>>,
}

impl<'a> Lowering<'a, '_> {
    /// Lowers a class declaration in place.
    pub(super) fn standard_declaration(&mut self, class: &mut Class<'a>) {
        let lowered = self.standard_class(class, None);
        let (Some(begin), Some(variable), Some(id)) = (lowered.begin, lowered.variable, &class.id) else {
            return;
        };
        let build = self.build;
        let replaced = build.assign(&id.name, build.member(build.name(&variable), "c"));
        let beside = self.beside();
        beside.before.push(build.statement(begin));
        beside.after.push(build.statement(replaced));
    }

    /// Lowers a class expression. If the class is anonymous, it gets its name from `name`.
    pub(super) fn standard_expression(
        &mut self,
        mut class: ArenaBox<'a, Class<'a>>,
        name: Option<Name>,
    ) -> Expression<'a> {
        let build = self.build;
        let name = name.filter(|_| class.id.is_none());
        let lowered = self.standard_class(&mut class, name.as_ref());
        class.r#abstract = false;
        let value = Expression::ClassExpression(class);
        match (lowered.begin, lowered.variable) {
            (Some(begin), Some(variable)) => {
                let value = match name {
                    // Only for the name: the helper object has the class that is the result.
                    Some(name) => name.object(build, value),
                    None => value,
                };
                build.sequence(vec![begin, value, build.member(build.name(&variable), "c")])
            }
            _ => match name {
                Some(name) => name.give(build, value),
                None => value,
            },
        }
    }

    fn standard_class(&mut self, class: &mut Class<'a>, name: Option<&Name>) -> Lowered<'a> {
        let build = self.build;
        let members = class.body.body.iter().flat_map(inspect::decorators_of);
        // Stack traces name this place for what runs while the class is defined.
        let span = class.decorators.iter().chain(members).next().map_or(class.span, GetSpan::span);
        let variable = inspect::has_decorators(class).then(|| self.temporary());
        let standard = self.helper("standard");
        // Before the alias is added: these are evaluated when the helper object does not exist yet.
        self.decorators(&mut class.decorators);
        let decorators = class.decorators.take_in(build.ast);
        let mut begin = None;
        if let (Some(variable), false) = (&variable, decorators.is_empty()) {
            let name = match (&class.id, name) {
                (Some(id), _) => build.string(&id.name),
                (None, Some(name)) => name.expression(build),
                (None, None) => build.string(""),
            };
            let list = self.decorator_list(decorators);
            let call = at(span, build.call(build.name(&standard), vec![name, list]));
            begin = Some(build.assign(variable, call));
        }
        // Only decorators of the class itself can replace it.
        let replaced = variable.clone().filter(|_| begin.is_some());
        let alias = class.id.as_ref().and_then(|id| id.symbol_id.get()).zip(replaced.clone());
        let has_alias = alias.is_some();
        self.aliases.extend(alias.map(|(symbol, variable)| Alias {
            symbol,
            variable,
            is_property: true,
            is_used: false,
        }));
        self.class_parts(class, replaced.as_deref().filter(|_| inspect::has_private_statics(class)));
        if has_alias {
            self.aliases.pop();
        }
        Members::lower(self, class, variable.as_deref(), begin.is_some(), span);
        Lowered { variable, begin }
    }

    /// Builds an array of the decorators of one class or member.
    pub(super) fn decorator_list(&mut self, decorators: ArenaVec<'a, Decorator<'a>>) -> Expression<'a> {
        let list = decorators.into_iter().map(|decorator| self.decorator(decorator.expression)).collect();
        self.build.array(list)
    }

    /// Builds a decorator. One that is a property of an object is called as a method of that object.
    fn decorator(&mut self, expression: Expression<'a>) -> Expression<'a> {
        let build = self.build;
        let mut expression = expression.into_inner_expression();
        let object = match &mut expression {
            Expression::StaticMemberExpression(it) => &mut it.object,
            Expression::ComputedMemberExpression(it) => &mut it.object,
            Expression::PrivateFieldExpression(it) => &mut it.object,
            _ => return expression,
        };
        let receiver = match object {
            // `super` is no value that a variable could hold, and what it finds is called on `this`.
            Expression::Super(_) | Expression::ThisExpression(_) => build.this(),
            object => {
                let variable = self.temporary();
                let inner = std::mem::replace(object, build.name(&variable));
                build.assign(&variable, inner)
            }
        };
        let standard = self.helper("standard");
        build.call_on(&standard, "bind", vec![receiver, expression])
    }

    /// Takes the decorators off one member, for [`Members`].
    pub(super) fn decorated(&mut self, decorators: &mut ArenaVec<'a, Decorator<'a>>) -> Option<Decorated<'a>> {
        let span: Span = decorators.first()?.span;
        let list = decorators.take_in(self.build.ast);
        Some(Decorated { list: self.decorator_list(list), span })
    }
}
