//! Vercel Sandboxes: a typed client of their REST API, and the platform's sandbox port over it.
//!
//! The client is [`Client`], made from [`Credentials`]; its methods are named after what they do to sandboxes, commands, files and
//! snapshots, one request each. [`VercelError`] says what went wrong, and whether a failed request may have had an effect. The port is
//! [`VercelProvider`], made from a client and [`VercelOptions`].
//!
//! What a client does by itself: it tries again what may safely be sent twice, with growing pauses and as patiently as the API asks
//! ([`RetryPolicy`]); it bounds every wait ([`Timeouts`]) and the size of every answer; it refuses a token that has ended before it
//! sends it. No log and no [`Debug`](std::fmt::Debug) shows a token, and no log a payload.
//!
//! What the provider adds: one name a sandbox, so that it can be deleted whatever becomes of an answer; streams that are resumed
//! where they were cut; commands that are ended when their time is up, even by an API that forgets to; and an end for every
//! sandbox: when it is stopped, dropped, frozen, or never taken, and by its own timeout when the server is killed.
//!
//! Left out on purpose: reading the environment (see [`Credentials::from_variables`]), new OIDC tokens when one ends (that is the
//! Vercel command line's business), persistent sandboxes that resume by themselves, forks, drives and interactive shells.
//!
//! ```no_run
//! use workers_vercel::{Client, CreateSandbox, Credentials, RunCommand, StreamEvent};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Credentials::from_variables(|name| std::env::var(name).ok())?)?;
//! let made = client
//!     .create_sandbox(&CreateSandbox {
//!         name: Some("hello".to_owned()),
//!         runtime: Some("node24".to_owned()),
//!         persistent: Some(false),
//!         ..CreateSandbox::default()
//!     })
//!     .await?;
//! let command = RunCommand { program: "node".to_owned(), args: vec!["--version".to_owned()], ..RunCommand::default() };
//! let mut running = client.run_command(&made.session.id, &command).await?;
//! while let Some(event) = running.events.next().await? {
//!     match event {
//!         StreamEvent::Output(output) => print!("{}", output.text),
//!         StreamEvent::Finished(command) => println!("exited with {:?}", command.exit_code),
//!     }
//! }
//! client.delete_sandbox("hello").await?;
//! # Ok(())
//! # }
//! ```

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
