//! Work that runs to its end even if the client disconnects.

use crate::error::ApiError;

/// Runs a use case that must not stop half way, even if the connection is closed.
pub(crate) async fn to_completion<T, E>(work: impl Future<Output = Result<T, E>> + 'static) -> Result<T, ApiError>
where
    T: 'static,
    E: 'static,
    ApiError: From<E>,
{
    match workers_web::to_completion(work).await {
        Ok(done) => done.map_err(ApiError::from),
        Err(panicked) => Err(ApiError::internal(panicked)),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;
    use workers_domain::ports::RepositoryError;

    use super::*;

    #[actix_web::test]
    async fn work_goes_on_after_its_caller_has_gone() {
        let (go, gate) = oneshot::channel::<()>();
        let (done, seen) = oneshot::channel();
        let mut waiting = Box::pin(to_completion(async move {
            gate.await.ok();
            done.send(()).ok();
            Ok::<_, RepositoryError>(())
        }));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        go.send(()).unwrap();
        seen.await.unwrap();
    }

    #[actix_web::test]
    async fn a_panic_is_an_internal_error() {
        let work = async { if true { panic!("no") } else { Ok::<(), RepositoryError>(()) } };
        assert_eq!(to_completion(work).await.unwrap_err().to_string(), "internal error");
    }
}
