//! Fills in the page.

use crate::PAGE;

/// Returns the page for one visitor, with the vendor's `name` and the `accent` colour if there is one (`#rrggbb`). The
/// policy in the response's header allows style elements with this `nonce`; it must be different in every response.
#[must_use]
pub fn page(name: &str, accent: Option<&str>, nonce: &str) -> String {
    fill(PAGE, |placeholder| match placeholder {
        "name" => Some(name),
        "accent" => Some(accent.unwrap_or_default()),
        "nonce" => Some(nonce),
        _ => None,
    })
}

/// Replaces `{{placeholders}}` by escaped values. A placeholder inside a value is not replaced.
fn fill<'a>(template: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut filled = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        if let Some((value, after)) = after.split_once("}}").and_then(|(name, after)| Some((value(name)?, after))) {
            escape(value, &mut filled);
            rest = after;
        } else {
            filled.push_str("{{");
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

/// Appends text, escaped for HTML content and attributes.
fn escape(text: &str, into: &mut String) {
    for symbol in text.chars() {
        match symbol {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            _ => into.push(symbol),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_of_the_page_is_filled_in() {
        let page = page("Acme", Some("#12ab34"), "n0nce");
        assert!(!page.contains("{{"), "{page}");
        assert!(page.contains("<title>Acme</title>"));
        assert!(page.contains("\"#12ab34\""));
        assert!(page.contains("nonce=\"n0nce\""));
    }

    #[test]
    fn what_is_filled_in_is_text_and_never_markup() {
        let page = page("</title><script>\"'&", None, "n");
        assert!(page.contains("<title>&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;</title>"), "{page}");
    }

    #[test]
    fn a_value_that_looks_like_a_placeholder_stays_as_it_is() {
        let filled = fill("{{a}}{{b}} {{c {{", |name| match name {
            "a" => Some("{{b}}"),
            "b" => Some("2"),
            _ => None,
        });
        assert_eq!(filled, "{{b}}2 {{c {{");
    }
}
