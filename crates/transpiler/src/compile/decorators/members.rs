//! Rewrites the members of a class: replaces decorators and `accessor` by calls of `js/helpers/standard.js`.

use oxc::{
    allocator::{ArenaBox, TakeIn},
    ast::ast::{
        AccessorProperty, Class, ClassElement, Expression, MethodDefinition, MethodDefinitionKind, PropertyDefinition,
        PropertyKey, StaticBlock,
    },
    span::{SPAN, Span},
};

use super::{
    build::{Build, at},
    inspect::{block_uses_this, exists, has_instance_methods, is_anonymous, is_constructor, uses_this},
    lowering::Lowering,
    names,
};

// `js/helpers/standard.js` has the same numbers, with the kind in the lowest three bits. `access` relies on the order:
// from `SETTER` on, a member can be written.
const GETTER: usize = 1;
const SETTER: usize = 2;
const FIELD: usize = 3;
const ACCESSOR: usize = 4;
const STATIC: usize = 8;
const PRIVATE: usize = 16;
/// Set for a member that the class does not define under its key.
const DETACHED: usize = 32;

/// The decorators of one member.
pub(super) struct Decorated<'a> {
    /// The decorators as an array expression.
    pub(super) list: Expression<'a>,
    pub(super) span: Span,
}

/// The members of one class while they are rewritten.
pub(super) struct Members<'a, 'l, 's> {
    lowering: &'l mut Lowering<'a, 's>,
    build: Build<'a>,
    /// The variable of the class's helper object; `None` if there are no decorators.
    variable: Option<&'l str>,
    /// Whether that variable is assigned at this point of the class.
    has_begun: bool,
    /// Whether a decorator may replace the class.
    is_replaceable: bool,
    /// The variable that holds the class itself, for its static accessors, if there is no helper object.
    class: Option<String>,
    /// How many members the helper object has been given.
    count: usize,
    /// Expressions that run before the next instance field is defined.
    pending: Vec<Expression<'a>>,
    list: Vec<ClassElement<'a>>,
}

impl<'a, 'l, 's> Members<'a, 'l, 's> {
    /// Lowers the members of a class, which have been visited. `span` is the beginning of the class.
    pub(super) fn lower(
        lowering: &'l mut Lowering<'a, 's>,
        class: &mut Class<'a>,
        variable: Option<&'l str>,
        is_replaceable: bool,
        span: Span,
    ) {
        let build = lowering.build;
        let is_derived = class.heritage.is_some();
        let has_methods = has_instance_methods(class);
        let elements = class.body.body.take_in(build.ast);
        let mut members = Self {
            lowering,
            build,
            variable,
            // If the class has decorators, they were passed to the helper before the class began.
            has_begun: is_replaceable,
            is_replaceable,
            class: None,
            count: 0,
            pending: Vec::new(),
            list: Vec::new(),
        };
        if let Some(variable) = variable {
            let derived = if is_derived { build.number(1) } else { build.number(0) };
            // The first static element: all decorators are applied before a static initialiser runs.
            let apply = at(span, build.call_on(variable, "a", vec![build.this(), derived]));
            members.list.push(build.static_block([build.statement(apply)]));
            if has_methods {
                // The proposal runs what decorators of methods add before the first field of the instance is defined.
                members.pending.push(build.call_on(variable, "n", vec![build.this()]));
            }
        }
        for element in elements {
            members.add(element);
        }
        members.end(span);
        class.body.body = build.vec(members.list);
    }

    fn end(&mut self, span: Span) {
        let build = self.build;
        if !self.pending.is_empty() {
            // No field is left that could run them. A private one is not visible to user code.
            let pending = build.sequence(std::mem::take(&mut self.pending));
            let name = self.lowering.fresh();
            self.list.push(build.private_field(&name, Some(pending), false));
        }
        if let (Some(variable), true) = (self.variable, self.is_replaceable) {
            // What the decorators of the class add runs last, when all static fields exist.
            let end = at(span, build.call_on(variable, "z", Vec::new()));
            self.list.push(build.static_block([build.statement(end)]));
        }
        if let Some(class) = &self.class {
            // Before the static initialisers, which may use the accessors.
            let kept = build.static_block([build.statement(build.assign(class, build.this()))]);
            self.list.insert(0, kept);
        }
    }

    fn add(&mut self, element: ClassElement<'a>) {
        if !exists(&element) || is_constructor(&element) {
            return self.list.push(element);
        }
        match element {
            ClassElement::MethodDefinition(method) => self.method(method),
            ClassElement::PropertyDefinition(field) => self.field(field),
            ClassElement::AccessorProperty(accessor) => self.accessor(accessor),
            ClassElement::StaticBlock(block) => self.static_block(block),
            ClassElement::TSIndexSignature(_) => {}
        }
    }

    /// Builds a call of a method of the class's helper object.
    fn call(&self, method: &str, arguments: Vec<Expression<'a>>) -> Expression<'a> {
        self.build.call_on(self.variable.unwrap_or_default(), method, arguments)
    }

    /// Builds a reference to the class as its body sees it, in static code.
    fn seen(&self) -> Expression<'a> {
        if self.is_replaceable {
            self.build.member(self.build.name(self.variable.unwrap_or_default()), "c")
        } else {
            self.build.this()
        }
    }

    /// Registers a member with the helper object. Returns the call that evaluates its decorators, and the member's
    /// index.
    fn tell(
        &mut self,
        flags: usize,
        decorated: Option<Decorated<'a>>,
        key: Expression<'a>,
        access: Vec<Expression<'a>>,
    ) -> (Expression<'a>, usize) {
        let build = self.build;
        let variable = self.variable.unwrap_or_default();
        // Without decorators of the class its first key makes the helper object, a new one each time the class is
        // evaluated.
        let object = if self.has_begun {
            build.name(variable)
        } else {
            self.has_begun = true;
            let standard = self.lowering.helper("standard");
            build.assign(variable, build.call(build.name(&standard), Vec::new()))
        };
        let (list, span) = decorated.map_or_else(|| (build.array(Vec::new()), SPAN), |it| (it.list, it.span));
        let mut arguments = vec![build.number(flags), list, key];
        arguments.extend(access);
        self.count += 1;
        (at(span, build.call(build.member(object, "e"), arguments)), self.count - 1)
    }

    /// Builds the functions that access a private member: one checks whether an object has it, one reads it, one writes
    /// it.
    fn access(&self, name: &str, flags: usize) -> Vec<Expression<'a>> {
        let build = self.build;
        let object = || {
            let object = build.name("object");
            if flags & STATIC != 0 && self.is_replaceable { self.call("s", vec![object]) } else { object }
        };
        let kind = flags & 7;
        let has = build.arrow(&["object"], build.private_in(name, object()));
        let get =
            if kind == SETTER { build.null() } else { build.arrow(&["object"], build.private_member(object(), name)) };
        let mut access = vec![has, get];
        if kind >= SETTER {
            let set = build.assign_private(object(), name, build.name("value"));
            access.push(build.arrow_block(&["object", "value"], vec![build.statement(set)]));
        }
        access
    }

    /// Adds an empty static method whose computed key evaluates `key`. The helper removes the method once the class is
    /// defined.
    fn placeholder(&mut self, key: Expression<'a>) {
        let method = self.build.method(MethodDefinitionKind::Method, key.into(), true, &[], self.build.vec([]));
        self.list.push(method);
    }

    fn static_statement(&mut self, expression: Expression<'a>) {
        let block = self.build.static_block([self.build.statement(expression)]);
        self.list.push(block);
    }

    /// Adds a private getter or setter that calls the decorated one.
    fn delegate(&mut self, kind: MethodDefinitionKind, name: &str, is_static: bool, index: usize) {
        let build = self.build;
        let this = if is_static && self.is_replaceable { self.call("t", vec![build.this()]) } else { build.this() };
        let index = build.number(index);
        let (kind, parameters, statement): (_, &[&str], _) = match kind {
            MethodDefinitionKind::Set => {
                (kind, &["value"], build.statement(self.call("w", vec![index, this, build.name("value")])))
            }
            MethodDefinitionKind::Get => (kind, &[], build.return_(self.call("g", vec![index, this]))),
            // A private method cannot be assigned, so a getter returns the decorated one.
            _ => (MethodDefinitionKind::Get, &[], build.return_(self.call("m", vec![index]))),
        };
        let key = build.private_key(name);
        self.list.push(build.method(kind, key, is_static, parameters, build.vec([statement])));
    }

    fn method(&mut self, mut method: ArenaBox<'a, MethodDefinition<'a>>) {
        let Some(decorated) = self.lowering.decorated(&mut method.decorators) else {
            return self.list.push(ClassElement::MethodDefinition(method));
        };
        let build = self.build;
        let (kind, is_static) = (method.kind, method.r#static);
        let flags = match kind {
            MethodDefinitionKind::Get => GETTER,
            MethodDefinitionKind::Set => SETTER,
            _ => 0,
        } | if is_static { STATIC } else { 0 };
        let private = private_name(&method.key);
        let key = method.key.take_in(build.ast);
        let (key, index) = if let Some(name) = &private {
            let access = self.access(name, flags);
            self.tell(flags | PRIVATE, Some(decorated), build.string(&format!("#{name}")), access)
        } else {
            self.tell(flags, Some(decorated), argument(build, key), Vec::new())
        };
        // ECMAScript evaluates all keys in source order before the first static element. That is when the proposal
        // evaluates decorators.
        method.key = key.into();
        method.computed = true;
        self.list.push(ClassElement::MethodDefinition(method));
        if let Some(name) = private {
            self.delegate(kind, &name, is_static, index);
        }
    }

    fn field(&mut self, mut field: ArenaBox<'a, PropertyDefinition<'a>>) {
        let build = self.build;
        let decorated = self.lowering.decorated(&mut field.decorators);
        let private = private_name(&field.key);
        if field.r#static && self.is_replaceable && private.is_none() {
            return self.detached_field(field, decorated);
        }
        let is_wrapped = decorated.is_some() || self.wraps(field.r#static);
        if !is_wrapped {
            return self.list.push(ClassElement::PropertyDefinition(field));
        }
        let value = field.value.take();
        let value = self.named_value(&mut field.key, value);
        let flags = FIELD | if field.r#static { STATIC } else { 0 };
        let span = field.span;
        let mut index = None;
        if let Some(decorated) = decorated {
            let told = if let Some(name) = &private {
                let access = self.access(name, flags);
                let (key, told) =
                    self.tell(flags | PRIVATE, Some(decorated), build.string(&format!("#{name}")), access);
                self.placeholder(key);
                told
            } else {
                let key = argument(build, field.key.take_in(build.ast));
                let (key, told) = self.tell(flags, Some(decorated), key, Vec::new());
                field.key = key.into();
                field.computed = true;
                told
            };
            index = Some(told);
        }
        field.value = self.first_value(index, field.r#static, value, span);
        let is_static = field.r#static;
        self.list.push(ClassElement::PropertyDefinition(field));
        self.added(index, is_static);
    }

    /// Returns whether the value of a field without decorators is rewritten nevertheless.
    fn wraps(&self, is_static: bool) -> bool {
        if is_static { self.is_replaceable } else { !self.pending.is_empty() }
    }

    /// Returns the value of a field; an anonymous function or class gets the field's name.
    fn named_value(&mut self, key: &mut PropertyKey<'a>, value: Option<Expression<'a>>) -> Option<Expression<'a>> {
        let value = value?;
        if !is_anonymous(&value) {
            return Some(value);
        }
        // As an argument of a call, the function would not get the name of the field.
        let name = self.lowering.name_of_key(key);
        Some(name.give(self.build, value))
    }

    /// Builds the initial value of a field, preceded by the pending expressions.
    fn first_value(
        &mut self,
        index: Option<usize>,
        is_static: bool,
        value: Option<Expression<'a>>,
        span: Span,
    ) -> Option<Expression<'a>> {
        let build = self.build;
        let mut value = value;
        if is_static && self.is_replaceable {
            value = value.map(|value| self.on_class(value));
        }
        if let Some(index) = index {
            let this = if is_static { self.seen() } else { build.this() };
            let arguments = vec![build.number(index), this, value.unwrap_or_else(|| build.undefined())];
            value = Some(at(span, self.call("i", arguments)));
        }
        if !is_static && !self.pending.is_empty() {
            let mut pending = std::mem::take(&mut self.pending);
            pending.push(value.unwrap_or_else(|| build.undefined()));
            value = Some(build.sequence(pending));
        }
        value
    }

    /// Runs the initialisers that decorators added to a field, after the field is defined.
    fn added(&mut self, index: Option<usize>, is_static: bool) {
        let Some(index) = index else {
            return;
        };
        let this = if is_static { self.seen() } else { self.build.this() };
        let added = self.call("x", vec![self.build.number(index), this]);
        if is_static {
            self.static_statement(added);
        } else {
            self.pending.push(added);
        }
    }

    /// Makes static code run on the class that decorators may have replaced this one with.
    fn on_class(&mut self, value: Expression<'a>) -> Expression<'a> {
        if !uses_this(&value) {
            return value;
        }
        let build = self.build;
        let name = self.lowering.fresh();
        // A method, because the helper can set its `this`, and `super` works in it.
        let body = build.vec([build.return_(value)]);
        let key = build.private_key(&name);
        self.list.push(build.method(MethodDefinitionKind::Method, key, true, &[], body));
        self.call("v", vec![build.private_member(build.this(), &name)])
    }

    /// Adds a public static field of a class that a decorator may replace: the field is defined on the replacement.
    fn detached_field(&mut self, mut field: ArenaBox<'a, PropertyDefinition<'a>>, decorated: Option<Decorated<'a>>) {
        let build = self.build;
        let value = field.value.take();
        let value = self.named_value(&mut field.key, value);
        let key = argument(build, field.key.take_in(build.ast));
        let is_decorated = decorated.is_some();
        let (key, index) = self.tell(FIELD | STATIC | DETACHED, decorated, key, Vec::new());
        self.placeholder(key);
        let value = self.first_value(is_decorated.then_some(index), true, value, field.span);
        let value = value.unwrap_or_else(|| build.undefined());
        let define = at(field.span, self.call("d", vec![build.number(index), value]));
        self.static_statement(define);
        self.added(is_decorated.then_some(index), true);
    }

    fn static_block(&mut self, mut block: ArenaBox<'a, StaticBlock<'a>>) {
        if !self.is_replaceable || !block_uses_this(&block.body) {
            return self.list.push(ClassElement::StaticBlock(block));
        }
        let build = self.build;
        let name = self.lowering.fresh();
        let body = block.body.take_in(build.ast);
        self.list.push(build.method(MethodDefinitionKind::Method, build.private_key(&name), true, &[], body));
        let run = self.call("v", vec![build.private_member(build.this(), &name)]);
        self.static_statement(at(block.span, run));
    }

    /// Lowers `accessor x = 1` to a private field, a getter and a setter.
    fn accessor(&mut self, mut accessor: ArenaBox<'a, AccessorProperty<'a>>) {
        let build = self.build;
        let is_static = accessor.r#static;
        let decorated = self.lowering.decorated(&mut accessor.decorators);
        let value = accessor.value.take();
        let value = self.named_value(&mut accessor.key, value);
        let flags = ACCESSOR | if is_static { STATIC } else { 0 };
        let private = private_name(&accessor.key);
        let mut index = None;
        let [get_key, set_key]: [PropertyKey<'a>; 2] = if let Some(decorated) = decorated {
            let (key, told) = if let Some(name) = &private {
                let access = self.access(name, flags);
                self.tell(flags | PRIVATE, Some(decorated), build.string(&format!("#{name}")), access)
            } else {
                let key = argument(build, accessor.key.take_in(build.ast));
                self.tell(flags, Some(decorated), key, Vec::new())
            };
            index = Some(told);
            // The key must be evaluated once only, so the setter gets it from the helper.
            [key.into(), self.call("k", vec![build.number(told)]).into()]
        } else if let Some(name) = &private {
            [build.private_key(name), build.private_key(name)]
        } else {
            let name = self.lowering.name_of_key(&mut accessor.key);
            let first = match names::literal(&accessor.key) {
                Some(_) => name.key(build),
                None => accessor.key.take_in(build.ast),
            };
            [first, name.key(build)]
        };
        let storage = self.lowering.fresh();
        let value = self.first_value(index, is_static, value, accessor.span);
        self.list.push(build.private_field(&storage, value, is_static));
        self.added(index, is_static);
        let get = build.return_(build.private_member(self.holder(is_static), &storage));
        let set = build.assign_private(self.holder(is_static), &storage, build.name("value"));
        let set = build.vec([build.statement(set)]);
        self.list.push(build.method(MethodDefinitionKind::Get, get_key, is_static, &[], build.vec([get])));
        self.list.push(build.method(MethodDefinitionKind::Set, set_key, is_static, &["value"], set));
        if let (Some(name), Some(index)) = (private, index) {
            self.delegate(MethodDefinitionKind::Get, &name, is_static, index);
            self.delegate(MethodDefinitionKind::Set, &name, is_static, index);
        }
    }

    /// Builds a reference to the object that has the private field of an accessor. A subclass inherits the static
    /// accessors of its parent, but not the private fields.
    fn holder(&mut self, is_static: bool) -> Expression<'a> {
        match self.variable {
            _ if !is_static => self.build.this(),
            Some(variable) => self.build.member(self.build.name(variable), "f"),
            None => {
                let class = self.class.take().unwrap_or_else(|| self.lowering.temporary());
                let holder = self.build.name(&class);
                self.class = Some(class);
                holder
            }
        }
    }
}

fn private_name(key: &PropertyKey<'_>) -> Option<String> {
    match key {
        PropertyKey::PrivateIdentifier(name) => Some(name.name.to_string()),
        _ => None,
    }
}

/// Converts a key to an argument of a call.
fn argument<'a>(build: Build<'a>, key: PropertyKey<'a>) -> Expression<'a> {
    names::literal(&key).map_or_else(|| key.into_expression(), |name| name.expression(build))
}
