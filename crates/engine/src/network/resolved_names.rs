//! The names that a sandbox has looked up, by address: a rule for a name permits the addresses of that name.

use std::collections::VecDeque;
use std::net::IpAddr;

use workers_domain::DomainName;

/// The most addresses that are kept per sandbox; the oldest ones are dropped first.
const MOST: usize = 1024;

/// The names that a sandbox has looked up, with their addresses. They are kept as long as the sandbox lives, which is
/// shorter than the time for which most DNS responses may be cached.
#[derive(Debug, Default)]
pub(super) struct ResolvedNames {
    entries: VecDeque<(IpAddr, DomainName)>,
}

impl ResolvedNames {
    /// Adds the addresses of a name.
    pub(super) fn insert(&mut self, name: &DomainName, addresses: impl IntoIterator<Item = IpAddr>) {
        for address in addresses {
            // A name that is looked up again moves to the end, so that it is not the first one to be dropped.
            self.entries.retain(|(known, under)| *known != address || under != name);
            if self.entries.len() >= MOST {
                self.entries.pop_front();
            }
            self.entries.push_back((address, name.clone()));
        }
    }

    /// Returns the names whose lookup returned this address.
    pub(super) fn of(&self, address: IpAddr) -> Vec<&DomainName> {
        self.entries.iter().filter(|(known, _)| *known == address).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_is_known_under_all_its_names_until_there_are_too_many_newer_ones() {
        let mut names = ResolvedNames::default();
        let address = IpAddr::from([93, 184, 216, 34]);
        let [a, b, flood] =
            ["a.example.com", "b.example.com", "flood.example.com"].map(|name| name.parse::<DomainName>().unwrap());
        names.insert(&a, [address]);
        names.insert(&b, [address, IpAddr::from([1, 1, 1, 1])]);
        names.insert(&a, [address]);
        assert_eq!(names.of(address), [&b, &a]);
        // One address less than there is room for, so only the newest of the earlier ones stays.
        names.insert(&flood, (0..1023_u32).map(|number| IpAddr::from(Ipv4Addr::from(number))));
        assert_eq!(names.of(address), [&a]);
        assert!(names.entries.len() <= MOST);
    }
}
