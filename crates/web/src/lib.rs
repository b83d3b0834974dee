#![doc = include_str!("../README.md")]

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
pub use track::{TrackHooks, track};
