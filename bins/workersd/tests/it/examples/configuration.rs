//! Checks configuration in blocks of code, and the names in all blocks.

use std::collections::BTreeSet;

use crate::support::command;
use crate::support::document::Block;
use crate::support::local::TestServer;

/// Checks that a server reads the block as its `workers.toml`, and shows the name that it sets.
pub(super) fn try_toml(block: &Block) {
    let table: toml::Table = block.text.parse().unwrap_or_else(|error| panic!("{}: {error}", block.place()));
    let directory = tempfile::tempdir().unwrap();
    let branding = table["branding"].as_table().unwrap();
    let logo = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>"#;
    std::fs::write(directory.path().join(branding["logo"].as_str().unwrap()), logo).unwrap();
    std::fs::write(directory.path().join("workers.toml"), &block.text).unwrap();
    let server = TestServer::start_in(directory.path(), &[]);
    let page = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async { server.get("/").send().await.unwrap().text().await.unwrap() });
    for value in ["name", "accent"] {
        assert!(page.contains(branding[value].as_str().unwrap()), "{}: {value}: {page}", block.place());
    }
}

/// Checks that a block has the form of a unit of systemd: sections, and lines with a key and a value.
pub(super) fn try_unit(block: &Block) {
    let mut keys = Vec::new();
    for line in block.text.lines().filter(|line| !line.is_empty()) {
        match line.split_once('=') {
            Some((key, value)) => {
                assert!(
                    key.bytes().all(|byte| byte.is_ascii_alphabetic()) && !value.is_empty(),
                    "{}: {line}",
                    block.place()
                );
                keys.push(key);
            }
            None => assert!(["[Unit]", "[Service]", "[Install]"].contains(&line), "{}: {line}", block.place()),
        }
    }
    assert!(keys.contains(&"ExecStart") && keys.contains(&"WantedBy"), "{}: {keys:?}", block.place());
}

/// Checks that every recipe of `./just` and every option of `serve` exists, also in blocks that are not run.
pub(super) fn all_names_exist(blocks: &[Block]) {
    let recipes = std::fs::read_to_string("../../justfile").unwrap();
    let options = options_of("serve");
    let mut tried = 0;
    for block in blocks.iter().filter(|block| ["sh", "ini"].contains(&block.language.as_str())) {
        for line in block.text.replace("\\\n", " ").lines() {
            let line = line.split(" #").next().unwrap();
            if let Some((_, rest)) = line.split_once("./just ") {
                let recipe = rest.split_whitespace().next().unwrap();
                let is_there = recipes.lines().any(|line| {
                    let name = line.split([' ', ':']).next().unwrap();
                    name == recipe && line.contains(':')
                });
                assert!(is_there, "{}: there is no recipe {recipe}", block.place());
                tried += 1;
            }
            let served = line.split_once("just serve").or_else(|| line.split_once("workersd serve"));
            for option in served.map_or("", |(_, rest)| rest).split_whitespace().filter(|word| word.starts_with("--")) {
                let name = option.split('=').next().unwrap();
                assert!(options.contains(name), "{}: there is no option {name}", block.place());
                tried += 1;
            }
        }
    }
    assert!(tried > 15, "{tried}");
}

fn options_of(command_: &str) -> BTreeSet<String> {
    let output = command().args([command_, "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let words = help.lines().flat_map(|line| line.split_whitespace().take(2)).filter(|word| word.starts_with("--"));
    words.map(|word| word.trim_end_matches(',').to_owned()).collect()
}
