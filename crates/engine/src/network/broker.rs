//! The broker of one sandbox: it answers the sandbox's questions.

use std::sync::{Arc, Weak};

use workers_domain::NetworkPolicy;

use super::Shared;
use super::desk::Desk;
use super::diag::Carried;
use super::dns::{NameService, NameSockets};
use super::judge::Judge;
use super::line::Line;
use super::meter::Account;
use super::open::Connections;
use crate::sandbox_io::SandboxIo;

/// The broker of one sandbox. Before it is started, and after it is dropped, nothing in the sandbox can connect to
/// anything.
#[derive(Debug)]
pub(crate) struct Broker {
    judge: Arc<Judge>,
    shared: Arc<Shared>,
    sandbox: String,
    /// Counts what the sandbox's connections carry, where that is counted.
    account: Option<Arc<Account>>,
}

impl Broker {
    /// Answers the sandbox's questions from now on. It does no work until there is one.
    pub(crate) fn start(
        sandbox: String,
        io: SandboxIo,
        sockets: Weak<dyn NameSockets>,
        policy: NetworkPolicy,
        shared: &Arc<Shared>,
    ) -> Self {
        let judge = Arc::new(Judge::new(policy, Arc::clone(&shared.uplink)));
        let names = NameService::new(sockets);
        let account = shared.uplink.meter.as_ref().map(|_| Arc::default());
        let (connections, booked) = (Connections::default(), account.clone());
        let line = Line::new(Desk { judge: Arc::clone(&judge), io, names, connections, account: booked });
        shared.open_line(sandbox.clone(), line);
        Self { judge, shared: Arc::clone(shared), sandbox, account }
    }

    /// Returns what the sandbox's connections to the outside have carried so far; `None` if that is not known.
    pub(crate) async fn carried(&self) -> Option<Carried> {
        self.account.as_ref()?.carried().await
    }

    /// Applies another policy from now on. Existing connections stay.
    pub(crate) fn change_policy(&self, policy: NetworkPolicy) {
        self.judge.change(policy);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.shared.close_line(&self.sandbox);
        if let (Some(meter), Some(account)) = (&self.shared.uplink.meter, &self.account) {
            meter.close(account);
        }
    }
}
