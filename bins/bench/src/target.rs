//! A server that can be put under load.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, header};

/// The work, the same for all: parse a payload, print a line, and return the SHA-256 of one member.
pub(crate) const WORK: &str = include_str!("../peers/work.mjs");

/// The payload of each request.
pub(crate) const PAYLOAD: &str = r#"{"text":"hello"}"#;

/// What each response must contain: the SHA-256 of `hello`. A response without it counts as a failure.
pub(crate) const DIGEST: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A server under load.
pub(crate) struct Target {
    /// Its name in the table.
    pub(crate) name: String,
    /// The address on which it listens.
    pub(crate) server: SocketAddr,
    parts: Parts,
    body: Box<dyn Fn() -> Bytes>,
    expected: &'static str,
}

impl Target {
    /// Returns a target for a server that does the work.
    pub(crate) fn work(name: String, server: SocketAddr, path: &str, accept: &'static str) -> anyhow::Result<Self> {
        Self::new(name, server, path, accept, || Bytes::from_static(PAYLOAD.as_bytes()), DIGEST)
    }

    /// Returns a target for a server that gets these bodies and returns a text that contains `expected`.
    pub(crate) fn new(
        name: String,
        server: SocketAddr,
        path: &str,
        accept: &'static str,
        body: impl Fn() -> Bytes + 'static,
        expected: &'static str,
    ) -> anyhow::Result<Self> {
        let (parts, ()) = post(server, path, accept)?.into_parts();
        Ok(Self { name, server, parts, body: Box::new(body), expected })
    }

    /// Returns the next request.
    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        Request::from_parts(self.parts.clone(), Full::new((self.body)()))
    }

    /// Fails if the response is not the expected one.
    pub(crate) fn check(&self, status: StatusCode, body: &Bytes) -> anyhow::Result<()> {
        let text = std::str::from_utf8(body).context("the answer is not text")?;
        anyhow::ensure!(status.is_success() && text.contains(self.expected), "{status}: {text}");
        Ok(())
    }
}

/// Returns a request with an empty body.
pub(crate) fn post(server: SocketAddr, path: &str, accept: &'static str) -> anyhow::Result<Request<()>> {
    let request = Request::builder().method(Method::POST).uri(path).header(header::HOST, server.to_string());
    let request = request.header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, accept);
    Ok(request.body(())?)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use bytes::Bytes;
    use hyper::StatusCode;

    use super::{DIGEST, Target};

    #[test]
    fn only_the_right_digest_counts_as_an_answer() {
        let target = Target::work("it".to_owned(), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), "/", "*/*").unwrap();
        assert!(target.check(StatusCode::OK, &Bytes::from_static(DIGEST.as_bytes())).is_ok());
        assert!(target.check(StatusCode::BAD_GATEWAY, &Bytes::from_static(DIGEST.as_bytes())).is_err());
        assert!(target.check(StatusCode::OK, &Bytes::from_static(b"hashing hello")).is_err());
    }
}
