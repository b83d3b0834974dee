//! Converts the pattern of a declaration to the target of an assignment.

use oxc::{
    allocator::{ArenaBox, ArenaVec},
    ast::ast::{
        AssignmentTarget, AssignmentTargetMaybeDefault, AssignmentTargetProperty, AssignmentTargetRest, BindingPattern,
        BindingRestElement,
    },
};

use super::build::Build;

/// Converts `{ a, b: [c] }` to `{ a: home.a, b: [home.c] }`.
pub(super) fn of_pattern<'a>(build: &Build<'a>, pattern: BindingPattern<'a>, home: &str) -> AssignmentTarget<'a> {
    let ast = &build.ast;
    match pattern {
        BindingPattern::BindingIdentifier(name) => build.target(name.span, home, &name.name),
        BindingPattern::ObjectPattern(pattern) => {
            let pattern = pattern.unbox();
            let properties = pattern.properties.into_iter().map(|property| {
                let value = with_default(build, property.value, home);
                AssignmentTargetProperty::new_assignment_target_property_property(
                    property.span,
                    property.key,
                    value,
                    property.computed,
                    ast,
                )
            });
            let properties = ArenaVec::from_iter_in(properties, ast);
            let rest = rest(build, pattern.rest, home);
            AssignmentTarget::new_object_assignment_target(pattern.span, properties, rest, ast)
        }
        BindingPattern::ArrayPattern(pattern) => {
            let pattern = pattern.unbox();
            let elements = pattern.elements.into_iter();
            let elements = elements.map(|element| element.map(|element| with_default(build, element, home)));
            let elements = ArenaVec::from_iter_in(elements, ast);
            let rest = rest(build, pattern.rest, home);
            AssignmentTarget::new_array_assignment_target(pattern.span, elements, rest, ast)
        }
        // Occurs only inside of another pattern, where `with_default` handles it.
        BindingPattern::AssignmentPattern(pattern) => of_pattern(build, pattern.unbox().left, home),
    }
}

fn with_default<'a>(build: &Build<'a>, pattern: BindingPattern<'a>, home: &str) -> AssignmentTargetMaybeDefault<'a> {
    match pattern {
        BindingPattern::AssignmentPattern(pattern) => {
            let pattern = pattern.unbox();
            let target = of_pattern(build, pattern.left, home);
            AssignmentTargetMaybeDefault::new_assignment_target_with_default(
                pattern.span,
                target,
                pattern.right,
                &build.ast,
            )
        }
        pattern => AssignmentTargetMaybeDefault::from(of_pattern(build, pattern, home)),
    }
}

fn rest<'a>(
    build: &Build<'a>,
    rest: Option<ArenaBox<'a, BindingRestElement<'a>>>,
    home: &str,
) -> Option<ArenaBox<'a, AssignmentTargetRest<'a>>> {
    let rest = rest?.unbox();
    Some(AssignmentTargetRest::boxed(rest.span, of_pattern(build, rest.argument, home), &build.ast))
}
