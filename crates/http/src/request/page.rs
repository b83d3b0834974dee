//! Pagination parameters: `?limit=&cursor=`, and the `Link` to the next page.
//!
//! The cursor in a URL is the repository's [`PageCursor`] in base64. The only promise to clients is that the list
//! continues from there.

use std::num::NonZeroU32;

use actix_web::HttpRequest;
use actix_web::web::Query;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use workers_domain::ports::PageCursor;

use crate::error::{ApiError, ErrorCode, invalid_cursor};

/// The requested page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The requested maximum number of entries, if any.
    pub(crate) limit: Option<NonZeroU32>,
    /// Where the page begins; `None` for the first page.
    pub(crate) after: Option<PageCursor>,
}

/// Reads the requested page. Ignores other parameters.
pub(crate) fn read_page(request: &HttpRequest, maximum: NonZeroU32) -> Result<Page, ApiError> {
    parse_page(request.query_string(), maximum)
}

impl Page {
    /// Returns the value of a `Link` header to this page. The link has no path, so it also works behind a proxy that
    /// adds one, and in an application that mounts the API anywhere.
    pub(crate) fn to_link(&self) -> String {
        let limit = self.limit.map(|limit| format!("limit={limit}"));
        // The alphabet of this encoding needs no escaping in a URL, and no quoting in the header.
        let cursor =
            self.after.as_ref().map(|after| format!("cursor={}", BASE64_URL_SAFE_NO_PAD.encode(after.as_bytes())));
        let query: Vec<String> = limit.into_iter().chain(cursor).collect();
        format!("<?{}>; rel=\"next\"", query.join("&"))
    }
}

fn parse_page(query: &str, maximum: NonZeroU32) -> Result<Page, ApiError> {
    // Pairs and no struct, so that a parameter that is given twice can be refused with its own code.
    let pairs = Query::<Vec<(String, String)>>::from_query(query).map_err(|error| {
        ApiError::new(ErrorCode::BadRequest, "the query of the URL is malformed").because(error.to_string())
    })?;
    let limit = only(&pairs, "limit").map_err(|DuplicateParameter| invalid_limit(maximum))?;
    let limit = limit.map(|text| parse_limit(text, maximum).ok_or_else(|| invalid_limit(maximum))).transpose()?;
    let cursor = only(&pairs, "cursor").map_err(|DuplicateParameter| invalid_cursor())?;
    let after = cursor.map(|text| parse_cursor(text).ok_or_else(invalid_cursor)).transpose()?;
    Ok(Page { limit, after })
}

/// The error for a parameter that occurs more than once.
struct DuplicateParameter;

fn only<'a>(pairs: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, DuplicateParameter> {
    let mut values = pairs.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let value = values.next();
    if values.next().is_some() { Err(DuplicateParameter) } else { Ok(value) }
}

fn parse_limit(text: &str, maximum: NonZeroU32) -> Option<NonZeroU32> {
    // `parse` would accept a sign; the API does not.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|limit| is_number && *limit <= maximum)
}

fn parse_cursor(text: &str) -> Option<PageCursor> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    (!bytes.is_empty()).then(|| PageCursor::from_bytes(bytes))
}

fn invalid_limit(maximum: NonZeroU32) -> ApiError {
    ApiError::new(ErrorCode::InvalidLimit, format!("`limit` must be one whole number from 1 to {maximum}"))
        .with("minimum", 1)
        .with("maximum", maximum.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAXIMUM: NonZeroU32 = NonZeroU32::new(1000).unwrap();

    fn code(query: &str) -> &'static str {
        parse_page(query, MAXIMUM).unwrap_err().code().as_str()
    }

    #[test]
    fn the_link_of_a_page_leads_to_it() {
        for limit in [None, NonZeroU32::new(1), Some(MAXIMUM)] {
            let page = Page { limit, after: Some(PageCursor::from_bytes(vec![0xff, 0xfe, b'>', b'"', 0])) };
            let link = page.to_link();
            let query = link.strip_prefix("<?").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
            assert!(query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=&".contains(&byte)), "{query}");
            assert_eq!(parse_page(query, MAXIMUM).unwrap(), page);
        }
    }

    #[test]
    fn without_parameters_it_is_the_first_page_and_others_are_left_alone() {
        let first = Page { limit: None, after: None };
        for query in ["", "&", "_=17", "limits=7&Limit=x&cursors", "name=%ff"] {
            assert_eq!(parse_page(query, MAXIMUM).unwrap(), first, "{query}");
        }
        assert_eq!(parse_page("%6Cimit=%37&_", MAXIMUM).unwrap().limit, NonZeroU32::new(7));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in [
            "",
            "0",
            "00",
            "-1",
            "+1",
            "%2B1",
            "1.5",
            "1e2",
            "0x10",
            "1001",
            "4294967296",
            "99999999999999999999",
            "ten",
            "%201",
        ] {
            assert_eq!(code(&format!("limit={text}")), "invalid_limit", "{text}");
        }
        assert_eq!(code("limit"), "invalid_limit");
        assert_eq!(code("limit=1&limit=1"), "invalid_limit");
        assert_eq!(code("limit=1000&limit="), "invalid_limit");
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "%20", "a", "a b", "YWJj=", "YW==", "a+b/", "%F0%9F%A6%80", "YWJ%00"] {
            assert_eq!(code(&format!("cursor={text}")), "invalid_cursor", "{text}");
        }
        assert_eq!(code("cursor"), "invalid_cursor");
        assert_eq!(code("cursor=YWJj&cursor=YWJj"), "invalid_cursor");
    }
}
