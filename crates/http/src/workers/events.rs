//! `GET /api/workers/events`

use std::pin::Pin;

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use utoipa::ToSchema;
use workers_service::{WorkerChange, WorkerChanges};

use super::WorkerResponse;
use super::response::rfc3339;
use crate::Api;
use crate::error::{ApiError, ErrorBody, shutting_down};
use crate::event_stream::{Event, Reconnect, respond};
use crate::request::Caller;
use workers_web::Phase;

/// The data of an `invoked` event: a function of a worker was invoked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvokedData {
    /// The worker's id.
    #[schema(format = Uuid)]
    id: String,
    /// When, as in the list.
    #[schema(format = DateTime)]
    last_invoked_at: String,
}

/// The data of a `deleted` event: a worker is gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedData {
    /// The worker's id, which never comes back.
    #[schema(format = Uuid)]
    id: String,
}

/// The data of a `reset` event: read the list again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResetData {}

/// Changes of workers, by this server and by those that share its database, until the server shuts down.
#[utoipa::path(
    get, path = "/api/workers/events", tag = "workers", operation_id = "watchWorkers",
    responses(
        (status = 200, description = "Events, each with one line of JSON as its data: `worker` (WorkerResponse) when one is new or its \
            state another, `invoked` (InvokedData), `deleted` (DeletedData), and `reset` (ResetData) when the list is to be read again. \
            Comments keep the stream alive", content(
            (String = "text/event-stream", example = "event: deleted\ndata: {\"id\":\"019ab0f0-5e80-7000-8000-000000000000\"}\n\n"),
        )),
        (status = 503, description = "`shutting_down`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.workers.events", level = "debug", skip_all)]
pub(crate) async fn handle(api: Data<Api>, Caller(call): Caller) -> Result<HttpResponse, ApiError> {
    if api.stop.is_stopping() {
        return Err(shutting_down());
    }
    // Subscribe before the head is sent: a client that reads the list after the head misses no change.
    let changes = api.platform.workers().changes(&call)?;
    Ok(respond(&api, Reconnect::Invited, events(&api, changes)))
}

/// Creates the events. The stream ends as soon as the server begins to shut down, because it would otherwise never end.
fn events(api: &Api, changes: WorkerChanges) -> impl Stream<Item = Event> + use<> {
    let (api, stop) = (api.clone(), api.stop.clone());
    let stopping: Stopping = Box::pin(async move { stop.reached(Phase::Draining).await });
    unfold((api, changes, stopping), |(api, mut changes, mut stopping)| async move {
        let change = tokio::select! {
            () = &mut stopping => return None,
            change = changes.next() => change?,
        };
        let event = event_of(&change, api.platform.clock().now());
        Some((event, (api, changes, stopping)))
    })
}

type Stopping = Pin<Box<dyn Future<Output = ()>>>;

fn event_of(change: &WorkerChange, now: DateTime<Utc>) -> Event {
    match change {
        WorkerChange::State(worker) => Event::new("worker", &WorkerResponse::new(worker, now)),
        WorkerChange::Invoked { id, at } => {
            Event::new("invoked", &InvokedData { id: id.to_string(), last_invoked_at: rfc3339(*at) })
        }
        WorkerChange::Deleted(id) => Event::new("deleted", &DeletedData { id: id.to_string() }),
        WorkerChange::Reset => Event::new("reset", &ResetData {}),
    }
}
