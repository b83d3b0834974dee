//! Reads the blocks of code in README.md and docs/, as a reader copies them.

use std::path::Path;

/// A block of code.
pub(crate) struct Block {
    /// The file, as `docs/api.md`.
    pub(crate) file: String,
    /// The line of the page on which its content begins, counted from 1.
    pub(crate) line: usize,
    /// The word after the three backticks. Empty if there is none.
    pub(crate) language: String,
    /// Its lines, each with its line feed.
    pub(crate) text: String,
}

impl Block {
    /// Returns file and line, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Returns the name and the text of each page, README.md first.
pub(crate) fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec!["README.md".to_owned()];
    let mut folders = vec!["docs".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).unwrap().map(Result::unwrap) {
            let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                folders.push(name);
            } else if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                files.push(name);
            }
        }
    }
    files[1..].sort();
    let read = |file: String| {
        let text = std::fs::read_to_string(root.join(&file)).unwrap();
        (file, text)
    };
    files.into_iter().map(read).collect()
}

/// Returns all blocks, page by page, from top to bottom.
pub(crate) fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|(file, page)| blocks_of(file, page)).collect()
}

/// Returns the only block of a file in a language.
pub(crate) fn only_block(file: &str, language: &str) -> String {
    let mut blocks = blocks();
    blocks.retain(|block| block.file == file && block.language == language);
    let places: Vec<_> = blocks.iter().map(Block::place).collect();
    assert_eq!(places.len(), 1, "blocks of {file} in {language}: {places:?}");
    blocks.remove(0).text
}

fn blocks_of(file: &str, page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                let (file, language) = (file.to_owned(), language.trim().to_owned());
                open = Some(Block { file, line: index + 2, language, text: String::new() });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text += line;
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of {file} has no end");
    blocks
}
