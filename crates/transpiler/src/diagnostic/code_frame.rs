//! Renders the source lines around an error.

use super::LineIndex;

/// Number of lines shown before the line with the error.
const LINES_BEFORE: usize = 2;
/// Number of lines shown after it.
const LINES_AFTER: usize = 2;
/// Number of characters of a line that are shown; a minified bundle is one line of megabytes.
const WIDTH: usize = 100;

/// Renders the lines around `line` (from 0) and a caret under the character `character` (from 0), `length` characters
/// long.
pub(super) fn render(index: &LineIndex<'_>, line: usize, character: usize, length: usize) -> String {
    let first = line.saturating_sub(LINES_BEFORE);
    let last = (line + LINES_AFTER).min(index.len() - 1);
    let gutter = (last + 1).to_string().len();
    let skip = if character + 8 < WIDTH { 0 } else { character - WIDTH / 2 };
    let mut frame = String::new();
    for number in first..=last {
        let mark = if number == line { '>' } else { ' ' };
        let text = clip(index.line(number), skip);
        frame.push_str(format!("{mark} {:>gutter$} | {text}", number + 1).trim_end());
        frame.push('\n');
        if number == line {
            // Tabs stay tabs, because their width is known to the terminal only.
            let before: String = index
                .line(number)
                .chars()
                .skip(skip)
                .take(character - skip)
                .map(|symbol| if symbol == '\t' { '\t' } else { ' ' })
                .collect();
            let ellipsis = if skip > 0 { " " } else { "" };
            // At least one, because an error at the end of a line marks no character.
            let carets = "^".repeat(length.clamp(1, WIDTH.saturating_sub(character - skip).max(1)));
            frame.extend([" ".repeat(gutter + 2).as_str(), " | ", ellipsis, &before, &carets, "\n"]);
        }
    }
    frame.truncate(frame.trim_end().len());
    frame
}

/// Returns the part of a line that is shown: with an ellipsis where something was cut off, and without control
/// characters.
fn clip(line: &str, skip: usize) -> String {
    let mut rest = line.chars().skip(skip);
    let mut text = String::new();
    if skip > 0 && !line.is_empty() {
        text.push('…');
    }
    // An escape sequence in a bundle must not act on the terminal of its reader.
    text.extend(
        rest.by_ref().take(WIDTH).map(|symbol| if symbol.is_control() && symbol != '\t' { '\u{FFFD}' } else { symbol }),
    );
    if rest.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_mistake() {
        let index = LineIndex::new("one\ntwo three\nfour\nfive\nsix");
        insta::assert_snapshot!(render(&index, 1, 4, 5), @r"
          1 | one
        > 2 | two three
            |     ^^^^^
          3 | four
          4 | five
        ");
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_mistake() {
        let line = format!("{}HERE{}", "a".repeat(5000), "b".repeat(5000));
        let frame = render(&LineIndex::new(&line), 0, 5000, 4);
        let lines: Vec<&str> = frame.lines().collect();
        assert!(lines[0].chars().count() < 120);
        let caret = lines[1].chars().position(|symbol| symbol == '^').unwrap();
        assert_eq!(lines[0].chars().skip(caret).take(4).collect::<String>(), "HERE");
    }

    #[test]
    fn tabs_before_the_mistake_are_kept_so_that_the_caret_lines_up() {
        let frame = render(&LineIndex::new("\t\tx"), 0, 2, 1);
        assert_eq!(frame, "> 1 | \t\tx\n    | \t\t^");
    }

    #[test]
    fn control_characters_are_made_harmless() {
        assert_eq!(render(&LineIndex::new("a\u{1b}[31mb"), 0, 0, 1), "> 1 | a\u{FFFD}[31mb\n    | ^");
    }
}
