//! Checks that docs/operations.md names an existing test for each fault.

/// Returns the names in the last column of a table in docs/operations.md.
fn tests_of_table(document: &str, head: &str) -> Vec<String> {
    let lines = document.lines().skip_while(|line| !line.starts_with(head)).take_while(|line| line.starts_with('|'));
    // Skips the head and the line below it.
    let last = lines.skip(2).map(|line| line.trim_end_matches('|').rsplit('|').next().unwrap_or_default());
    last.flat_map(|cell| {
        let names: Vec<_> = cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(!names.is_empty(), "a line without a test: {cell}");
        names
    })
    .collect()
}

#[test]
fn each_line_of_the_tables_of_faults_names_tests_that_exist() {
    let document = std::fs::read_to_string("../../docs/operations.md").unwrap();
    let listed = ["| what | clients | what to do |", "| fault | clients see |"];
    let named: Vec<_> = listed.iter().flat_map(|head| tests_of_table(&document, head)).collect();
    assert!(named.len() > 25, "{named:?}");
    let mut places =
        ["tests/it", "../../crates/storage/tests/it", "../../crates/http/tests/it"].map(Into::into).to_vec();
    let mut tests = String::new();
    while let Some(place) = places.pop() {
        let place: std::path::PathBuf = place;
        for entry in std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                places.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                tests += &std::fs::read_to_string(entry).unwrap();
            }
        }
    }
    let missing: Vec<_> = named.iter().filter(|name| !tests.contains(&format!("fn {name}()"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
