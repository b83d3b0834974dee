//! Rewrites single names to properties of a namespace or an enum, where they refer to one.

use oxc::ast::ast::{
    AssignmentTarget, AssignmentTargetMaybeDefault, AssignmentTargetProperty, Expression, IdentifierReference,
    JSXElementName, JSXMemberExpressionObject, ObjectProperty, PropertyKey, SimpleAssignmentTarget,
};

use super::{
    build::Build,
    spaces::{Found, Spaces},
};

/// Rewrites names.
pub(super) struct References<'c, 's, 'a> {
    pub(super) spaces: &'c Spaces<'s, 'a>,
    pub(super) build: Build<'a>,
}

impl<'c, 'a> References<'c, '_, 'a> {
    /// Returns the object that a name is a property of. A name that the lowering itself created has no reference, and
    /// so no object.
    fn object(&self, name: &IdentifierReference<'a>) -> Option<&'c str> {
        let reference = self.spaces.scoping.get_reference(name.reference_id.get()?);
        match self.spaces.find(reference.scope_id(), &name.name) {
            Found::Property(scope) => self.spaces.blocks.get(&scope).map(|block| block.parameter.as_str()),
            Found::Binding(_) | Found::Nowhere => None,
        }
    }

    pub(super) fn expression(&self, it: &mut Expression<'a>) {
        if let Expression::Identifier(name) = it
            && let Some(object) = self.object(name)
        {
            *it = self.build.property(name.span, self.build.name(object), &name.name);
        }
    }

    pub(super) fn target(&self, it: &mut SimpleAssignmentTarget<'a>) {
        if let SimpleAssignmentTarget::AssignmentTargetIdentifier(name) = it
            && let Some(object) = self.object(name)
        {
            *it = self.build.simple_target(name.span, object, &name.name);
        }
    }

    /// Expands `{ name }` to `{ name: object.name }`, where the value has been rewritten.
    pub(super) fn property(it: &mut ObjectProperty<'a>) {
        if it.shorthand && !it.value.is_identifier_reference() {
            it.shorthand = false;
        }
    }

    /// Rewrites `({ name = 1 } = …)` to `({ name: object.name = 1 } = …)`.
    pub(super) fn target_property(&self, it: &mut AssignmentTargetProperty<'a>) {
        let AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(property) = it else {
            return;
        };
        let name = &property.binding;
        let Some(object) = self.object(name) else {
            return;
        };
        let ast = &self.build.ast;
        let key = PropertyKey::new_static_identifier(name.span, name.name, ast);
        let target: AssignmentTarget<'a> = self.build.target(name.span, object, &name.name);
        let target = match property.init.take() {
            Some(init) => {
                AssignmentTargetMaybeDefault::new_assignment_target_with_default(property.span, target, init, ast)
            }
            None => AssignmentTargetMaybeDefault::from(target),
        };
        *it = AssignmentTargetProperty::new_assignment_target_property_property(property.span, key, target, false, ast);
    }

    pub(super) fn element_name(&self, it: &mut JSXElementName<'a>) {
        if let JSXElementName::IdentifierReference(name) = it
            && let Some(object) = self.object(name)
        {
            *it = JSXElementName::MemberExpression(self.build.jsx_name(name.span, object, &name.name));
        }
    }

    pub(super) fn element_object(&self, it: &mut JSXMemberExpressionObject<'a>) {
        if let JSXMemberExpressionObject::IdentifierReference(name) = it
            && let Some(object) = self.object(name)
        {
            *it = JSXMemberExpressionObject::MemberExpression(self.build.jsx_name(name.span, object, &name.name));
        }
    }
}
