//! One call of the API: how it is sent, tried again, and read.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::Instant;
use url::Url;

use super::Client;
use crate::api::Query;
use crate::error::{ApiError, VercelError};
use crate::retry::{Attempts, Idempotency, retry_after};

/// Maximum length of a response that is read as a whole, except files: a page of fifty sandboxes is below 100 KiB.
const MAX_RESPONSE_BYTES: usize = 4 << 20;

/// How much of the body of an error is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// The header with the directory that the paths in an upload are relative to.
const X_CWD: HeaderName = HeaderName::from_static("x-cwd");

/// A request that is sent once or several times.
#[derive(Debug)]
pub(super) struct Call {
    method: Method,
    url: Url,
    body: Body,
    timeout: Duration,
    idempotency: Idempotency,
}

#[derive(Debug, Clone)]
enum Body {
    None,
    Json(Bytes),
    /// A packed tree of files, with paths relative to the root.
    Gzip(Bytes),
}

impl Call {
    /// Adds a JSON body.
    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, VercelError> {
        self.body = Body::Json(serde_json::to_vec(body).map_err(VercelError::Decode)?.into());
        Ok(self)
    }

    pub(super) fn gzip(mut self, body: Bytes) -> Self {
        self.body = Body::Gzip(body);
        self
    }

    pub(super) fn query(mut self, query: Query) -> Self {
        self.url.query_pairs_mut().extend_pairs(query);
        self
    }

    /// Sets how long one attempt may take.
    pub(super) const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Marks the call as one whose effect may happen twice if it is sent again.
    pub(super) const fn non_idempotent(mut self) -> Self {
        self.idempotency = Idempotency::NonIdempotent;
        self
    }

    pub(super) const fn idempotency(&self) -> Idempotency {
        self.idempotency
    }
}

/// Checks that an id has no special meaning as a segment of a path.
fn check_segment(segment: &str) -> Result<(), VercelError> {
    let means_itself = !segment.is_empty() && segment != "." && segment != ".." && !segment.contains('\0');
    if means_itself { Ok(()) } else { Err(VercelError::InvalidId(segment.to_owned())) }
}

impl Client {
    /// Creates an idempotent call, unless [`non_idempotent`](Call::non_idempotent) is called on it.
    pub(super) fn call(&self, method: Method, path: &[&str]) -> Result<Call, VercelError> {
        for segment in path {
            check_segment(segment)?;
        }
        let mut url = self.inner.base_url.clone();
        // `parse_base_url` accepts only URLs with a host, which always have segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            // A base URL that ends with a slash has an empty last segment.
            segments.pop_if_empty().extend(path);
        }
        url.query_pairs_mut().append_pair("teamId", self.inner.credentials.team_id());
        Ok(Call {
            method,
            url,
            body: Body::None,
            timeout: self.inner.timeouts.request,
            idempotency: Idempotency::Idempotent,
        })
    }

    /// Sends the call and reads the whole response.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, call: &Call) -> Result<T, VercelError> {
        let mut attempts = self.attempts(call.idempotency);
        loop {
            match self.fetch_once(call).await {
                Err(error) => pause_or_fail(&mut attempts, call, error).await?,
                fetched => return fetched,
            }
        }
    }

    /// Sends the call and ignores the body of a successful response.
    pub(super) async fn send_ignoring_body(&self, call: &Call) -> Result<(), VercelError> {
        match self.fetch::<IgnoredAny>(call).await {
            // A success whose body cannot be read is a success: sending the request again would gain nothing.
            Ok(_) | Err(VercelError::Decode(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes one attempt of [`fetch`](Self::fetch).
    pub(super) async fn fetch_once<T: DeserializeOwned>(&self, call: &Call) -> Result<T, VercelError> {
        // The limit includes the body, because a body that stalls would otherwise be waited for without end.
        let body = within(call.timeout, async {
            let mut response = self.send(call).await?;
            read(&mut response, MAX_RESPONSE_BYTES, call.timeout).await
        })
        .await?;
        serde_json::from_slice(&body).map_err(VercelError::Decode)
    }

    /// Sends the call and returns when the head of the response is there. The caller reads the body, without a time
    /// limit.
    pub(super) async fn open(&self, call: &Call) -> Result<Response, VercelError> {
        let mut attempts = self.attempts(call.idempotency);
        loop {
            match within(call.timeout, self.send(call)).await {
                Err(error) => pause_or_fail(&mut attempts, call, error).await?,
                opened => return opened,
            }
        }
    }

    pub(super) fn attempts(&self, idempotency: Idempotency) -> Attempts {
        Attempts::new(self.inner.retry, idempotency)
    }

    /// Makes one attempt and returns when the head of a successful response is there.
    async fn send(&self, call: &Call) -> Result<Response, VercelError> {
        // The token is taken for each attempt, because it may expire between two of them.
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.inner.credentials.token(self.now())?))
            // A token that cannot be sent in a header was never issued.
            .map_err(|_| VercelError::from_status(401, "the token has characters that no token has"))?;
        // Keeps the token out of logs that print headers.
        bearer.set_sensitive(true);
        let mut request = self.inner.http.request(call.method.clone(), call.url.clone()).header(AUTHORIZATION, bearer);
        request = match call.body.clone() {
            // A POST without a body says so with `Content-Length: 0`, because some proxies refuse it otherwise.
            Body::None if call.method == Method::POST => request.header(CONTENT_LENGTH, 0),
            Body::None => request,
            Body::Json(body) => request.header(CONTENT_TYPE, "application/json").body(body),
            Body::Gzip(body) => request.header(CONTENT_TYPE, "application/gzip").header(X_CWD, "/").body(body),
        };
        let mut response = request.send().await.map_err(|error| VercelError::from_http(error, call.timeout))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let retry_after = self.retry_after(response.headers());
        // If the body cannot be read, the error lacks its message, but the status is what matters.
        let body = read_some(&mut response, MAX_ERROR_BYTES).await;
        Err(ApiError::from_answer(response.status().as_u16(), &body, retry_after).into())
    }

    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, self.now())
    }

    pub(super) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.inner.clock.now()
    }
}

/// Waits before the next attempt, or returns the error if there is no further attempt.
pub(super) async fn pause_or_fail(attempts: &mut Attempts, call: &Call, error: VercelError) -> Result<(), VercelError> {
    let Some(pause) = attempts.pause_after(&error) else { return Err(error) };
    tracing::debug!(
        http.method = %call.method,
        http.path = call.url.path(),
        pause_ms = pause.as_millis(),
        error = &error as &dyn std::error::Error,
        "a request to the sandbox API failed and is tried again"
    );
    tokio::time::sleep(pause).await;
    Ok(())
}

/// Limits how long an attempt may take.
pub(super) async fn within<T>(
    limit: Duration,
    attempt: impl Future<Output = Result<T, VercelError>>,
) -> Result<T, VercelError> {
    tokio::time::timeout(limit, attempt).await.unwrap_or(Err(VercelError::Timeout(limit)))
}

/// Reads the whole body, unless it is longer than `limit`.
pub(super) async fn read(response: &mut Response, limit: usize, timeout: Duration) -> Result<Vec<u8>, VercelError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| VercelError::from_http(error, timeout))? {
        if body.len() + piece.len() > limit {
            return Err(VercelError::TooLong(limit));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Reads the beginning of an error's body. This may take only a second, because the status, which matters more, is
/// there already.
async fn read_some(response: &mut Response, limit: usize) -> Vec<u8> {
    let until = Instant::now() + Duration::from_secs(1);
    let mut body = Vec::new();
    while let Ok(Ok(Some(piece))) = tokio::time::timeout_at(until, response.chunk()).await {
        let room = limit - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if body.len() == limit {
            break;
        }
    }
    body
}
