//! Checks that protect a server without a token, which only local programs can reach. Web pages count as local too,
//! because they run in a local browser: a page of another site may send requests to loopback (they carry its `Origin`),
//! or make its own name resolve to loopback (they carry its name as `Host`).

use workers_domain::Authority;

/// Returns the name under which the client addresses us, if it is a loopback name. A request target may contain a host,
/// in addition to the header or instead of it. Returns `None`, and the request must be refused, if the request names
/// two different hosts or none.
pub fn own_name<'a>(hosts: impl IntoIterator<Item = &'a [u8]>, target: Option<&'a str>) -> Option<Authority> {
    let named = hosts.into_iter().chain(target.map(str::as_bytes));
    Authority::agreed(named).filter(|authority| authority.host.is_loopback())
}

/// Returns whether all values of the header `Sec-Fetch-Site` say that the request does not come from a page of another
/// site.
pub fn is_own_site<'a>(sites: impl IntoIterator<Item = &'a [u8]>) -> bool {
    // `same-site` is not enough: another port of this host is the same site, but another origin.
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
