//! Names for the ids that a server generates, which differ from run to run.

use std::collections::HashMap;

const KINDS: [(&str, &str); 3] = [("sbx_", "session"), ("cmd_", "command"), ("snap_", "snapshot")];

/// Assigns names in the order in which ids appear: the first session's is `{session 1}`.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: HashMap<String, String>,
    counts: HashMap<&'static str, usize>,
}

impl Names {
    /// Replaces the ids in a text by their names.
    pub(super) fn replace(&mut self, text: &str) -> String {
        let mut replaced = String::new();
        let mut rest = text;
        let first = |text: &str| KINDS.iter().filter_map(|(prefix, kind)| Some((text.find(prefix)?, *kind))).min();
        while let Some((start, kind)) = first(rest) {
            let in_id = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let length = rest[start..].find(|letter| !in_id(letter)).unwrap_or(rest.len() - start);
            let (before, from_id) = rest.split_at(start);
            let (id, after) = from_id.split_at(length);
            replaced.push_str(before);
            replaced.push_str(self.name(id, kind));
            rest = after;
        }
        replaced + rest
    }

    fn name(&mut self, id: &str, kind: &'static str) -> &str {
        self.given.entry(id.to_owned()).or_insert_with(|| {
            let count = self.counts.entry(kind).or_default();
            *count += 1;
            format!("{{{kind} {count}}}")
        })
    }
}

#[test]
fn an_id_keeps_its_name_and_another_gets_another() {
    let mut names = Names::default();
    assert_eq!(names.replace("/sbx_aB3/cmd_0f/logs"), "/{session 1}/{command 1}/logs");
    assert_eq!(names.replace("\"sbx_c\" sbx_aB3"), "\"{session 2}\" {session 1}");
    assert_eq!(names.replace("a name"), "a name");
}
