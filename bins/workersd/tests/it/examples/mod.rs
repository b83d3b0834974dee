//! Checks that the examples work: the programs in `examples/`, and the blocks of code in README.md and docs/.

mod answers;
mod configuration;
mod links;
mod listed;
mod offered;
mod programs;
mod session;

use self::listed::reason_not_to_run;
use crate::support::document::{Block, blocks};

/// Declares one test for each page that has blocks of code.
macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];

        $(
            #[test]
            fn $test() {
                try_page($page);
            }
        )*
    };
}

pages! {
    all_examples_of_the_readme_run_in_their_order: "README.md",
    all_examples_of_api_md_run_in_their_order: "docs/api.md",
    all_examples_of_architecture_md_are_known: "docs/architecture.md",
    all_examples_of_console_md_are_accepted: "docs/console.md",
    all_examples_of_nodejs_md_are_known: "docs/nodejs.md",
    all_examples_of_operations_md_are_accepted: "docs/operations.md",
    all_examples_of_performance_md_are_known: "docs/performance.md",
    all_examples_of_security_md_are_known: "docs/security.md",
    all_examples_of_vercel_md_run: "docs/vercel.md",
}

/// Tries every block of a page that is not listed as one that cannot be tried. A block of an unknown kind fails.
fn try_page(page: &str) {
    let blocks: Vec<_> =
        blocks().into_iter().filter(|block| block.file == page && reason_not_to_run(block).is_none()).collect();
    assert!(!session::starts_with_an_answer(&blocks), "{page} begins with an answer to nothing");
    let (mut in_session, mut of_clients) = (Vec::new(), Vec::new());
    for block in blocks {
        match (page, block.language.as_str()) {
            ("docs/vercel.md", "sh" | "js" | "python") => of_clients.push(block),
            (_, "sh" | "json" | "http" | "text") => in_session.push(block),
            (_, "toml") => configuration::try_toml(&block),
            (_, "ini") => configuration::try_unit(&block),
            _ => panic!("{}: a block that no test runs; say in `listed.rs` why, or have one run it", block.place()),
        }
    }
    if !in_session.is_empty() {
        session::try_in_one_shell(&in_session);
    }
    if !of_clients.is_empty() {
        offered::try_clients(&of_clients);
    }
}

#[test]
fn no_page_is_left_out_and_no_reason_is_for_a_block_that_is_not_there() {
    let blocks = blocks();
    let untried: Vec<_> =
        blocks.iter().filter(|block| !PAGES.contains(&block.file.as_str())).map(Block::place).collect();
    assert!(untried.is_empty(), "{untried:?}");
    let needless = listed::needless(&blocks);
    assert!(needless.is_empty(), "{needless:?}");
}

#[test]
fn examples_name_recipes_and_options_that_there_are() {
    configuration::all_names_exist(&blocks());
}
