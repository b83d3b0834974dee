//! Counts the users of each content.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::manifest::Digest256;
use crate::file_stamps::FileStamps;

/// The state of a content.
#[derive(Debug, Default)]
pub(super) struct Use {
    pub(super) references: usize,
    pub(super) leases: usize,
    /// Whether no reference was added or removed since the current count of all references began.
    is_quiet: bool,
    /// Its files when they were last found to be whole.
    pub(super) stamps: Option<FileStamps>,
    /// How often its files were replaced by others. What was made from earlier files must not be used any more.
    pub(super) generation: u32,
}

impl Use {
    /// Counts one more reference.
    pub(super) fn add_reference(&mut self) {
        self.references += 1;
        self.is_quiet = false;
    }

    /// Counts one reference less.
    pub(super) fn remove_reference(&mut self) {
        self.references = self.references.saturating_sub(1);
        self.is_quiet = false;
    }

    /// Returns whether a snapshot has the content.
    pub(super) const fn is_referenced(&self) -> bool {
        self.references > 0
    }

    /// Returns whether neither a snapshot nor a sandbox uses the content.
    pub(super) const fn is_unused(&self) -> bool {
        self.references + self.leases == 0
    }
}

/// The contents of one part, by their addresses.
pub(super) type Part = HashMap<String, Use>;

/// All contents, in parts by the first two digits of their addresses. A part is locked as long as it takes to add or
/// remove a content of it, so that the two never happen at the same time; the other parts are not blocked meanwhile.
#[derive(Debug)]
pub(super) struct Uses {
    parts: Vec<Mutex<Part>>,
}

/// The number of parts, the same as the number of levels.
const PARTS: usize = 256;

impl Default for Uses {
    fn default() -> Self {
        Self { parts: std::iter::repeat_with(Mutex::default).take(PARTS).collect() }
    }
}

impl Uses {
    /// Locks and returns the part that a content belongs to.
    pub(super) fn part_of(&self, content: &Digest256) -> MutexGuard<'_, Part> {
        let number = usize::from_str_radix(content.level(), 16).unwrap_or_default();
        lock(&self.parts[number % PARTS])
    }

    /// Begins a count of all references.
    pub(super) fn begin_count(&self) {
        for part in &self.parts {
            lock(part).values_mut().for_each(|entry| entry.is_quiet = true);
        }
    }

    /// Takes over the counted numbers, except for contents that changed meanwhile. Unused contents are passed to
    /// `discard` and removed from the table.
    ///
    /// # Errors
    ///
    /// The errors of `discard`.
    pub(super) fn end_count<E>(
        &self,
        counted: &HashMap<String, usize>,
        mut discard: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        for part in &self.parts {
            let mut part = lock(part);
            for (content, entry) in part.iter_mut().filter(|(_, entry)| entry.is_quiet) {
                entry.references = counted.get(content).copied().unwrap_or_default();
            }
            let unused: Vec<_> = part.extract_if(|_, entry| entry.is_quiet && entry.is_unused()).collect();
            // Under the lock, so that no call begins to use a content that is being removed.
            unused.iter().try_for_each(|(content, _)| discard(content))?;
        }
        Ok(())
    }
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    // The table is consistent after every statement, so a panic elsewhere does no harm.
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_during_a_count_keeps_its_own() {
        let (uses, [quiet, changed, gone]) = (Uses::default(), [b"1", b"2", b"3"].map(|text| Digest256::of(text)));
        for content in [&quiet, &changed, &gone] {
            uses.part_of(content).entry(content.as_str().to_owned()).or_default().add_reference();
        }
        uses.begin_count();
        uses.part_of(&changed).get_mut(changed.as_str()).unwrap().add_reference();
        let counted = [&quiet, &changed].map(|content| (content.as_str().to_owned(), 7));
        let mut discarded = Vec::new();
        let discard = |content: &str| {
            discarded.push(content.to_owned());
            Ok::<(), ()>(())
        };
        uses.end_count(&counted.into(), discard).unwrap();
        let references =
            |content: &Digest256| uses.part_of(content).get(content.as_str()).map(|entry| entry.references);
        assert_eq!([&quiet, &changed, &gone].map(references), [Some(7), Some(2), None]);
        assert_eq!(discarded, [gone.as_str()]);
    }
}
