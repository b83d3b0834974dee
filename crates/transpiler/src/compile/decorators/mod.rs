//! Decorators and `accessor`, lowered before the transformer runs.
//!
//! [`inspect`] finds them, [`lowering`] walks the program, [`standard`] and [`legacy`] each lower a class of one kind,
//! [`members`] rewrites its members, and [`build`] and [`names`] are shared by all of these.

mod build;
mod inspect;
mod kind;
mod legacy;
mod lowering;
mod members;
mod names;
mod standard;

use oxc::{
    allocator::Allocator,
    ast::ast::Program,
    ast_visit::VisitMut,
    diagnostics::{Diagnostics, OxcDiagnostic},
    semantic::Scoping,
    span::Span,
};

use super::lower::HELPERS;
use crate::{
    DiagnosticKind, TranspileOptions,
    diagnostic::{Reporter, first_span},
};
use build::Build;
use inspect::Found;
use kind::Decorators;
use lowering::Lowering;

/// The decorators of one program.
pub(super) struct Plan {
    kind: Decorators,
    found: Found,
}

impl Plan {
    /// Finds the decorators and decides on their kind.
    pub(super) fn of(program: &Program<'_>, options: &TranspileOptions) -> Self {
        let found = inspect::find(program);
        // Only `experimentalDecorators` allows decorators of parameters.
        let is_legacy = options.experimental_decorators.unwrap_or(!found.parameters.is_empty());
        Self { kind: if is_legacy { Decorators::Legacy } else { Decorators::Standard }, found }
    }

    /// Returns whether there is anything to lower.
    pub(super) fn is_needed(&self) -> bool {
        self.found.any
    }

    /// Returns whether an error of the compiler is wrong and must be ignored: decorators of parameters run outside of
    /// the function that has the parameters.
    pub(super) fn excuses(&self, mistake: &OxcDiagnostic) -> bool {
        excuses(&self.found.parameters, mistake)
    }

    /// Reports decorators at places where their kind is not allowed.
    pub(super) fn check(&self, reporter: &mut Reporter<'_>) {
        let (spans, help) = match self.kind {
            Decorators::Standard => (
                &self.found.parameters,
                "Parameters have decorators with `experimentalDecorators` only, and that is set to false.",
            ),
            Decorators::Legacy => (
                &self.found.private,
                "Private members have no decorators with `experimentalDecorators`, which decorators of parameters turn on.",
            ),
        };
        for span in spans {
            let message = "Decorators are not valid here.";
            reporter.add(DiagnosticKind::UnsupportedSyntax, *span, message, Some(help.to_owned()));
        }
    }

    /// Lowers all decorators and `accessor` fields. `prefix` is the prefix of generated names. `scoping` is out of date
    /// afterwards.
    pub(super) fn lower<'a>(
        &self,
        allocator: &'a Allocator,
        program: &mut Program<'a>,
        scoping: &Scoping,
        prefix: &str,
    ) {
        let build = Build::new(allocator);
        let mut lowering = Lowering::new(build, self.kind, scoping, prefix);
        lowering.visit_program(program);
        for helper in lowering.helpers {
            // As an import, which `rewrite` handles like those of the transformer's own helpers.
            let module = format!("{HELPERS}/helpers/{helper}");
            program.body.insert(0, build.import_default(&format!("{prefix}_{helper}"), &module));
        }
    }
}

/// Removes the parser's errors about `await` and `yield` in decorators of parameters.
pub(super) fn without_excused(program: &Program<'_>, mistakes: Diagnostics) -> Diagnostics {
    let parameters = inspect::find(program).parameters;
    mistakes.into_iter().filter(|mistake| !excuses(&parameters, mistake)).collect()
}

fn excuses(parameters: &[Span], mistake: &OxcDiagnostic) -> bool {
    let message = &*mistake.message;
    (message.contains("await") || message.contains("yield"))
        && first_span(mistake).is_some_and(|span| parameters.iter().any(|outer| outer.contains_inclusive(span)))
}
