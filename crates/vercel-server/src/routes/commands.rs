//! `/v2/sandboxes/sessions/{session}/cmd`

use std::io;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use bytes::Bytes;
use futures_util::stream::{Stream, once, try_unfold};
use serde::Deserialize;
use serde_json::json;

use super::error::error_body;
use super::request::{Json, Params};
use super::response::{json, late_json, lines};
use crate::auth::Caller;
use crate::body::{CommandResponse, CommandView, RunCommandRequest};
use crate::error::{ApiError, ErrorCode};
use crate::logs::{LogReader, ascii, error_line};
use crate::registry::Registry;
use crate::session::{Command, LiveSession, Outcome, TransferPermit};
use crate::sizes::READER_DESCRIPTORS;

/// `POST …/cmd`
pub(super) async fn run(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
    body: Json<RunCommandRequest>,
) -> Result<HttpResponse, ApiError> {
    let session = registry.live(&caller.team, &path)?;
    let (wait, logs) = (body.0.wait, body.0.logs);
    let request = body.0.parse(session.container().home())?;
    // Reserve the reader before the command starts, because a started command cannot be undone.
    let reader = (wait && logs).then(|| session.transfer(READER_DESCRIPTORS)).transpose()?;
    let now = registry.now();
    let live = Arc::clone(&session);
    let command = registry.to_completion(|_| async move { live.run(request, now).await }).await?;
    if !wait {
        let view = CommandView::with_outcome(session.id(), &command, None);
        return json(&CommandResponse { command: view });
    }
    let id = session.id().to_owned();
    Ok(lines(watch(id, command, reader)))
}

/// `GET …/cmd`
pub(super) async fn list(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let session = registry.live(&caller.team, &path)?;
    let commands = session.list_commands();
    let commands: Vec<_> = commands.iter().map(|command| CommandView::new(session.id(), command)).collect();
    json(&json!({ "commands": commands }))
}

/// `GET …/cmd/{command}`
pub(super) async fn get(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<(String, String)>,
    params: Params,
) -> Result<HttpResponse, ApiError> {
    let (session, command) = find(&registry, &caller, &path)?;
    let id = session.id().to_owned();
    if !params.flag("wait")? || command.outcome().is_some() {
        return json(&CommandResponse { command: CommandView::new(&id, &command) });
    }
    Ok(late_json(once(async move {
        let outcome = command.ended().await;
        let view = CommandView::with_outcome(&id, &command, Some(outcome));
        let text = match outcome {
            Outcome::Exited { .. } => serde_json::to_vec(&CommandResponse { command: view })?,
            Outcome::Lost => error_body(&ApiError::stopped()),
        };
        Ok::<_, serde_json::Error>(Bytes::from(text))
    })))
}

/// `GET …/cmd/{command}/logs`
pub(super) async fn logs(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (session, command) = find(&registry, &caller, &path)?;
    let reader = session.transfer(READER_DESCRIPTORS)?;
    Ok(lines(command.read_log(reader).into_stream()))
}

/// The signal to send.
#[derive(Debug, Deserialize)]
pub(super) struct KillRequest {
    signal: Option<i32>,
}

/// `POST …/cmd/{command}/kill`
#[tracing::instrument(
    name = "commands.kill",
    skip_all,
    fields(session.id = path.0.as_str(), command.id = path.1.as_str())
)]
pub(super) async fn kill(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<(String, String)>,
    body: Json<KillRequest>,
) -> Result<HttpResponse, ApiError> {
    let signal = body.0.signal.unwrap_or(15);
    // Signal 0 would only test whether the process exists; 64 is the last real-time signal of Linux.
    if !(1..=64).contains(&signal) {
        return Err(ApiError::bad_request("`signal` must be the number of a signal, from 1 to 64."));
    }
    let (session, command) = find(&registry, &caller, &path)?;
    if command.outcome().is_none() {
        let (live, number) = (Arc::clone(&session), command.number);
        let work = async move {
            live.while_open(live.container().signal(number, signal))
                .await
                .map_err(|error| ApiError::from_container(&error))
        };
        registry.to_completion(|_| work).await?;
    }
    json(&CommandResponse { command: CommandView::new(session.id(), &command) })
}

fn find(
    registry: &Registry,
    caller: &Caller,
    (session, command): &(String, String),
) -> Result<(Arc<LiveSession>, Arc<Command>), ApiError> {
    let session = registry.live(&caller.team, session)?;
    let found = session.command(command);
    let found = found.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("Command '{command}' not found.")))?;
    Ok((session, found))
}

/// The stages of the stream for a command that the client waits for.
enum Stage {
    Started(Option<TransferPermit>),
    Output(LogReader),
    Ended,
    Over,
}

/// Returns the stream of a command from its start to its end. Dropping the stream leaves the command running.
fn watch(
    session: String,
    command: Arc<Command>,
    reader: Option<TransferPermit>,
) -> impl Stream<Item = io::Result<Bytes>> {
    try_unfold((Stage::Started(reader), session, command), |(mut stage, session, command)| async move {
        loop {
            let (line, next) = match stage {
                Stage::Started(reader) => {
                    let next = reader.map_or(Stage::Ended, |reader| Stage::Output(command.read_log(reader)));
                    (line(&session, &command, None)?, next)
                }
                Stage::Output(mut reader) => {
                    let Some(piece) = reader.next().await? else {
                        stage = Stage::Ended;
                        continue;
                    };
                    (piece, Stage::Output(reader))
                }
                Stage::Ended => {
                    let line = match command.ended().await {
                        Outcome::Lost => Bytes::from(error_line()),
                        outcome @ Outcome::Exited { .. } => line(&session, &command, Some(outcome))?,
                    };
                    (line, Stage::Over)
                }
                Stage::Over => return Ok(None),
            };
            return Ok(Some((line, (next, session, command))));
        }
    })
}

fn line(session: &str, command: &Command, outcome: Option<Outcome>) -> io::Result<Bytes> {
    let view = CommandView::with_outcome(session, command, outcome);
    let mut line = ascii(&serde_json::to_string(&CommandResponse { command: view })?);
    line.push('\n');
    Ok(Bytes::from(line))
}
