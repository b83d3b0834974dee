//! Extracts queries and bodies; errors have the form of the API.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::{Bytes, Query};
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use workers_domain::error_chain;

use crate::error::{ApiError, ErrorCode};
use crate::registry::{PageRequest, Rank};

/// Maximum length of a JSON body in bytes. It must fit the arguments and the environment of a command.
pub(crate) const MAX_JSON_BYTES: usize = 4 << 20;
/// How long a JSON body may take to arrive.
const BODY_TIME: Duration = Duration::from_mins(1);

/// The query of a request, in which names may be repeated.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Parses the query of a request.
    pub(crate) fn parse(request: &HttpRequest) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string());
        let pairs = pairs.map_err(|error| ApiError::bad_request(format!("The query is not valid: {error}.")))?;
        Ok(Self(pairs.into_inner()))
    }

    /// Returns the first non-empty value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Returns all values of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether this name has the value `true` or `1`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(ApiError::bad_request(format!("`{name}` must be `true` or `false`."))),
        }
    }

    /// Returns the project, from either of its two names.
    pub(crate) fn project(&self) -> Result<String, ApiError> {
        let project = self.get("projectId").or_else(|| self.get("project")).unwrap_or_default();
        check_project(project)?;
        Ok(project.to_owned())
    }

    /// Returns which page of a list is requested.
    pub(crate) fn page(&self) -> Result<PageRequest, ApiError> {
        let cursor = match self.get("cursor") {
            None => None,
            Some(text) => Some(Rank::parse(text).ok_or_else(|| ApiError::bad_request("`cursor` is not valid."))?),
        };
        Ok(PageRequest { limit: self.limit(20, 50)?, cursor, descending: self.descending()? })
    }

    /// Returns the maximum number of items.
    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(default) };
        let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
        limit.ok_or_else(|| ApiError::bad_request(format!("`limit` must be from 1 to {max}.")))
    }

    /// Returns whether the list is requested in descending order.
    pub(crate) fn descending(&self) -> Result<bool, ApiError> {
        match self.get("sortOrder") {
            None | Some("desc") => Ok(true),
            Some("asc") => Ok(false),
            Some(_) => Err(ApiError::bad_request("`sortOrder` must be `asc` or `desc`.")),
        }
    }
}

impl FromRequest for Params {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Self::parse(request))
    }
}

/// Checks the id of a project.
pub(crate) fn check_project(project: &str) -> Result<(), ApiError> {
    if project.len() <= 128 {
        Ok(())
    } else {
        Err(ApiError::bad_request("A project's id must have at most 128 bytes."))
    }
}

/// Returns the error for a body that could not be read. The error of the connection goes to the log only.
pub(super) fn unread(error: &PayloadError) -> ApiError {
    tracing::debug!(error = error_chain(error), "a request body was not read");
    match error {
        PayloadError::EncodingCorrupted => {
            ApiError::bad_request("The request body is not encoded as its `Content-Encoding` says.")
        }
        _ => broke_off(),
    }
}

fn broke_off() -> ApiError {
    ApiError::bad_request("The request body broke off.")
}

/// A JSON body, regardless of its `Content-Type`. An absent body counts as `{}`.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            let late = |_| ApiError::bad_request("The request body did not arrive in time.");
            let body = timeout(BODY_TIME, body).await.map_err(late)?.map_err(|error| {
                match error.as_response_error().status_code() {
                    actix_web::http::StatusCode::PAYLOAD_TOO_LARGE => {
                        let message = format!("The request body is longer than {MAX_JSON_BYTES} bytes.");
                        ApiError::new(ErrorCode::TooLarge, message)
                    }
                    _ => error.as_error().map_or_else(broke_off, unread),
                }
            })?;
            let text = if body.trim_ascii().is_empty() { &b"{}"[..] } else { &body };
            let value = serde_json::from_slice(text);
            value.map(Self).map_err(|error| ApiError::bad_request(format!("The request body is not valid: {error}.")))
        })
    }
}
