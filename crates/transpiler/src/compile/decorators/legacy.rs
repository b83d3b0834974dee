//! Lowers TypeScript's `experimentalDecorators` like `tsc` does for ES2022: calls after the class, first for the
//! members of the instance, then for the static ones, then for the class.

use oxc::{
    allocator::{ArenaBox, ArenaVec, TakeIn},
    ast::ast::{Class, ClassElement, Decorator, Expression, Function, MethodDefinitionKind, PropertyKey, Statement},
    span::{GetSpan, Span},
};

use super::{
    build::{Build, at},
    inspect::{is_constructor, uses_private_names},
    lowering::{Alias, Lowering},
    members::Members,
    names::{self, Name},
};

/// The decorators of one member; they have been visited.
struct Decoration<'a> {
    /// The index of the member.
    element: usize,
    is_static: bool,
    /// Whether the member is a field, which has no descriptor.
    is_field: bool,
    list: Vec<Expression<'a>>,
    span: Span,
}

/// A class that has been lowered.
struct Lowered<'a> {
    /// The decorators of its members, with the members' names.
    members: Vec<(Decoration<'a>, Name)>,
    /// The decorators of the class itself.
    class: Vec<Expression<'a>>,
    /// The variable that stands for the class in its body.
    alias: Option<String>,
    span: Span,
}

impl<'a> Lowering<'a, '_> {
    /// Lowers a class declaration in place.
    pub(super) fn legacy_declaration(&mut self, class: &mut Class<'a>) {
        // A decorated default export without a name is an expression by now.
        let Some(id) = &class.id else {
            return;
        };
        let name = id.name.to_string();
        let lowered = self.legacy_class(class, None);
        let calls = self.legacy_calls(&name, lowered);
        let build = self.build;
        let statements: Vec<Statement<'a>> = calls.into_iter().map(|call| build.statement(call)).collect();
        self.beside().after.extend(statements);
    }

    /// Lowers a class expression. If the class is anonymous, it gets its name from `name`.
    pub(super) fn legacy_expression(
        &mut self,
        mut class: ArenaBox<'a, Class<'a>>,
        name: Option<Name>,
    ) -> Expression<'a> {
        let build = self.build;
        let variable = self.temporary();
        let name = name.filter(|_| class.id.is_none());
        let lowered = self.legacy_class(&mut class, Some(&variable));
        class.r#abstract = false;
        let value = Expression::ClassExpression(class);
        let value = match name {
            Some(name) => name.give(build, value),
            None => value,
        };
        let mut expressions = vec![build.assign(&variable, value)];
        expressions.extend(self.legacy_calls(&variable, lowered));
        expressions.push(build.name(&variable));
        build.sequence(expressions)
    }

    fn legacy_class(&mut self, class: &mut Class<'a>, variable: Option<&str>) -> Lowered<'a> {
        let build = self.build;
        let span = class.decorators.first().map_or(class.span, GetSpan::span);
        // Decorators run outside of the class, so they are visited before the contents of the class.
        let mut own = self.legacy_list(class.decorators.take_in(build.ast));
        let decorations = self.legacy_members(class, &mut own);
        // Only decorators of the class itself can replace it.
        let alias = class.id.as_ref().and_then(|id| id.symbol_id.get()).filter(|_| !own.is_empty());
        let mut used = None;
        if let Some(symbol) = alias {
            let variable = variable.map_or_else(|| self.fresh(), ToOwned::to_owned);
            self.aliases.push(Alias { symbol, variable, is_property: false, is_used: false });
        }
        self.class_parts(class, None);
        if alias.is_some() {
            used = self.aliases.pop().filter(|alias| alias.is_used).map(|alias| alias.variable);
        }
        // A class expression has declared its variable already.
        if let (Some(used), None) = (&used, variable) {
            self.declare(used.clone());
        }
        let mut members = Vec::new();
        for mut decoration in decorations {
            let Some(key) = class.body.body.get_mut(decoration.element).and_then(key_of) else {
                continue;
            };
            // A computed key is evaluated once, in the class; the calls after the class use its variable.
            let name = self.name_of_key(key);
            decoration.list = self.inside(class, decoration.list);
            members.push((decoration, name));
        }
        own = self.inside(class, own);
        Members::lower(self, class, None, false, span);
        if let Some(used) = &used {
            // Before the static initialisers, which may name the class.
            let kept = build.static_block([build.statement(build.assign(used, build.this()))]);
            class.body.body.insert(0, kept);
        }
        Lowered { members, class: own, alias: used, span }
    }

    /// Builds the calls that apply the decorators of a class. The variable `class` holds the class.
    fn legacy_calls(&mut self, class: &str, lowered: Lowered<'a>) -> Vec<Expression<'a>> {
        let build = self.build;
        let mut calls = Vec::new();
        let (statics, instance): (Vec<_>, Vec<_>) = lowered.members.into_iter().partition(|(it, _)| it.is_static);
        let decorate = self.helper("decorate");
        for (decoration, name) in instance.into_iter().chain(statics) {
            let target = build.name(class);
            let target = if decoration.is_static { target } else { build.member(target, "prototype") };
            // `tsc` passes the same: for `null` the helper reads the descriptor, and a field has none.
            let descriptor = if decoration.is_field { build.undefined() } else { build.null() };
            let arguments = vec![build.array(decoration.list), target, name.expression(build), descriptor];
            calls.push(at(decoration.span, build.call(build.name(&decorate), arguments)));
        }
        if !lowered.class.is_empty() {
            let arguments = vec![build.array(lowered.class), build.name(class)];
            let mut value = at(lowered.span, build.call(build.name(&decorate), arguments));
            // In a class expression both are the same variable.
            if let Some(alias) = lowered.alias.filter(|alias| alias != class) {
                value = build.assign(&alias, value);
            }
            calls.push(build.assign(class, value));
        }
        calls
    }

    /// Moves the evaluation of decorators that use a private name of the class into a static block. They are still
    /// called outside.
    fn inside(&mut self, class: &mut Class<'a>, list: Vec<Expression<'a>>) -> Vec<Expression<'a>> {
        let build = self.build;
        let mut outside = Vec::new();
        for decorator in list {
            if uses_private_names(&decorator) {
                let variable = self.temporary();
                let kept = build.assign(&variable, build.arrow(&[], decorator));
                class.body.body.push(build.static_block([build.statement(kept)]));
                outside.push(build.call(build.name(&variable), Vec::new()));
            } else {
                outside.push(decorator);
            }
        }
        outside
    }

    fn legacy_list(&mut self, mut decorators: ArenaVec<'a, Decorator<'a>>) -> Vec<Expression<'a>> {
        self.decorators(&mut decorators);
        decorators.into_iter().map(|decorator| decorator.expression).collect()
    }

    /// Removes the decorators from the members. Those of a constructor's parameters become decorators of the class.
    fn legacy_members(&mut self, class: &mut Class<'a>, own: &mut Vec<Expression<'a>>) -> Vec<Decoration<'a>> {
        let mut taken: Vec<Taken<'a>> =
            class.body.body.iter_mut().map(|element| Taken::off(self.build, element)).collect();
        let mut decorations = Vec::new();
        for index in 0..taken.len() {
            let element = &class.body.body[index];
            // The decorators of an accessor's parameter belong to the getter and the setter together.
            let parameters = accessors_with(&class.body.body, index).find_map(|other| {
                let parameters = std::mem::take(&mut taken[other].parameters);
                (!parameters.is_empty()).then_some(parameters)
            });
            let decorators = std::mem::replace(&mut taken[index].own, self.build.vec([]));
            let span = decorators.first().map_or(element.span(), GetSpan::span);
            let is_accessor = is_accessor(element);
            if is_accessor {
                let is_second =
                    accessors_with(&class.body.body, index).any(|other| other < index && taken[other].is_decorated);
                if decorators.is_empty() || is_second {
                    // Put back for the accessor that has decorators. If neither has any, they have no effect, as with
                    // `tsc`.
                    if let (Some(parameters), false) = (parameters, is_second) {
                        taken[index].parameters = parameters;
                    }
                    continue;
                }
            }
            let mut list = self.legacy_list(decorators);
            // The last ones in the list are called first: `tsc` calls the parameters' decorators before the member's.
            for (position, decorators) in parameters.into_iter().flatten() {
                list.extend(self.legacy_parameter(position, decorators));
            }
            if is_constructor(element) {
                own.extend(list);
            } else if !list.is_empty() {
                let is_field = matches!(element, ClassElement::PropertyDefinition(_));
                decorations.push(Decoration { element: index, is_static: element.r#static(), is_field, list, span });
            }
        }
        decorations
    }

    fn legacy_parameter(&mut self, position: usize, decorators: ArenaVec<'a, Decorator<'a>>) -> Vec<Expression<'a>> {
        let build = self.build;
        let param = self.helper("decorateParam");
        let call = |decorator| build.call(build.name(&param), vec![build.number(position), decorator]);
        self.legacy_list(decorators).into_iter().map(call).collect()
    }
}

/// The decorators that were removed from a member.
struct Taken<'a> {
    own: ArenaVec<'a, Decorator<'a>>,
    /// Whether the member had any decorators of its own.
    is_decorated: bool,
    /// The decorators of its parameters, with the indexes of the parameters.
    parameters: Vec<(usize, ArenaVec<'a, Decorator<'a>>)>,
}

impl<'a> Taken<'a> {
    fn off(build: Build<'a>, element: &mut ClassElement<'a>) -> Self {
        let (own, parameters) = match element {
            ClassElement::MethodDefinition(it) => (it.decorators.take_in(build.ast), parameters(build, &mut it.value)),
            ClassElement::PropertyDefinition(it) => (it.decorators.take_in(build.ast), Vec::new()),
            ClassElement::AccessorProperty(it) => (it.decorators.take_in(build.ast), Vec::new()),
            ClassElement::StaticBlock(_) | ClassElement::TSIndexSignature(_) => (build.vec([]), Vec::new()),
        };
        Self { is_decorated: !own.is_empty(), own, parameters }
    }
}

/// Removes the decorators from the parameters of a function. Those of an overload have no effect and are dropped.
fn parameters<'a>(build: Build<'a>, function: &mut Function<'a>) -> Vec<(usize, ArenaVec<'a, Decorator<'a>>)> {
    let params = &mut *function.params;
    let rest = params.rest.iter_mut().map(|rest| &mut rest.decorators);
    let items = params.items.iter_mut().map(|item| &mut item.decorators);
    let taken = items.chain(rest).map(|decorators| decorators.take_in(build.ast)).enumerate();
    let taken: Vec<_> = taken.filter(|(_, decorators)| !decorators.is_empty()).collect();
    if function.body.is_some() { taken } else { Vec::new() }
}

fn is_accessor(element: &ClassElement<'_>) -> bool {
    matches!(element, ClassElement::MethodDefinition(it)
        if matches!(it.kind, MethodDefinitionKind::Get | MethodDefinitionKind::Set))
}

/// Returns the indexes of all getters and setters of the same property as the accessor at `index`, which is included.
/// For any other member, returns only its own index.
fn accessors_with<'e>(elements: &'e [ClassElement<'_>], index: usize) -> impl Iterator<Item = usize> + 'e {
    let name = |element: &ClassElement<'_>| element.property_key().and_then(names::literal);
    let own = name(&elements[index]).filter(|_| is_accessor(&elements[index]));
    (0..elements.len()).filter(move |&other| {
        other == index
            || own.is_some()
                && is_accessor(&elements[other])
                && elements[other].r#static() == elements[index].r#static()
                && name(&elements[other]) == own
    })
}

fn key_of<'e, 'a>(element: &'e mut ClassElement<'a>) -> Option<&'e mut PropertyKey<'a>> {
    match element {
        ClassElement::MethodDefinition(it) => Some(&mut it.key),
        ClassElement::PropertyDefinition(it) => Some(&mut it.key),
        ClassElement::AccessorProperty(it) => Some(&mut it.key),
        ClassElement::StaticBlock(_) | ClassElement::TSIndexSignature(_) => None,
    }
}
