//! Decides which aliases (`import x = A.B`) are emitted.

use std::collections::HashSet;

use oxc::{semantic::SymbolId, syntax::reference::ReferenceId};

use super::collect::Collected;

/// The aliases that must exist at run time. The others may stand for types only, and evaluating them could fail.
pub(super) struct Aliases {
    needed: HashSet<SymbolId>,
}

impl Aliases {
    /// Finds the aliases that are used in expressions, and then, for each needed `import x = y.z`, the alias `y`.
    pub(super) fn find(collected: &Collected<'_, '_>) -> Self {
        let Collected { spaces, roots } = collected;
        let scoping = spaces.scoping;
        let root_references: HashSet<ReferenceId> = roots.values().copied().collect();
        let used = |symbol: &SymbolId| {
            let references = scoping.get_resolved_reference_ids(*symbol).iter();
            // The path of another alias is no use yet, because that alias may stand for a type.
            references
                .filter(|reference| !root_references.contains(reference))
                .any(|&id| scoping.get_reference(id).is_value())
        };
        let mut to_visit: Vec<SymbolId> = spaces
            .aliases
            .keys()
            .copied()
            .filter(|symbol| spaces.exported_aliases.contains(symbol) || used(symbol))
            .collect();
        let mut needed = HashSet::new();
        while let Some(symbol) = to_visit.pop() {
            if spaces.alias_is_value(symbol) && needed.insert(symbol) {
                let root = roots.get(&symbol).and_then(|&root| scoping.get_reference(root).symbol_id());
                to_visit.extend(root.filter(|root| spaces.aliases.contains_key(root)));
            }
        }
        Self { needed }
    }

    pub(super) fn needs(&self, symbol: Option<SymbolId>) -> bool {
        symbol.is_some_and(|symbol| self.needed.contains(&symbol))
    }
}
