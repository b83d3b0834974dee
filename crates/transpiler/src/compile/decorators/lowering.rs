//! Walks through a program: finds decorated classes, innermost first, and declares the variables that their lowered
//! forms use.

use std::collections::{BTreeSet, HashSet};

use oxc::{
    allocator::{ArenaBox, ArenaVec, TakeIn},
    ast::ast::{
        ArrowFunctionBody, AssignmentExpression, AssignmentPattern, AssignmentTarget,
        AssignmentTargetPropertyIdentifier, AssignmentTargetWithDefault, BindingPattern, CallExpression, Class,
        ClassElement, ClassType, Declaration, Decorator, DoWhileStatement, ExportDeclaration, ExportDefaultDeclaration,
        ExportDefaultDeclarationKind, Expression, ForInStatement, ForOfStatement, ForStatement, FormalParameter,
        FormalParameters, Function, IdentifierReference, JSXElementName, JSXIdentifier, JSXMemberExpressionObject,
        ObjectProperty, PrivateFieldExpression, PrivateInExpression, PropertyKey, PropertyKind, Statement,
        TSModuleBlock, TaggedTemplateExpression, VariableDeclarator, WhileStatement,
    },
    ast_visit::{VisitMut, walk_mut},
    semantic::{Scoping, SymbolId},
    span::SPAN,
    syntax::{operator::AssignmentOperator, scope::ScopeFlags},
};

use super::{
    build::Build,
    inspect::{is_anonymous_decorated, is_decorated},
    kind::Decorators,
    names::{self, Name},
};

/// Additions to a statement.
#[derive(Default)]
pub(super) struct Beside<'a> {
    /// Variables to declare for it.
    variables: Vec<String>,
    /// Statements that run before it.
    pub(super) before: Vec<Statement<'a>>,
    /// Statements that run after it.
    pub(super) after: Vec<Statement<'a>>,
}

/// The variable that replaces the name of a class in its body.
pub(super) struct Alias {
    pub(super) symbol: SymbolId,
    /// The variable that holds the class, directly or in its property `c`.
    pub(super) variable: String,
    pub(super) is_property: bool,
    pub(super) is_used: bool,
}

/// The private names that a class declares.
struct PrivateNames {
    all: HashSet<String>,
    /// The names of static members, if a decorator may replace the class, and the variable of the class's helper
    /// object, which finds the class that has them.
    statics: Option<(HashSet<String>, String)>,
}

/// The state of the walk.
pub(super) struct Lowering<'a, 's> {
    pub(super) build: Build<'a>,
    pub(super) kind: Decorators,
    pub(super) aliases: Vec<Alias>,
    /// The compiler helpers that the program needs.
    pub(super) helpers: BTreeSet<&'static str>,
    scoping: &'s Scoping,
    /// The prefix of generated names.
    prefix: &'s str,
    count: usize,
    beside: Vec<Beside<'a>>,
    private_names: Vec<PrivateNames>,
    /// In a private static method of a class that may be replaced: the variable of the class's helper object, which
    /// converts `this`.
    this: Option<String>,
    /// The name for the next expression, if that is an anonymous class.
    pending: Option<Name>,
    /// Whether the next expression runs where no variable can be declared.
    isolate: bool,
    is_in_namespace: bool,
}

impl<'a, 's> Lowering<'a, 's> {
    pub(super) fn new(build: Build<'a>, kind: Decorators, scoping: &'s Scoping, prefix: &'s str) -> Self {
        Self {
            build,
            kind,
            aliases: Vec::new(),
            helpers: BTreeSet::new(),
            scoping,
            prefix,
            count: 0,
            beside: Vec::new(),
            private_names: Vec::new(),
            this: None,
            pending: None,
            isolate: false,
            is_in_namespace: false,
        }
    }

    /// Returns a new unique name.
    pub(super) fn fresh(&mut self) -> String {
        self.count += 1;
        format!("{}_d{}", self.prefix, self.count)
    }

    /// Declares a new variable for the current statement and returns its name.
    pub(super) fn temporary(&mut self) -> String {
        let name = self.fresh();
        self.declare(name.clone());
        name
    }

    /// Declares a variable for the current statement.
    pub(super) fn declare(&mut self, name: String) {
        self.beside().variables.push(name);
    }

    /// Returns the additions to the current statement.
    pub(super) fn beside(&mut self) -> &mut Beside<'a> {
        if self.beside.is_empty() {
            self.beside.push(Beside::default());
        }
        let last = self.beside.len() - 1;
        &mut self.beside[last]
    }

    /// Returns the variable of a compiler helper, and records that the program needs the helper.
    pub(super) fn helper(&mut self, name: &'static str) -> String {
        self.helpers.insert(name);
        format!("{}_{name}", self.prefix)
    }

    /// Returns the name of a member whose key has been visited. A computed key is converted to a property key and kept
    /// in a variable.
    pub(super) fn name_of_key(&mut self, key: &mut PropertyKey<'a>) -> Name {
        if let Some(name) = names::literal(key) {
            return name;
        }
        let variable = self.temporary();
        let computed = key.take_in(self.build.ast).into_expression();
        let standard = self.helper("standard");
        let kept = self.build.assign(&variable, self.build.call_on(&standard, "key", vec![computed]));
        *key = kept.into();
        Name::Variable(variable)
    }

    fn collect(&mut self, visit: impl FnOnce(&mut Self)) -> Beside<'a> {
        self.beside.push(Beside::default());
        visit(self);
        self.beside.pop().unwrap_or_default()
    }

    /// Visits an expression that runs where no variable can be declared. If it needs variables, wraps it in a function
    /// that declares them.
    fn isolated(&mut self, it: &mut Expression<'a>) {
        let beside = self.collect(|this| this.visit_expression(it));
        if !beside.variables.is_empty() {
            let value = it.take_in(self.build.ast);
            let body = vec![self.build.variables(&beside.variables), self.build.return_(value)];
            *it = self.build.call(self.build.arrow_block(&[], body), Vec::new());
        }
    }

    /// Visits the body of a loop. Its variables are declared inside the body, so that each iteration has new ones.
    fn loop_body(&mut self, it: &mut Statement<'a>) {
        let beside = self.collect(|this| this.visit_statement(it));
        if !beside.variables.is_empty() {
            let body = [self.build.variables(&beside.variables), it.take_in(self.build.ast)];
            *it = Statement::new_block_statement(SPAN, self.build.vec(body), self.build.ast);
        }
    }

    /// Visits a value that gets the name of what it is assigned to.
    fn named(&mut self, name: Option<&str>, value: &mut Expression<'a>) {
        self.pending = name.filter(|_| is_anonymous_decorated(value)).map(|name| Name::Text(name.to_owned()));
        self.visit_expression(value);
        self.pending = None;
    }

    /// Visits the key of a property and then its value, which gets the name of the key.
    fn keyed(&mut self, key: &mut PropertyKey<'a>, value: &mut Expression<'a>) {
        self.visit_property_key(key);
        if is_anonymous_decorated(value) {
            self.pending = Some(self.name_of_key(key));
        }
        self.visit_expression(value);
        self.pending = None;
    }

    pub(super) fn decorators(&mut self, it: &mut ArenaVec<'a, Decorator<'a>>) {
        for decorator in it {
            self.visit_expression(&mut decorator.expression);
        }
    }

    /// Visits the contents of a class. `statics` is the variable of the class's helper object, if the class has private
    /// static members and a decorator may replace it.
    pub(super) fn class_parts(&mut self, class: &mut Class<'a>, statics: Option<&str>) {
        // Before the private names of the class: ECMAScript evaluates the heritage with those of the classes around it.
        if let Some(heritage) = &mut class.heritage {
            self.visit_expression(&mut heritage.expression);
        }
        self.private_names.push(PrivateNames::of(class, statics));
        for element in &mut class.body.body {
            self.member(element, statics);
        }
        self.private_names.pop();
    }

    fn member(&mut self, element: &mut ClassElement<'a>, statics: Option<&str>) {
        match element {
            ClassElement::StaticBlock(it) => {
                // A static block has a `this` of its own.
                let this = self.this.take();
                self.visit_statements(&mut it.body);
                self.this = this;
            }
            ClassElement::MethodDefinition(it) => {
                self.decorators(&mut it.decorators);
                self.visit_property_key(&mut it.key);
                let is_private_static = it.r#static && matches!(it.key, PropertyKey::PrivateIdentifier(_));
                let own = statics.filter(|_| is_private_static).map(ToOwned::to_owned);
                let this = std::mem::replace(&mut self.this, own);
                // Not `visit_function`, which would reset `this`.
                walk_mut::walk_function(self, &mut it.value, ScopeFlags::Function);
                self.this = this;
            }
            ClassElement::PropertyDefinition(it) => {
                let it = &mut **it;
                self.decorators(&mut it.decorators);
                self.field(&mut it.key, it.value.as_mut());
            }
            ClassElement::AccessorProperty(it) => {
                let it = &mut **it;
                self.decorators(&mut it.decorators);
                self.field(&mut it.key, it.value.as_mut());
            }
            ClassElement::TSIndexSignature(_) => {}
        }
    }

    /// Visits a field. Its key runs outside of the class, its value inside.
    fn field(&mut self, key: &mut PropertyKey<'a>, value: Option<&mut Expression<'a>>) {
        self.visit_property_key(key);
        let Some(value) = value else {
            return;
        };
        if is_anonymous_decorated(value) {
            self.pending = Some(self.name_of_key(key));
        }
        let this = self.this.take();
        self.isolated(value);
        self.this = this;
        self.pending = None;
    }

    fn alias(&mut self, it: &IdentifierReference<'a>) -> Option<(String, bool)> {
        if self.aliases.is_empty() {
            return None;
        }
        let symbol = self.scoping.get_reference(it.reference_id.get()?).symbol_id()?;
        let alias = self.aliases.iter_mut().rev().find(|alias| alias.symbol == symbol)?;
        alias.is_used = true;
        Some((alias.variable.clone(), alias.is_property))
    }

    fn is_alias(&mut self, it: &Expression<'a>) -> bool {
        matches!(it, Expression::Identifier(it) if self.alias(it).is_some_and(|(_, is_property)| is_property))
    }

    /// Replaces a callee by `(0, callee)`, so that the call has no `this`.
    fn detached(&self, callee: &mut Expression<'a>) {
        let inner = callee.take_in(self.build.ast);
        *callee = self.build.sequence(vec![self.build.number(0), inner]);
    }

    /// Returns the variable of the helper object for the private static member `name`, if there is such a member in a
    /// class that may be replaced.
    fn statics_of(&self, name: &str) -> Option<&str> {
        // A class may declare a private name of a class around it again, so the innermost one counts.
        let names = self.private_names.iter().rev().find(|names| names.all.contains(name))?;
        let (statics, variable) = names.statics.as_ref()?;
        statics.contains(name).then_some(variable)
    }

    /// Wraps an object whose private member `name` is used, if that is a static member of a class that may be replaced.
    fn private_object(&self, name: &str, object: &mut Expression<'a>) {
        if let Some(variable) = self.statics_of(name) {
            let inner = object.take_in(self.build.ast);
            *object = self.build.call_on(variable, "s", vec![inner]);
        }
    }

    fn class_expression(&mut self, class: ArenaBox<'a, Class<'a>>, name: Option<Name>) -> Expression<'a> {
        match self.kind {
            Decorators::Standard => self.standard_expression(class, name),
            Decorators::Legacy => self.legacy_expression(class, name),
        }
    }
}

impl PrivateNames {
    fn of(class: &Class<'_>, variable: Option<&str>) -> Self {
        let names = || {
            class.body.body.iter().filter_map(|element| match element.property_key() {
                Some(PropertyKey::PrivateIdentifier(name)) => Some((name.name.to_string(), element.r#static())),
                _ => None,
            })
        };
        let statics = || names().filter(|(_, is_static)| *is_static).map(|(name, _)| name).collect();
        Self {
            all: names().map(|(name, _)| name).collect(),
            statics: variable.map(|variable| (statics(), variable.to_owned())),
        }
    }
}

/// Returns the name of an assignment target, if it is a plain name.
fn target_name<'t>(target: &'t AssignmentTarget<'_>) -> Option<&'t str> {
    match target {
        AssignmentTarget::AssignmentTargetIdentifier(name) => Some(name.name.as_str()),
        _ => None,
    }
}

fn pattern_name(pattern: &BindingPattern<'_>) -> Option<String> {
    match pattern {
        BindingPattern::BindingIdentifier(name) => Some(name.name.to_string()),
        _ => None,
    }
}

impl<'a> VisitMut<'a> for Lowering<'a, '_> {
    fn visit_statements(&mut self, it: &mut ArenaVec<'a, Statement<'a>>) {
        // Statements are a place for variables, also inside of a parameter.
        let isolate = std::mem::take(&mut self.isolate);
        let statements = it.take_in(self.build.ast);
        let mut list = ArenaVec::with_capacity_in(statements.len(), self.build.ast);
        for mut statement in statements {
            let beside = self.collect(|this| this.visit_statement(&mut statement));
            if !beside.variables.is_empty() {
                list.push(self.build.variables(&beside.variables));
            }
            list.extend(beside.before);
            list.push(statement);
            list.extend(beside.after);
        }
        *it = list;
        self.isolate = isolate;
    }

    fn visit_expression(&mut self, it: &mut Expression<'a>) {
        if std::mem::take(&mut self.isolate) {
            self.isolated(it);
            self.isolate = true;
            return;
        }
        // The name is for this expression only, and not for a class inside of it.
        let pending = self.pending.take();
        match it {
            Expression::ParenthesizedExpression(_)
            | Expression::TSAsExpression(_)
            | Expression::TSSatisfiesExpression(_)
            | Expression::TSNonNullExpression(_)
            | Expression::TSTypeAssertion(_) => {
                // In ECMAScript a class in parentheses is still anonymous, and types do not exist for it.
                self.pending = pending;
                walk_mut::walk_expression(self, it);
                self.pending = None;
            }
            Expression::ClassExpression(class) if is_decorated(class) => {
                if let Expression::ClassExpression(class) = it.take_in(self.build.ast) {
                    *it = self.class_expression(class, pending);
                }
            }
            Expression::Identifier(name) => {
                if let Some((variable, is_property)) = self.alias(name) {
                    let value = self.build.name(&variable);
                    *it = if is_property { self.build.member(value, "c") } else { value };
                }
            }
            Expression::ThisExpression(_) => {
                if let Some(variable) = &self.this {
                    *it = self.build.call_on(variable, "t", vec![self.build.this()]);
                }
            }
            _ => walk_mut::walk_expression(self, it),
        }
    }

    fn visit_class(&mut self, it: &mut Class<'a>) {
        if it.declare {
            it.decorators.clear();
        } else if is_decorated(it) {
            match self.kind {
                Decorators::Standard => self.standard_declaration(it),
                Decorators::Legacy => self.legacy_declaration(it),
            }
        } else {
            self.class_parts(it, None);
        }
    }

    fn visit_function(&mut self, it: &mut Function<'a>, flags: ScopeFlags) {
        // A function has a `this` of its own. Arrow functions, which do not, are not visited here.
        let this = self.this.take();
        walk_mut::walk_function(self, it, flags);
        self.this = this;
    }

    fn visit_formal_parameters(&mut self, it: &mut FormalParameters<'a>) {
        let isolate = std::mem::replace(&mut self.isolate, true);
        walk_mut::walk_formal_parameters(self, it);
        self.isolate = isolate;
    }

    fn visit_formal_parameter(&mut self, it: &mut FormalParameter<'a>) {
        self.visit_binding_pattern(&mut it.pattern);
        if let Some(value) = &mut it.initializer {
            self.named(pattern_name(&it.pattern).as_deref(), value);
        }
    }

    fn visit_arrow_function_body(&mut self, it: &mut ArrowFunctionBody<'a>) {
        let Some(value) = it.as_expression_mut() else {
            return walk_mut::walk_arrow_function_body(self, it);
        };
        let beside = self.collect(|this| this.visit_expression(value));
        if !beside.variables.is_empty() {
            let value = value.take_in(self.build.ast);
            let body = [self.build.variables(&beside.variables), self.build.return_(value)];
            let body = self.build.vec(body);
            *it = ArrowFunctionBody::new_function_body(SPAN, self.build.vec([]), body, self.build.ast);
        }
    }

    fn visit_for_statement(&mut self, it: &mut ForStatement<'a>) {
        if let Some(init) = &mut it.init {
            self.visit_for_statement_init(init);
        }
        it.test.iter_mut().for_each(|test| self.visit_expression(test));
        it.update.iter_mut().for_each(|update| self.visit_expression(update));
        self.loop_body(&mut it.body);
    }

    fn visit_for_in_statement(&mut self, it: &mut ForInStatement<'a>) {
        self.visit_for_statement_left(&mut it.left);
        self.visit_expression(&mut it.right);
        self.loop_body(&mut it.body);
    }

    fn visit_for_of_statement(&mut self, it: &mut ForOfStatement<'a>) {
        self.visit_for_statement_left(&mut it.left);
        self.visit_expression(&mut it.right);
        self.loop_body(&mut it.body);
    }

    fn visit_while_statement(&mut self, it: &mut WhileStatement<'a>) {
        self.visit_expression(&mut it.test);
        self.loop_body(&mut it.body);
    }

    fn visit_do_while_statement(&mut self, it: &mut DoWhileStatement<'a>) {
        self.loop_body(&mut it.body);
        self.visit_expression(&mut it.test);
    }

    fn visit_variable_declarator(&mut self, it: &mut VariableDeclarator<'a>) {
        self.visit_binding_pattern(&mut it.id);
        if let Some(value) = &mut it.init {
            self.named(pattern_name(&it.id).as_deref(), value);
        }
    }

    fn visit_assignment_pattern(&mut self, it: &mut AssignmentPattern<'a>) {
        self.visit_binding_pattern(&mut it.left);
        self.named(pattern_name(&it.left).as_deref(), &mut it.right);
    }

    fn visit_assignment_expression(&mut self, it: &mut AssignmentExpression<'a>) {
        self.visit_assignment_target(&mut it.left);
        // In ECMAScript only these operators give an anonymous class the name of their target.
        let names = matches!(
            it.operator,
            AssignmentOperator::Assign
                | AssignmentOperator::LogicalAnd
                | AssignmentOperator::LogicalOr
                | AssignmentOperator::LogicalNullish
        );
        let name = target_name(&it.left).filter(|_| names).map(ToOwned::to_owned);
        self.named(name.as_deref(), &mut it.right);
    }

    fn visit_assignment_target_with_default(&mut self, it: &mut AssignmentTargetWithDefault<'a>) {
        self.visit_assignment_target(&mut it.binding);
        let name = target_name(&it.binding).map(ToOwned::to_owned);
        self.named(name.as_deref(), &mut it.init);
    }

    fn visit_assignment_target_property_identifier(&mut self, it: &mut AssignmentTargetPropertyIdentifier<'a>) {
        let name = it.binding.name.to_string();
        if let Some(value) = &mut it.init {
            self.named(Some(&name), value);
        }
    }

    fn visit_object_property(&mut self, it: &mut ObjectProperty<'a>) {
        // `{ C }` becomes `{ C: $w_d1.c }`.
        it.shorthand &= !matches!(&it.value, Expression::Identifier(name) if self.alias(name).is_some());
        // `__proto__: value` sets the prototype and is not a property.
        let names = it.kind == PropertyKind::Init
            && !it.method
            && (it.computed || !matches!(names::literal(&it.key), Some(Name::Text(name)) if name == "__proto__"));
        if names && is_anonymous_decorated(&it.value) {
            self.keyed(&mut it.key, &mut it.value);
        } else {
            walk_mut::walk_object_property(self, it);
        }
    }

    fn visit_call_expression(&mut self, it: &mut CallExpression<'a>) {
        // Asked before the walk, which replaces the name.
        let is_alias = self.is_alias(&it.callee);
        walk_mut::walk_call_expression(self, it);
        if is_alias {
            self.detached(&mut it.callee);
        }
    }

    fn visit_tagged_template_expression(&mut self, it: &mut TaggedTemplateExpression<'a>) {
        let is_alias = self.is_alias(&it.tag);
        walk_mut::walk_tagged_template_expression(self, it);
        if is_alias {
            self.detached(&mut it.tag);
        }
    }

    fn visit_private_field_expression(&mut self, it: &mut PrivateFieldExpression<'a>) {
        walk_mut::walk_private_field_expression(self, it);
        self.private_object(&it.field.name, &mut it.object);
    }

    fn visit_private_in_expression(&mut self, it: &mut PrivateInExpression<'a>) {
        walk_mut::walk_private_in_expression(self, it);
        self.private_object(&it.left.name, &mut it.right);
    }

    fn visit_jsx_element_name(&mut self, it: &mut JSXElementName<'a>) {
        let JSXElementName::IdentifierReference(name) = it else {
            return walk_mut::walk_jsx_element_name(self, it);
        };
        let ast = self.build.ast;
        match self.alias(name) {
            Some((variable, true)) => {
                let object = JSXMemberExpressionObject::new_identifier_reference(SPAN, self.build.text(&variable), ast);
                *it = JSXElementName::new_member_expression(SPAN, object, JSXIdentifier::new(SPAN, "c", ast), ast);
            }
            Some((variable, false)) => {
                *it = JSXElementName::new_identifier_reference(SPAN, self.build.text(&variable), ast);
            }
            None => {}
        }
    }

    fn visit_jsx_member_expression_object(&mut self, it: &mut JSXMemberExpressionObject<'a>) {
        let JSXMemberExpressionObject::IdentifierReference(name) = it else {
            return walk_mut::walk_jsx_member_expression_object(self, it);
        };
        let ast = self.build.ast;
        if let Some((variable, is_property)) = self.alias(name) {
            *it = JSXMemberExpressionObject::new_identifier_reference(SPAN, self.build.text(&variable), ast);
            if is_property {
                let object = it.take_in(ast);
                let property = JSXIdentifier::new(SPAN, "c", ast);
                *it = JSXMemberExpressionObject::new_member_expression(SPAN, object, property, ast);
            }
        }
    }

    fn visit_ts_module_block(&mut self, it: &mut TSModuleBlock<'a>) {
        let outer = std::mem::replace(&mut self.is_in_namespace, true);
        walk_mut::walk_ts_module_block(self, it);
        self.is_in_namespace = outer;
    }

    /// Turns an exported class in a namespace whose class decorators may replace it into a constant, because a
    /// namespace exports a class as soon as it is defined.
    fn visit_export_declaration(&mut self, it: &mut ExportDeclaration<'a>) {
        let Declaration::ClassDeclaration(class) = &mut it.declaration else {
            return walk_mut::walk_export_declaration(self, it);
        };
        let name = class.id.as_ref().map(|id| id.name.to_string());
        let (Some(name), true) = (name, self.is_in_namespace && !class.declare && !class.decorators.is_empty()) else {
            return walk_mut::walk_export_declaration(self, it);
        };
        class.r#type = ClassType::ClassExpression;
        if let Declaration::ClassDeclaration(class) = it.declaration.take_in(self.build.ast) {
            let value = self.class_expression(class, None);
            it.declaration = self.build.constant(&name, value);
        }
    }

    fn visit_export_default_declaration(&mut self, it: &mut ExportDefaultDeclaration<'a>) {
        let is_anonymous = match &it.declaration {
            ExportDefaultDeclarationKind::ClassDeclaration(class) => class.id.is_none() && is_decorated(class),
            declaration => declaration.as_expression().is_some_and(is_anonymous_decorated),
        };
        if !is_anonymous {
            return walk_mut::walk_export_default_declaration(self, it);
        }
        self.pending = Some(Name::Text("default".to_owned()));
        let mut value = match it.declaration.take_in(self.build.ast) {
            ExportDefaultDeclarationKind::ClassDeclaration(mut class) => {
                class.r#type = ClassType::ClassExpression;
                Expression::ClassExpression(class)
            }
            declaration => declaration.into_expression(),
        };
        self.visit_expression(&mut value);
        it.declaration = value.into();
    }
}
