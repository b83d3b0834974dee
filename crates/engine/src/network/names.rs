//! Remembers under which names a sandbox has found which addresses.

use std::collections::VecDeque;
use std::net::IpAddr;

use workers_domain::DomainName;

/// The most addresses that are remembered per sandbox; the oldest ones are dropped first.
const MOST: usize = 1024;

/// The names under which a sandbox has found addresses. They are remembered as long as the sandbox lives, which is
/// shorter than the time for which most DNS responses may be cached.
#[derive(Debug, Default)]
pub(super) struct Names {
    found: VecDeque<(IpAddr, DomainName)>,
}

impl Names {
    /// Remembers the addresses of a name.
    pub(super) fn learn(&mut self, name: &DomainName, addresses: impl IntoIterator<Item = IpAddr>) {
        for address in addresses {
            self.found.retain(|(known, under)| *known != address || under != name);
            if self.found.len() >= MOST {
                self.found.pop_front();
            }
            self.found.push_back((address, name.clone()));
        }
    }

    /// Returns the names that an address was found under.
    pub(super) fn of(&self, address: IpAddr) -> Vec<&DomainName> {
        self.found.iter().filter(|(known, _)| *known == address).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_is_known_under_all_its_names_until_there_are_too_many_newer_ones() {
        let mut names = Names::default();
        let address = IpAddr::from([93, 184, 216, 34]);
        let [a, b, flood] =
            ["a.example.com", "b.example.com", "flood.example.com"].map(|name| name.parse::<DomainName>().unwrap());
        names.learn(&a, [address]);
        names.learn(&b, [address, IpAddr::from([1, 1, 1, 1])]);
        names.learn(&a, [address]);
        assert_eq!(names.of(address), [&b, &a]);
        names.learn(&flood, (0..1023_u32).map(|number| IpAddr::from(Ipv4Addr::from(number))));
        assert_eq!(names.of(address), [&a]);
        assert!(names.found.len() <= MOST);
    }
}
