//! Refuses code on which the parser would speculate for too long.
//!
//! In TypeScript `a < b` may turn out to be `a<b>(c)`, and `<T>(a = …` may begin an arrow function, so the parser tries
//! one reading and falls back to the other. Where such places nest, each attempt contains further attempts, and a few
//! kilobytes can take minutes. This scan sums up how many attempts could be open at every place that starts another
//! one. `(a = (a = …` counts as such a place too, but only from a depth that real code does not have. In real code, and
//! in minified code, only a few are open at a time.

use super::text::string_length;

/// Number of open attempts that cost next to nothing.
const FREE: usize = 8;
/// Number of nested parentheses that are not counted as attempts.
const FREE_PARENTHESES: usize = 150;
/// Maximum sum of all open attempts beyond these: about a thousand nested ones, which take a fraction of a second.
const BUDGET: usize = 500_000;

/// Returns where the budget is used up, if it is.
pub(super) fn exhausts(code: &str) -> Option<u32> {
    let mut scan = Scan { bytes: code.as_bytes(), ..Scan::default() };
    while scan.index < scan.bytes.len() {
        scan.step();
        if scan.spent > BUDGET {
            return u32::try_from(scan.index - 1).ok();
        }
    }
    None
}

/// The kind of the last token.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Last {
    /// A token that an operand must follow.
    #[default]
    Operator,
    /// A token after which `<` or `/` is an operator.
    Operand,
    /// `>`, which can be either.
    Greater,
    /// A word such as `if`, whose parentheses a statement follows.
    Head,
}

/// An open bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// `${`.
    Template,
    /// `(` that could begin the parameters of an arrow function with type parameters.
    Generic,
    /// `(` of `if (…)` and similar statements.
    Head,
    /// Any other bracket, by its first character.
    Plain(u8),
}

impl Bracket {
    /// Returns which of `)`, `]` and `}` closes it, as 0, 1 or 2.
    fn kind(self) -> usize {
        match self {
            Self::Generic | Self::Head | Self::Plain(b'(' | b')') => 0,
            Self::Plain(b'[' | b']') => 1,
            Self::Template | Self::Plain(_) => 2,
        }
    }
}

#[derive(Default)]
struct Scan<'a> {
    bytes: &'a [u8],
    index: usize,
    last: Last,
    brackets: Vec<Bracket>,
    /// How many of the brackets are closed by `)`, `]` and `}`.
    counts: [usize; 3],
    /// How many open `<` could begin type arguments.
    angles: usize,
    /// How many of the brackets are [`Bracket::Generic`].
    generics: usize,
    spent: usize,
}

impl Scan<'_> {
    /// Consumes one token, comment or blank.
    fn step(&mut self) {
        let byte = self.bytes[self.index];
        let next = self.bytes.get(self.index + 1).copied().unwrap_or_default();
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => self.index += 1,
            _ if is_word(byte) => self.word(),
            b'\'' | b'"' => {
                self.index += string_length(&self.bytes[self.index..]) + 1;
                self.last = Last::Operand;
            }
            b'`' => self.template(),
            b'/' if next == b'/' => self.skip_past(b"\n"),
            b'/' if next == b'*' => {
                self.index += 2;
                self.skip_past(b"*/");
            }
            b'/' if self.last != Last::Operand => self.regular_expression(),
            _ => self.punctuator(byte, next),
        }
    }

    fn word(&mut self) {
        let start = self.index;
        while self.bytes.get(self.index).is_some_and(|&byte| is_word(byte)) {
            self.index += 1;
        }
        self.last = match &self.bytes[start..self.index] {
            // These words cannot occur in a type.
            b"if" | b"for" | b"while" | b"with" => {
                self.angles = 0;
                Last::Head
            }
            b"return" | b"do" | b"else" | b"const" | b"let" | b"var" | b"function" | b"class" | b"switch" | b"case"
            | b"throw" | b"delete" | b"try" | b"instanceof" => {
                self.angles = 0;
                Last::Operator
            }
            b"typeof" | b"in" | b"of" | b"new" | b"void" | b"await" | b"yield" => Last::Operator,
            _ => Last::Operand,
        };
    }

    fn punctuator(&mut self, byte: u8, next: u8) {
        self.index += 1;
        let last = std::mem::take(&mut self.last);
        match byte {
            b'<' if matches!(last, Last::Operand | Last::Greater) => {
                self.angles += 1;
                self.spent += self.angles.saturating_sub(FREE);
            }
            b'>' => {
                self.angles = self.angles.saturating_sub(1);
                self.last = Last::Greater;
            }
            // The `>` of `=>` closes nothing.
            b'=' if next == b'>' => self.index += 1,
            // `-1` may be a type, so a `<` before it may still begin type arguments.
            b'-' if next.is_ascii_digit() => {}
            // These are not part of types, so the open `<` were comparisons.
            b'=' | b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'~' => self.angles = 0,
            b'!' if next == b'=' => self.angles = 0,
            // The parser also supports the types of JSDoc, such as `!T`.
            b'!' => self.last = last,
            // Unlike `&`, `|` and `?`, the doubled ones are not part of types.
            b'&' | b'|' | b'?' if next == byte => {
                self.index += 1;
                self.angles = 0;
            }
            b'(' if last == Last::Greater => {
                self.generics += 1;
                self.spent += self.generics.saturating_sub(FREE);
                self.open(Bracket::Generic);
            }
            b'(' if last == Last::Head => self.open(Bracket::Head),
            b'(' | b'[' | b'{' => self.open(Bracket::Plain(byte)),
            b')' | b']' | b'}' => {
                // Set first, because `close` sets another value after `if (…)` and in a template.
                self.last = Last::Operand;
                self.close(byte);
            }
            _ => {}
        }
    }

    fn open(&mut self, bracket: Bracket) {
        self.brackets.push(bracket);
        self.counts[bracket.kind()] += 1;
        if bracket.kind() == 0 {
            self.spent += self.counts[0].saturating_sub(FREE_PARENTHESES);
        }
    }

    /// Closes the innermost bracket of a kind and drops those inside it, which were misread, for example in a regular
    /// expression.
    fn close(&mut self, byte: u8) {
        let kind = Bracket::Plain(byte).kind();
        while self.counts[kind] > 0
            && let Some(bracket) = self.brackets.pop()
        {
            self.counts[bracket.kind()] -= 1;
            self.generics -= usize::from(bracket == Bracket::Generic);
            if bracket.kind() == kind {
                match bracket {
                    Bracket::Template => {
                        self.index -= 1;
                        self.template();
                    }
                    Bracket::Head => self.last = Last::Operator,
                    Bracket::Generic | Bracket::Plain(_) => {}
                }
                return;
            }
        }
    }

    /// Skips the text of a template, from the character that begins it (a backtick or `}`) to the end of the template
    /// or the next `${`.
    fn template(&mut self) {
        self.index += 1;
        while let Some(&byte) = self.bytes.get(self.index) {
            self.index += 1;
            match byte {
                b'\\' => self.index += 1,
                b'`' => break,
                b'$' if self.bytes.get(self.index) == Some(&b'{') => {
                    self.index += 1;
                    self.open(Bracket::Template);
                    self.last = Last::Operator;
                    return;
                }
                _ => {}
            }
        }
        self.last = Last::Operand;
    }

    /// Skips a regular expression, or one character if it does not end on its line.
    fn regular_expression(&mut self) {
        let mut in_class = false;
        let mut index = self.index + 1;
        self.index += 1;
        while let Some(&byte) = self.bytes.get(index) {
            index += 1;
            match byte {
                b'\\' => index += 1,
                b'\n' => return,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    self.index = index;
                    self.last = Last::Operand;
                    return;
                }
                _ => {}
            }
        }
    }

    /// Moves after the next occurrence of `end`, or to the end of the text.
    fn skip_past(&mut self, end: &[u8]) {
        let rest = self.bytes.get(self.index..).unwrap_or_default();
        let found = rest.windows(end.len()).position(|window| window == end);
        self.index = found.map_or(self.bytes.len(), |at| self.index + at + end.len());
    }
}

fn is_word(byte: u8) -> bool {
    // With `.`, so that `x.return` is one word and not a keyword.
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#' | b'.' | b'\\' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_and_generics_that_end_do_not_add_up() {
        for piece in
            ["for(i=0;i<n;i++)f(i);", "if(a<b&&c<d)return e<f;", "x<T<U>>(y);", "while(a<b)a++;", "g<T>(h<U>(1));"]
        {
            assert_eq!(exhausts(&piece.repeat(100_000)), None, "{piece}");
        }
    }

    #[test]
    fn what_stands_in_strings_templates_comments_and_regular_expressions_does_not_count() {
        let quiet = "a<b<".repeat(5_000);
        let pieces = [
            format!("'{quiet}'"),
            format!("\"\\\"{quiet}\""),
            format!("`{quiet}${{`{quiet}`}}{quiet}`"),
            format!("/* {quiet} */"),
            format!("// {quiet}\n"),
            format!("x = /[/]{quiet}/"),
        ];
        for piece in pieces {
            assert_eq!(exhausts(&piece), None, "{}", &piece[..9]);
        }
    }

    #[test]
    fn a_thousand_open_tries_in_one_another_are_too_many() {
        assert!(exhausts(&"a<b<".repeat(1_000)).is_some());
        assert!(exhausts(&"a<-1,".repeat(2_000)).is_some());
        assert!(exhausts(&"a<!b<".repeat(2_000)).is_some());
        assert!(exhausts(&"<T>(a=".repeat(2_000)).is_some());
        assert!(exhausts(&"(a=".repeat(1_500)).is_some());
        assert_eq!(exhausts(&"a<b<".repeat(200)), None);
        assert_eq!(exhausts(&format!("{}{}", "(a=".repeat(800), ")".repeat(800))), None);
    }

    #[test]
    fn brackets_in_regular_expressions_do_not_add_up() {
        assert_eq!(exhausts(&"function f(){if(x)/[(]{>(/.test(y);return a>(b)}".repeat(20_000)), None);
        assert_eq!(exhausts(&"function f(){return/[(]>(/.test(y)}".repeat(20_000)), None);
    }
}
