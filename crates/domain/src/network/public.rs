//! Classification of addresses: public or not.

use std::net::{IpAddr, Ipv4Addr};

use super::AddressRange;

/// IPv4 addresses that are not public.
const NOT_PUBLIC: [AddressRange; 17] = [
    AddressRange::v4([0, 0, 0, 0], 8),          // this network
    AddressRange::v4([10, 0, 0, 0], 8),         // private
    AddressRange::v4([100, 64, 0, 0], 10),      // shared between a provider and its customers
    AddressRange::v4([127, 0, 0, 0], 8),        // loopback
    AddressRange::v4([168, 63, 129, 16], 32),   // Azure's platform service, which gives virtual machines their secrets
    AddressRange::v4([169, 254, 0, 0], 16),     // link-local, clouds' metadata
    AddressRange::v4([172, 16, 0, 0], 12),      // private
    AddressRange::v4([192, 0, 0, 0], 24),       // protocol assignments
    AddressRange::v4([192, 0, 2, 0], 24),       // documentation
    AddressRange::v4([192, 88, 99, 0], 24),     // relays of 6to4
    AddressRange::v4([192, 168, 0, 0], 16),     // private
    AddressRange::v4([198, 18, 0, 0], 15),      // benchmarks
    AddressRange::v4([198, 51, 100, 0], 24),    // documentation
    AddressRange::v4([203, 0, 113, 0], 24),     // documentation
    AddressRange::v4([224, 0, 0, 0], 4),        // multicast
    AddressRange::v4([240, 0, 0, 0], 4),        // reserved
    AddressRange::v4([255, 255, 255, 255], 32), // broadcast
];

/// The IPv6 range that is assigned to networks. All other IPv6 addresses are special: unspecified, loopback, older
/// forms of IPv4, a network's own NAT64, unique local, link-local, site-local, multicast, and ranges that are not yet
/// assigned to any use.
const GLOBAL_UNICAST: AddressRange = AddressRange::v6([0x2000, 0, 0, 0], 3);

/// Ranges inside `GLOBAL_UNICAST` that are not public.
const NOT_GLOBAL: [AddressRange; 4] = [
    AddressRange::v6([0x2001, 0, 0, 0], 23), // protocol assignments: Teredo, benchmarks, identifiers
    AddressRange::v6([0x2001, 0xdb8, 0, 0], 32), // documentation
    AddressRange::v6([0x2002, 0, 0, 0], 16), // 6to4
    AddressRange::v6([0x3fff, 0, 0, 0], 20), // documentation
];

/// The well-known prefix of NAT64 gateways to IPv4. The last four bytes of such an address are the IPv4 address.
const NAT64: AddressRange = AddressRange::v6([0x64, 0xff9b, 0, 0], 96);

/// Returns the address where a connection really ends: the embedded IPv4 address for an IPv4-mapped or NAT64 address,
/// otherwise the address itself.
#[must_use]
pub fn destination(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(translated) if NAT64.contains(IpAddr::V6(translated)) => {
            let [.., a, b, c, d] = translated.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        canonical => canonical,
    }
}

/// Returns whether a connection to this address ends at a public internet address: not in a private network, not on
/// this host, not at a cloud's metadata service, and not at an address without a single owner.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    let address = destination(address);
    let is_in = |ranges: &[AddressRange]| ranges.iter().any(|range| range.contains(address));
    if address.is_ipv4() { !is_in(&NOT_PUBLIC) } else { GLOBAL_UNICAST.contains(address) && !is_in(&NOT_GLOBAL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_public_internet_are_distinguished_from_the_rest_at_the_edges_of_every_range() {
        let closed = [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("168.63.129.16", "168.63.129.16"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "255.255.255.255"),
        ];
        for (first, last) in closed {
            let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse().unwrap(), last.parse().unwrap());
            // Each address also in the forms of IPv6 that lead to it.
            for address in [first, last] {
                assert!(!is_public(address.into()), "{address}");
                assert!(!is_public(address.to_ipv6_mapped().into()), "mapped {address}");
                assert!(!is_public(address.to_ipv6_compatible().into()), "compatible {address}");
                let translated = format!("64:ff9b::{address}");
                assert!(!is_public(translated.parse().unwrap()), "{translated}");
            }
            for neighbour in [first.to_bits().checked_sub(1), last.to_bits().checked_add(1)].into_iter().flatten() {
                let neighbour = Ipv4Addr::from(neighbour);
                // An address next to a range is public: no range is too wide.
                assert!(is_public(neighbour.into()), "{neighbour}");
                assert!(is_public(neighbour.to_ipv6_mapped().into()), "mapped {neighbour}");
                assert!(!is_public(neighbour.to_ipv6_compatible().into()), "compatible {neighbour}");
            }
        }
    }

    #[test]
    fn of_ipv6_only_global_unicast_is_public_and_not_all_of_it() {
        let closed = [
            "::",
            "::1",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            "100::1",
            "1fff:ffff::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:a00:1::",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ];
        for address in closed {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in
            ["2000::1", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "3ffe::1", "64:ff9b::808:808"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
