//! Bare requests: over one connection, with bodies made in advance, and responses that are read and hardly parsed.
//! Their times are the server's own.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, header};
use serde_json::{Value, json};

use super::api::{PROJECT, TEAM, TOKEN};
use super::stopwatch::{Run, Stopwatch};
use super::work::{ARGUMENTS, COMMAND_TIME, FILE, PROGRAM, RUNTIME, SANDBOX_TIME, TAG, file};
use crate::client::Client;

/// A client that sends bare requests over one connection.
pub(super) struct Bare {
    http: Client,
    host: String,
    number: u32,
    command: Bytes,
    archive: Bytes,
}

impl Bare {
    pub(super) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let command = json!({
            "command": PROGRAM, "args": ARGUMENTS, "env": {}, "sudo": false, "wait": true, "logs": true,
            "timeout": COMMAND_TIME.as_millis(),
        });
        let command = Bytes::from(command.to_string());
        Ok(Self { http: Client::new(address), host: address.to_string(), number: 0, command, archive: archive()? })
    }

    pub(super) async fn invoke(&mut self, snapshot: &str, mut stopwatch: Stopwatch<'_>) -> anyhow::Result<Run> {
        let source = json!({"type": "snapshot", "snapshotId": snapshot});
        let (name, body) = self.sandbox(json!({"source": source, "networkPolicy": {"mode": "allow-all"}}));
        // The body above is made beforehand, so that the times are the server's own.
        stopwatch.begin();
        let session = self.create("v3", body).await?;
        let path = format!("v2/sandboxes/sessions/{session}/cmd");
        let request = self.request(&Method::POST, &path, "", "application/json", self.command.clone())?;
        let answer = self.http.begin(request).await?;
        anyhow::ensure!(answer.status().is_success(), "a command is answered {}", answer.status());
        let (mut body, mut text) = (answer.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            text.extend_from_slice(frame?.data_ref().map_or(&[], |data| data));
            // Two frames may share one event, so all of the text is searched.
            if find(&text, br#""stdout""#).is_some() {
                stopwatch.outcome();
            }
        }
        anyhow::ensure!(find(&text, br#""exitCode":0"#).is_some(), "the command ends so: {}", text.escape_ascii());
        self.remove(&name).await?;
        stopwatch.end()
    }

    pub(super) async fn deploy(&mut self, mut stopwatch: Stopwatch<'_>) -> anyhow::Result<(Run, String)> {
        let (name, body) = self.sandbox(json!({"runtime": RUNTIME, "networkPolicy": {"mode": "deny-all"}}));
        stopwatch.begin();
        let session = self.create("v2", body).await?;
        let session = format!("v2/sandboxes/sessions/{session}");
        self.send(&Method::POST, &format!("{session}/fs/write"), "", "application/gzip", self.archive.clone()).await?;
        let kept = Bytes::from_static(br#"{"expiration":0}"#);
        let made = self.send(&Method::POST, &format!("{session}/snapshot"), "", "application/json", kept).await?;
        let snapshot = text(&made, "snapshot", "id")?;
        stopwatch.outcome();
        self.remove(&name).await?;
        Ok((stopwatch.end()?, snapshot))
    }

    /// Removes the snapshot that a deploy made.
    pub(super) async fn remove_snapshot(&mut self, snapshot: &str) -> anyhow::Result<()> {
        let path = format!("v2/sandboxes/snapshots/{snapshot}");
        self.send(&Method::DELETE, &path, "", "application/json", Bytes::new()).await.map(drop)
    }

    /// Returns the name and the body of a request that creates a sandbox.
    fn sandbox(&mut self, more: Value) -> (String, Bytes) {
        self.number += 1;
        let name = format!("bare-{}", self.number);
        let (tag, value) = TAG;
        let mut body = json!({
            "projectId": PROJECT, "name": name, "timeout": SANDBOX_TIME.as_millis(), "resources": {"vcpus": 1},
            "persistent": false, "ports": [], "tags": {tag: value},
        });
        if let (Value::Object(body), Value::Object(mut more)) = (&mut body, more) {
            body.append(&mut more);
        }
        (name, Bytes::from(body.to_string()))
    }

    /// Creates a sandbox and returns the id of its session.
    async fn create(&mut self, version: &str, body: Bytes) -> anyhow::Result<String> {
        let made = self.send(&Method::POST, &format!("{version}/sandboxes"), "", "application/json", body).await?;
        text(&made, "session", "id")
    }

    async fn remove(&mut self, name: &str) -> anyhow::Result<()> {
        let (path, project) = (format!("v2/sandboxes/{name}"), format!("&projectId={PROJECT}"));
        self.send(&Method::DELETE, &path, &project, "application/json", Bytes::new()).await.map(drop)
    }

    async fn send(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        kind: &str,
        body: Bytes,
    ) -> anyhow::Result<Bytes> {
        let (status, answer) = self.http.send(self.request(method, path, query, kind, body)?).await?;
        anyhow::ensure!(status.is_success(), "{method} {path}: {status}: {}", answer.escape_ascii());
        Ok(answer)
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        kind: &str,
        body: Bytes,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let request = Request::builder().method(method).uri(format!("/api/{path}?teamId={TEAM}{query}"));
        let request = request.header(header::HOST, &self.host).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        Ok(request.header(header::CONTENT_TYPE, kind).header("x-cwd", "/").body(Full::new(body))?)
    }
}

/// Returns the file as a compressed archive.
fn archive() -> anyhow::Result<Bytes> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let content = file();
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o644);
    header.set_size(u64::try_from(content.len())?);
    archive.append_data(&mut header, format!("vercel/{FILE}"), content.as_bytes())?;
    Ok(archive.into_inner()?.finish()?.into())
}

/// Returns the string at `outer.inner` in a response.
fn text(answer: &[u8], outer: &str, inner: &str) -> anyhow::Result<String> {
    let answer: Value = serde_json::from_slice(answer)?;
    Ok(answer[outer][inner].as_str().with_context(|| format!("an answer without `{outer}.{inner}`"))?.to_owned())
}

fn find(text: &[u8], words: &[u8]) -> Option<usize> {
    text.windows(words.len()).position(|window| window == words)
}
