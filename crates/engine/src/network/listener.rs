//! Receives the calls that the seccomp filter reports from the processes of all sandboxes, and puts each into the queue
//! of its sandbox.
//!
//! One descriptor serves a launcher and all that it makes, so a sandbox without connections costs nothing. A separate
//! thread receives; for each call it only finds out which sandbox the call comes from.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use tokio::runtime::Handle;
use workers_engine_sys::notify::{NotifyFd, TryReceive};

use super::EngineNetwork;
use super::pending_call::PendingCall;

/// Receives the calls of a launcher's sandboxes until it is dropped. Calls after that fail with `ENOSYS`.
#[derive(Debug)]
pub(crate) struct NotifyListener {
    /// A write to it ends the thread.
    stop: Arc<OwnedFd>,
}

impl NotifyListener {
    /// Begins to receive the calls of a launcher and all that it makes.
    ///
    /// # Errors
    ///
    /// When the kernel lacks a required feature, or no thread can be started.
    pub(crate) fn start(notify: OwnedFd, network: Arc<EngineNetwork>) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let (notify, stopped, runtime) = (Arc::new(NotifyFd::new(notify)?), Arc::clone(&stop), Handle::current());
        let receive = move || {
            if let Err(error) = receive_calls(&notify, &stopped, &network, &runtime) {
                tracing::error!(error = %error, "sandboxes have no network any more: their calls cannot be received");
            }
        };
        // A thread and no task: if the calling thread is killed after `poll`, receiving its call may block until the
        // next one.
        std::thread::Builder::new().name("sandbox-calls".to_owned()).spawn(receive)?;
        Ok(Self { stop })
    }
}

impl Drop for NotifyListener {
    fn drop(&mut self) {
        // Fails only if the counter is full.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }
}

/// Receives and dispatches calls until it is stopped, or no process is left under the filter.
fn receive_calls(notify: &Arc<NotifyFd>, stop: &OwnedFd, network: &EngineNetwork, runtime: &Handle) -> io::Result<()> {
    loop {
        let mut ready = [PollFd::from_borrowed_fd(notify.as_fd(), PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut ready, None))?;
        let [_, stopped] = ready.map(|ready| !ready.revents().is_empty());
        if stopped {
            return Ok(());
        }
        match notify.try_receive()? {
            TryReceive::Received(notification) => {
                let call = PendingCall::new(Arc::clone(notify), notification);
                if let Err(call) = dispatch(call, network, runtime) {
                    // The sandbox has no broker yet, or none any more.
                    call.respond(Err(Errno::ACCESS));
                }
            }
            TryReceive::Empty => {}
            TryReceive::Disconnected => return Ok(()),
        }
    }
}

/// Puts a call into the queue of its sandbox; returns it if there is no such queue.
fn dispatch(call: PendingCall, network: &EngineNetwork, runtime: &Handle) -> Result<(), PendingCall> {
    // With cgroups version 1 there is a line for each hierarchy; the sandbox's name is a component of a path.
    let groups = cgroups_of(call.notification.thread);
    // If the calling thread has ended, its number may belong to another thread by now, so we check that the call is
    // still pending.
    match network.find_queue(groups.split(['/', '\n'])) {
        Some(queue) if call.is_pending() => {
            queue.push(call, runtime);
            Ok(())
        }
        _ => Err(call),
    }
}

/// Reads the cgroups of a thread. No process of a sandbox can leave or hide them.
fn cgroups_of(thread: Pid) -> String {
    fs::read_to_string(format!("/proc/{}/cgroup", thread.as_raw_nonzero())).unwrap_or_default()
}
