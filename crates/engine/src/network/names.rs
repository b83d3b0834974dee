//! Which names a sandbox has found which addresses under.

use std::collections::VecDeque;
use std::net::IpAddr;

/// The most addresses that are remembered of one sandbox; the oldest ones are forgotten first.
const MOST: usize = 1024;

/// Which names a sandbox has found which addresses under. Remembered as long as it lives, which is less than most answers may be kept.
#[derive(Debug, Default)]
pub(super) struct Names {
    found: VecDeque<(IpAddr, String)>,
}

impl Names {
    /// Remembers what a name stands for.
    pub(super) fn learn(&mut self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        for address in addresses {
            self.found.retain(|(known, under)| *known != address || under != name);
            if self.found.len() >= MOST {
                self.found.pop_front();
            }
            self.found.push_back((address, name.to_owned()));
        }
    }

    /// The names that an address was found under.
    pub(super) fn of(&self, address: IpAddr) -> Vec<&str> {
        self.found.iter().filter(|(known, _)| *known == address).map(|(_, name)| name.as_str()).collect()
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
        names.learn("a.example.com", [address]);
        names.learn("b.example.com", [address, IpAddr::from([1, 1, 1, 1])]);
        names.learn("a.example.com", [address]);
        assert_eq!(names.of(address), ["b.example.com", "a.example.com"]);
        names.learn("flood.example.com", (0..1023_u32).map(|number| IpAddr::from(Ipv4Addr::from(number))));
        assert_eq!(names.of(address), ["a.example.com"]);
        assert!(names.found.len() <= MOST);
    }
}
