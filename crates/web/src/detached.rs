//! Work that runs to its end even if the client disconnects.

use tokio::task::JoinError;
use tracing::Instrument as _;

/// Runs work that must not stop half way, even if the connection is closed. Its log lines belong to the request.
///
/// # Errors
///
/// If the work panicked.
pub async fn to_completion<T: 'static>(work: impl Future<Output = T> + 'static) -> Result<T, JoinError> {
    // On this thread (`spawn_local`), because the futures of handlers need not be `Send`.
    actix_web::rt::spawn(work.in_current_span()).await
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[actix_web::test]
    async fn work_goes_on_after_its_caller_has_gone() {
        let (go, gate) = oneshot::channel::<()>();
        let (done, seen) = oneshot::channel();
        let mut waiting = Box::pin(to_completion(async move {
            gate.await.ok();
            done.send(()).ok();
        }));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        go.send(()).unwrap();
        seen.await.unwrap();
    }
}
