//! Resources in words, for messages to people.

use bytesize::ByteSize;
use workers_domain::{Resource, Resources};

/// Returns the resource's name, for use in a sentence.
pub(super) const fn noun(resource: Resource) -> &'static str {
    match resource {
        Resource::Sandboxes => "namespaces",
        Resource::Memory => "memory",
        Resource::Processors => "processor time",
        Resource::Pids => "processes and threads",
        Resource::Descriptors => "the server's descriptors",
    }
}

/// Formats an amount of one resource with its unit.
pub(super) fn amount(resource: Resource, amount: u64) -> String {
    match resource {
        Resource::Memory => ByteSize::b(amount).display().iec().to_string(),
        Resource::Processors => format!("{}.{}", amount / 1000, amount % 1000 / 100),
        Resource::Sandboxes | Resource::Pids | Resource::Descriptors => amount.to_string(),
    }
}

/// Formats the amounts of all resources.
pub(super) fn amounts(resources: Resources) -> String {
    format!(
        "{} memory, {} processors, {} processes, {} descriptors",
        amount(Resource::Memory, resources.memory_bytes),
        amount(Resource::Processors, resources.millicores),
        resources.pids,
        resources.descriptors
    )
}
