#![doc = include_str!("../README.md")]

mod api;
mod client;
mod credentials;
mod error;
mod ndjson;
#[cfg(feature = "provider")]
mod provider;
mod retry;
mod timeouts;

pub use api::{
    CommandInfo, CreateSandbox, ListSandboxes, ListSnapshots, NetworkRules, OutputStream, Page, RouteInfo, RunCommand,
    SandboxInfo, SandboxWithSession, SessionInfo, SessionStatus, SnapshotInfo, SnapshotStatus, SortOrder, Source,
    StoppedSession, SubnetRules,
};
pub use client::{
    BuildError, Client, ClientBuilder, CommandEvents, LogEvents, Output, RunningCommand, StreamEvent, UploadFile,
};
pub use credentials::{Credentials, CredentialsError};
pub use error::{ApiError, StreamError, VercelError};
#[cfg(feature = "provider")]
pub use provider::{UnsupportedPolicyError, VercelOptions, VercelProvider};
pub use retry::RetryPolicy;
pub use timeouts::Timeouts;
