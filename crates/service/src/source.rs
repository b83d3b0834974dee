//! The deployed source: code and its compiler options.
//!
//! Both are stored as one text, because a worker may be compiled again later by a process that has only this text. The
//! options are its last line, a comment. Code without options is stored unchanged.

/// The beginning of the line with the options in a stored text.
const MARK: &str = "\n//# workers compilerOptions ";

/// Code and its compiler options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// TypeScript or JavaScript: an ES module that exports functions.
    pub code: String,
    /// The compiler options.
    pub compiler_options: CompilerOptions,
}

/// The compiler options that a user may set. The names are those of TypeScript.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompilerOptions {
    /// Whether decorators are those of TypeScript's `experimentalDecorators` or the standard ones. `None` lets the code
    /// decide: see [`workers_transpiler::TranspileOptions::experimental_decorators`].
    pub experimental_decorators: Option<bool>,
}

impl From<String> for Source {
    fn from(code: String) -> Self {
        Self { code, compiler_options: CompilerOptions::default() }
    }
}

impl From<&str> for Source {
    fn from(code: &str) -> Self {
        code.to_owned().into()
    }
}

impl Source {
    /// Returns the text to store.
    pub(crate) fn encode(&self) -> String {
        let options = self.compiler_options.encode();
        // Code that already ends like a stored text gets a line with options too. Otherwise its own last line would be
        // read as options.
        let is_plain = options.is_empty() && Self::decode(&self.code).code == self.code;
        if is_plain { self.code.clone() } else { format!("{}{MARK}{options}", self.code) }
    }

    /// Parses a stored text.
    pub(crate) fn decode(stored: &str) -> Self {
        let found =
            // The last one, because the code may contain such a line itself.
            stored.rsplit_once(MARK).and_then(|(code, options)| Some((code, CompilerOptions::decode(options)?)));
        found.map_or_else(|| stored.into(), |(code, compiler_options)| Self { code: code.to_owned(), compiler_options })
    }
}

impl CompilerOptions {
    fn encode(self) -> String {
        self.experimental_decorators.map(|value| format!("experimentalDecorators={value}")).unwrap_or_default()
    }

    fn decode(text: &str) -> Option<Self> {
        // Compared with everything that `encode` can write, so that the two cannot disagree; any other text is code.
        let known = |experimental_decorators| Self { experimental_decorators };
        [known(None), known(Some(true)), known(Some(false))].into_iter().find(|options| options.encode() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(code: &str, experimental_decorators: Option<bool>) -> Source {
        Source { code: code.to_owned(), compiler_options: CompilerOptions { experimental_decorators } }
    }

    #[test]
    fn code_without_options_is_stored_as_it_is() {
        for code in ["export const f = 1;", "", "\n", "// comment", "a\r\n", "//# workers compilerOptions none"] {
            assert_eq!(source(code, None).encode(), code);
            assert_eq!(Source::decode(code), source(code, None));
        }
    }

    #[test]
    fn options_are_read_back_and_are_no_part_of_the_code() {
        for code in ["export const f = 1;", "f()\n", "// comment", "`open", "/* open", ""] {
            for options in [Some(true), Some(false)] {
                let stored = source(code, options).encode();
                assert_ne!(stored, code);
                assert_eq!(Source::decode(&stored), source(code, options));
            }
        }
    }

    #[test]
    fn code_that_ends_like_a_stored_text_is_read_back_whole() {
        let inner = source("export const f = 1;", Some(true)).encode();
        for code in [inner.clone(), source(&inner, None).encode(), format!("{inner}\n"), format!("x{MARK}")] {
            for options in [None, Some(false)] {
                assert_eq!(Source::decode(&source(&code, options).encode()), source(&code, options), "{code:?}");
            }
        }
    }

    #[test]
    fn options_that_are_not_known_are_code() {
        let code = format!("f(){MARK}experimentalDecorators=maybe");
        assert_eq!(Source::decode(&code), source(&code, None));
    }
}
