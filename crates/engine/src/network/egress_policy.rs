//! The egress policy of one sandbox: which connections and lookups are permitted.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use workers_domain::{DomainName, NetworkDenial, NetworkPolicy, destination, is_public};

use super::host_network::HostNetwork;
use super::resolved_names::ResolvedNames;
use super::route::leads_elsewhere;

/// The egress policy of one sandbox. A connection must be permitted by the sandbox's [`NetworkPolicy`], and its address
/// must be public and not the host's own, or in a range that the operator has opened. Counts what it permits and
/// denies.
#[derive(Debug)]
pub(super) struct EgressPolicy {
    rules: RwLock<NetworkPolicy>,
    host: Arc<HostNetwork>,
    names: Mutex<ResolvedNames>,
}

impl EgressPolicy {
    pub(super) fn new(rules: NetworkPolicy, host: Arc<HostNetwork>) -> Self {
        Self { rules: RwLock::new(rules), host, names: Mutex::default() }
    }

    /// Applies other rules from now on.
    pub(super) fn replace(&self, rules: NetworkPolicy) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    /// Checks whether a connection may be made, and counts it.
    pub(super) fn check_connection(&self, address: SocketAddr) -> Result<(), NetworkDenial> {
        let verdict = self.permits(address);
        self.host.observer.connection(verdict);
        verdict
    }

    /// Counts a connection that is denied whatever its address is.
    pub(super) fn count_denial(&self, denial: NetworkDenial) {
        self.host.observer.connection(Err(denial));
    }

    fn permits(&self, address: SocketAddr) -> Result<(), NetworkDenial> {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        // Differs from `ip` if that is the address of a gateway.
        let end = destination(ip);
        if !self.rules().permits(end, port, &self.names().of(end)) {
            return Err(NetworkDenial::Policy);
        }
        if self.host.open_ranges.iter().any(|range| range.contains(ip) || range.contains(end)) {
            return Ok(());
        }
        // If the kernel does not respond, the address is closed. The address of a gateway is checked in addition to the
        // address that it stands for.
        let is_elsewhere = |address: IpAddr| leads_elsewhere(address).unwrap_or(false);
        let is_open = is_public(ip) && is_elsewhere(ip) && (end == ip || is_elsewhere(end));
        if is_open { Ok(()) } else { Err(NetworkDenial::ClosedAddress) }
    }

    /// Checks whether a name may be looked up, and counts it. `None` is a name that no host can have.
    pub(super) fn check_lookup(&self, name: Option<&DomainName>) -> bool {
        let permitted = self.rules().permits_name(name);
        self.host.observer.lookup(permitted);
        permitted
    }

    /// Adds the addresses of a permitted name, if the rules depend on names.
    pub(super) fn add_resolved(&self, name: &DomainName, addresses: impl IntoIterator<Item = IpAddr>) {
        if matches!(*self.rules(), NetworkPolicy::AllowList(_)) {
            // `permits` looks names up by the address behind a gateway, too.
            self.names().insert(name, addresses.into_iter().map(destination));
        }
    }

    /// Returns the host's network.
    pub(super) fn host(&self) -> &HostNetwork {
        &self.host
    }

    fn rules(&self) -> RwLockReadGuard<'_, NetworkPolicy> {
        // Replaced as a whole, so a panic elsewhere leaves no inconsistent state.
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> MutexGuard<'_, ResolvedNames> {
        // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use workers_domain::ports::NoNetworkObserver;

    use super::*;

    fn policy(rules: &str, open: &[&str]) -> EgressPolicy {
        let open = open.iter().map(|range| range.parse().unwrap()).collect();
        let host = HostNetwork::new(open, Vec::new(), Arc::new(NoNetworkObserver)).unwrap();
        EgressPolicy::new(rules.parse().unwrap(), Arc::new(host))
    }

    fn check(policy: &EgressPolicy, address: &str) -> Result<(), NetworkDenial> {
        policy.check_connection(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_open_unless_the_policy_denies_them() {
        for address in
            ["93.184.216.34:443", "[::ffff:93.184.216.34]:443", "[2606:2800:21f::1]:25", "[64:ff9b::5db8:d822]:80"]
        {
            assert_eq!(check(&policy("allow-all", &[]), address), Ok(()), "{address}");
            assert_eq!(
                check(&policy("deny-all", &["0.0.0.0/0", "::/0"]), address),
                Err(NetworkDenial::Policy),
                "{address}"
            );
        }
    }

    #[test]
    fn what_is_closed_is_closed_in_every_form_unless_the_operator_has_opened_it() {
        let forms = ["10.1.2.3:80", "[::ffff:10.1.2.3]:80", "[64:ff9b::a01:203]:80"];
        for address in forms {
            assert_eq!(
                check(&policy("allow-all", &["10.9.0.0/16"]), address),
                Err(NetworkDenial::ClosedAddress),
                "{address}"
            );
            assert_eq!(check(&policy("10.0.0.0/8:80", &[]), address), Err(NetworkDenial::ClosedAddress), "{address}");
            assert_eq!(check(&policy("allow-all", &["10.1.0.0/16"]), address), Ok(()), "{address}");
            assert_eq!(check(&policy("10.0.0.0/8:80", &["10.0.0.0/8"]), address), Ok(()), "{address}");
            assert_eq!(
                check(&policy("10.0.0.0/8:81", &["10.0.0.0/8"]), address),
                Err(NetworkDenial::Policy),
                "{address}"
            );
        }
        for address in [
            "127.0.0.1:80",
            "169.254.169.254:80",
            "[fd00:ec2::254]:80",
            "[fe80::1]:80",
            "[::7f00:1]:80",
            "[2002:a00:1::]:80",
        ] {
            assert_eq!(check(&policy("allow-all", &[]), address), Err(NetworkDenial::ClosedAddress), "{address}");
        }
    }

    #[test]
    fn another_policy_applies_from_the_next_connection_on() {
        let policy = policy("allow-all", &[]);
        assert_eq!(check(&policy, "93.184.216.34:443"), Ok(()));
        policy.replace(NetworkPolicy::DenyAll);
        assert_eq!(check(&policy, "93.184.216.34:443"), Err(NetworkDenial::Policy));
        assert!(!policy.check_lookup(Some(&"example.com".parse().unwrap())));
    }

    #[test]
    fn a_listed_name_opens_its_addresses_and_no_closed_one() {
        let policy = policy("*.example.com:5432", &[]);
        let [db, parent] = ["DB.example.com", "example.com"].map(|name| name.parse().unwrap());
        assert!(policy.check_lookup(Some(&db)) && !policy.check_lookup(Some(&parent)) && !policy.check_lookup(None));
        assert_eq!(check(&policy, "93.184.216.34:5432"), Err(NetworkDenial::Policy));
        policy.add_resolved(&db, ["93.184.216.34", "10.0.0.1"].map(|address| address.parse().unwrap()));
        assert_eq!(check(&policy, "93.184.216.34:5432"), Ok(()));
        assert_eq!(check(&policy, "[::ffff:93.184.216.34]:5432"), Ok(()));
        assert_eq!(check(&policy, "93.184.216.34:443"), Err(NetworkDenial::Policy));
        assert_eq!(check(&policy, "10.0.0.1:5432"), Err(NetworkDenial::ClosedAddress));
    }
}
