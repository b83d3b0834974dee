//! The floor under both HTTP servers, our own API's and the Vercel API's: what is the same in both, whatever their routes and bodies are.
//!
//! [`Listener`] binds, [`StopHandle`] ends the server on it. [`Token`], [`bearer`] and the guard of loopback
//! ([`own_name`], [`is_own_site`]) decide who is let in. [`track`] goes around every handler: it gives a request its id, measures it
//! ([`RequestMetrics`]), logs its answer, and answers for a handler that panicked. What the two word differently is their [`Wording`].

mod detached;
mod fit;
mod guard;
mod listener;
mod metrics;
mod request_id;
mod stop;
mod token;
mod track;

pub use detached::to_completion;
pub use fit::fit;
pub use guard::{is_own_site, own_name};
pub use listener::{BindError, Listener};
pub use metrics::{RequestMetrics, SECONDS};
pub use request_id::{REQUEST_ID, id_header, request_id};
pub use stop::{Phase, StopHandle};
pub use token::{InvalidTokenError, Token, bearer};
pub use track::{Wording, track};
