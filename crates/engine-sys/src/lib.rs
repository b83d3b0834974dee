#![doc = include_str!("../README.md")]
#![expect(unsafe_code, reason = "the one crate that may talk to the kernel without a safe wrapper")]

mod allocator;
mod constant_table;
mod descriptor;
mod exec;
mod ids;
mod interrupt;
mod mount;
mod network;
mod node_functions;
pub mod notify;
mod process;
pub mod seccomp;
pub mod sights;
mod signal;
mod syscall_table;
pub mod template;

pub use allocator::{gather_memory, give_memory_back, trim_memory};
pub use constant_table::constant;
pub use descriptor::{
    ClosedBy, Closer, close_at_exec, close_from, install_as, keep_only, notify_on_memory_exhaustion, pipe_state, watch,
};
pub use exec::{CommandImage, exec};
pub use ids::set_file_ids;
pub use interrupt::{ThreadId, allow_interrupts};
pub use mount::{MountAttributes, map_owners, mount_attributes};
pub use network::{accept_only_from, bring_loopback_up, network_namespace_of};
pub use process::{
    Cloned, KeptNamespace, NewNamespaces, ReapedChild, SCHEDULING, SingleThread, clone_child, clone_process,
    clone_sibling, enter_network, exit_now, fork_process, join_namespaces, kill_all_others, scheduling_of,
    set_child_pid_namespace, thread_id_address, try_wait_for, unshare_namespaces, unshare_namespaces_except,
    unshare_network, wait_any, wait_for,
};
pub use signal::{
    child_signals, drain_signals, ignore_requests_to_end, pending_signals, reset_signals, unblock_signals,
};
pub use syscall_table::{syscall_number, syscall_numbers};
