//! What protects a server that needs no token, where nobody else is on this machine. Web pages are: a page of another
//! site may send requests to loopback (they carry its `Origin`), or have its own name resolve to loopback (they carry
//! its name as `Host`).

use workers_domain::Authority;

/// The name that the client knows us by, if it is one of this machine's own. A request target may name a host beside
/// the header, or in its place; a request that names two different ones, or none, is refused: `None`.
pub fn own_name<'a>(hosts: impl IntoIterator<Item = &'a [u8]>, target: Option<&'a str>) -> Option<Authority> {
    let named = hosts.into_iter().chain(target.map(str::as_bytes));
    Authority::agreed(named).filter(|authority| authority.host.is_loopback())
}

/// Whether all values of the header `Sec-Fetch-Site` say that no page of another site asked.
pub fn is_own_site<'a>(sites: impl IntoIterator<Item = &'a [u8]>) -> bool {
    sites.into_iter().all(|site| [&b"same-origin"[..], b"none"].contains(&site))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(hosts: &[&'static str], target: Option<&'static str>) -> bool {
        own_name(hosts.iter().map(|host| host.as_bytes()), target).is_some()
    }

    #[test]
    fn an_absolute_target_names_the_host_where_no_header_does() {
        assert!(is_own(&[], Some("localhost:3000")));
        assert!(!is_own(&[], Some("evil.example")));
        assert!(!is_own(&[], None));
    }

    #[test]
    fn a_header_and_a_target_that_disagree_are_refused() {
        assert!(is_own(&["localhost"], Some("localhost")));
        assert!(!is_own(&["localhost"], Some("evil.example")));
        assert!(!is_own(&["evil.example"], Some("localhost")));
        assert!(!is_own(&["localhost", "evil.example"], None));
    }

    #[test]
    fn one_page_of_another_site_among_several_is_enough() {
        assert!(is_own_site([]) && is_own_site([&b"none"[..], b"same-origin"]));
        assert!(!is_own_site([&b"same-origin"[..], b"cross-site"]));
    }
}
