//! Applies the policy of one sandbox.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use workers_domain::{DomainName, NetworkDenial, NetworkPolicy, destination, is_public};

use super::names::Names;
use super::route::leads_elsewhere;
use super::uplink::Uplink;

/// The policy of one sandbox, with the state to apply it.
#[derive(Debug)]
pub(super) struct Judge {
    policy: RwLock<NetworkPolicy>,
    uplink: Arc<Uplink>,
    names: Mutex<Names>,
}

impl Judge {
    pub(super) fn new(policy: NetworkPolicy, uplink: Arc<Uplink>) -> Self {
        Self { policy: RwLock::new(policy), uplink, names: Mutex::default() }
    }

    /// Applies another policy from now on.
    pub(super) fn change(&self, policy: NetworkPolicy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// Decides whether a connection may be made, and counts it.
    pub(super) fn connection(&self, address: SocketAddr) -> Result<(), NetworkDenial> {
        let verdict = self.permits(address);
        self.uplink.observer.connection(verdict);
        verdict
    }

    /// Counts a connection that is denied without a look at its address.
    pub(super) fn denied(&self, denial: NetworkDenial) {
        self.uplink.observer.connection(Err(denial));
    }

    fn permits(&self, address: SocketAddr) -> Result<(), NetworkDenial> {
        let (asked, port) = (address.ip().to_canonical(), address.port());
        let end = destination(asked);
        if !self.policy().permits(end, port, &self.names().of(end)) {
            return Err(NetworkDenial::Policy);
        }
        if self.uplink.open.iter().any(|range| range.contains(asked) || range.contains(end)) {
            return Ok(());
        }
        // If the kernel does not respond, the address is closed. The address of a gateway is checked in addition to the
        // address that it stands for.
        let is_elsewhere = |address: IpAddr| leads_elsewhere(address).unwrap_or(false);
        let is_open = is_public(asked) && is_elsewhere(asked) && (end == asked || is_elsewhere(end));
        if is_open { Ok(()) } else { Err(NetworkDenial::ClosedAddress) }
    }

    /// Returns whether a name may be looked up, and counts it. `None` is a name that no host can have.
    pub(super) fn lookup(&self, name: Option<&DomainName>) -> bool {
        let permitted = self.policy().permits_name(name);
        self.uplink.observer.lookup(permitted);
        permitted
    }

    /// Remembers the addresses of a permitted name, if the policy depends on names.
    pub(super) fn learn(&self, name: &DomainName, addresses: impl IntoIterator<Item = IpAddr>) {
        if matches!(*self.policy(), NetworkPolicy::AllowList(_)) {
            self.names().learn(name, addresses.into_iter().map(destination));
        }
    }

    /// Returns the host's network.
    pub(super) fn uplink(&self) -> &Uplink {
        &self.uplink
    }

    fn policy(&self) -> RwLockReadGuard<'_, NetworkPolicy> {
        // Replaced as a whole, so a panic elsewhere leaves no inconsistent state.
        self.policy.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use workers_domain::ports::NoNetworkObserver;

    use super::*;

    fn judge(policy: &str, open: &[&str]) -> Judge {
        let open = open.iter().map(|range| range.parse().unwrap()).collect();
        let uplink = Uplink::new(open, Vec::new(), Arc::new(NoNetworkObserver)).unwrap();
        Judge::new(policy.parse().unwrap(), Arc::new(uplink))
    }

    fn verdict(judge: &Judge, address: &str) -> Result<(), NetworkDenial> {
        judge.connection(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_open_unless_the_policy_denies_them() {
        for address in
            ["93.184.216.34:443", "[::ffff:93.184.216.34]:443", "[2606:2800:21f::1]:25", "[64:ff9b::5db8:d822]:80"]
        {
            assert_eq!(verdict(&judge("allow-all", &[]), address), Ok(()), "{address}");
            assert_eq!(
                verdict(&judge("deny-all", &["0.0.0.0/0", "::/0"]), address),
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
                verdict(&judge("allow-all", &["10.9.0.0/16"]), address),
                Err(NetworkDenial::ClosedAddress),
                "{address}"
            );
            assert_eq!(verdict(&judge("10.0.0.0/8:80", &[]), address), Err(NetworkDenial::ClosedAddress), "{address}");
            assert_eq!(verdict(&judge("allow-all", &["10.1.0.0/16"]), address), Ok(()), "{address}");
            assert_eq!(verdict(&judge("10.0.0.0/8:80", &["10.0.0.0/8"]), address), Ok(()), "{address}");
            assert_eq!(
                verdict(&judge("10.0.0.0/8:81", &["10.0.0.0/8"]), address),
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
            assert_eq!(verdict(&judge("allow-all", &[]), address), Err(NetworkDenial::ClosedAddress), "{address}");
        }
    }

    #[test]
    fn another_policy_counts_from_the_next_connection_on() {
        let judge = judge("allow-all", &[]);
        assert_eq!(verdict(&judge, "93.184.216.34:443"), Ok(()));
        judge.change(NetworkPolicy::DenyAll);
        assert_eq!(verdict(&judge, "93.184.216.34:443"), Err(NetworkDenial::Policy));
        assert!(!judge.lookup(Some(&"example.com".parse().unwrap())));
    }

    #[test]
    fn a_listed_name_opens_its_addresses_and_no_closed_one() {
        let judge = judge("*.example.com:5432", &[]);
        let [db, parent] = ["DB.example.com", "example.com"].map(|name| name.parse().unwrap());
        assert!(judge.lookup(Some(&db)) && !judge.lookup(Some(&parent)) && !judge.lookup(None));
        assert_eq!(verdict(&judge, "93.184.216.34:5432"), Err(NetworkDenial::Policy));
        judge.learn(&db, ["93.184.216.34", "10.0.0.1"].map(|address| address.parse().unwrap()));
        assert_eq!(verdict(&judge, "93.184.216.34:5432"), Ok(()));
        assert_eq!(verdict(&judge, "[::ffff:93.184.216.34]:5432"), Ok(()));
        assert_eq!(verdict(&judge, "93.184.216.34:443"), Err(NetworkDenial::Policy));
        assert_eq!(verdict(&judge, "10.0.0.1:5432"), Err(NetworkDenial::ClosedAddress));
    }
}
